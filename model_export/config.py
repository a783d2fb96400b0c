"""The sections of a recipe: typed, checked once, unknown keys refused."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.domain import Direction


class EncoderKind(StrEnum):
    """How source tokens see each other."""

    GRU = "gru"
    CONV = "conv"
    SELF_ATTENTION = "self_attention"


class DecoderKind(StrEnum):
    """The recurrent cell that carries the target's state."""

    GRU = "gru"


class AttentionKind(StrEnum):
    """How a decoder state scores an encoder output."""

    NONE = "none"
    DOT = "dot"
    GENERAL = "general"
    ADDITIVE = "additive"


class Section(BaseModel):
    """One table of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class CorpusFiles(Section):
    """One aligned corpus: two plain files, or two columns of a TSV; `.gz` too."""

    name: str
    """Names the corpus in reports and in the bundle's manifest."""
    source: str | None = None
    """Path of the source side, one sentence a line; `${DATA_DIR}` is replaced."""
    target: str | None = None
    """Path of the target side."""
    tsv: str | None = None
    """Path of a TSV file, instead of `source` and `target`."""
    tsv_columns: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (0, 1)
    """Zero-based columns of source and target in `tsv`."""
    domains: str | None = None
    """Path of a file that names each line's origin."""
    keep_domains: tuple[str, ...] = ()
    """Origins to keep; needs `domains`."""
    direction: Direction | None = None
    """Which of the recipe's directions the pairs are of; needed when there are several."""
    swapped: bool = False
    """The pairs are read the other way round: `target` is translated into `source`."""
    repeat: Annotated[int, Field(ge=1)] = 1
    """Times that an epoch has each of its training pairs: for a small corpus among large ones."""
    licence: str = Field(min_length=1)
    """Licence of the text, in words; goes into the manifest."""
    origin: str = Field(min_length=1)
    """Where the text comes from and whom to credit; goes into the manifest."""
    sha256: dict[str, str] = {}
    """Expected digests by path as written above; a different file is refused."""

    @model_validator(mode="after")
    def _one_form(self) -> "CorpusFiles":
        aligned = self.source is not None and self.target is not None
        if aligned == (self.tsv is not None):
            raise ValueError(f"corpus {self.name!r} needs source and target, or tsv, not both")
        if bool(self.domains) != bool(self.keep_domains):
            raise ValueError(f"corpus {self.name!r} needs domains and keep_domains together")
        return self


class ReversedLetters(Section):
    """The toy task: `d a c` becomes `c a d`."""

    name: str = "reversed-letters"
    generator: Literal["reversed_letters"]
    count: Annotated[int, Field(ge=1)]
    """Pairs to generate."""
    max_letters: Annotated[int, Field(ge=1)] = 10
    """Longest string of letters."""
    direction: Direction | None = None
    licence: str = "generated; no rights"
    origin: str = "made by this project"


CorpusConfig = CorpusFiles | ReversedLetters


class DataConfig(Section):
    """What a model learns from, and how its lines are cleaned."""

    train: tuple[CorpusConfig, ...] = Field(min_length=1)
    dev: tuple[CorpusConfig, ...] = ()
    """Development data; without it, `dev_fraction` of the training sources is set aside."""
    test: tuple[CorpusConfig, ...] = ()
    dev_fraction: Annotated[float, Field(ge=0, lt=0.5)] = 0.01
    max_words: Annotated[int, Field(ge=1)] = 100
    """Training pairs with a longer side are dropped and counted."""
    max_length_ratio: Annotated[float, Field(gt=1)] | None = None
    """Training pairs whose longer side has more times the words are dropped and counted."""
    hold_out_targets: bool = False
    """Drop training pairs whose target is one of `test` or `dev`, and not only whose source is: for
    several source languages, whose tests share their references with the training data."""
    deduplicate: bool = True
    """Drop repeated training pairs."""
    drop_empty: bool = False
    """Drop pairs with an empty side instead of refusing the file."""


class VocabularyConfig(Section):
    """The joint SentencePiece vocabulary of source and target."""

    size: Annotated[int, Field(ge=300)]
    """Pieces, special and byte pieces included."""
    character_coverage: Annotated[float, Field(gt=0, le=1)] = 0.9998


class MarksConfig(Section):
    """Marks in the source that the model is taught to obey; see `model_export.marks`."""

    terms: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the training pairs repeated with a source phrase given in the target's words."""
    placeholders: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share repeated with placeholders on both sides."""


class ModelConfig(Section):
    """The network. D is `size`: embeddings, encoder outputs and decoder states alike."""

    # For `copy`, which Pydantic's models have a method of.
    model_config = ConfigDict(serialize_by_alias=True)

    encoder: EncoderKind = EncoderKind.GRU
    encoder_layers: Annotated[int, Field(ge=1)] = 2
    encoder_heads: Annotated[int, Field(ge=1)] = 8
    """Heads of the self-attention encoder."""
    kernel_size: Annotated[int, Field(ge=1)] = 5
    """Tokens that one layer of the convolutional encoder sees; odd."""
    decoder: DecoderKind = DecoderKind.GRU
    attention: AttentionKind = AttentionKind.GENERAL
    attention_heads: Annotated[int, Field(ge=1)] = 1
    size: Annotated[int, Field(ge=8)] = 512
    copies: bool = Field(default=False, alias="copy")
    """`copy` in recipes: source tokens can be copied by their attention."""

    @model_validator(mode="after")
    def _copies_by_attention(self) -> "ModelConfig":
        if self.copies and self.attention is AttentionKind.NONE:
            raise ValueError("copy = true needs an attention to copy by; attention is 'none'")
        return self

    @model_validator(mode="after")
    def _divisible(self) -> "ModelConfig":
        for name, parts in (
            ("attention_heads", self.attention_heads),
            ("encoder_heads", self.encoder_heads),
            ("the two directions of the encoder", 2),
        ):
            if self.size % parts:
                raise ValueError(f"size is {self.size}; {name} ({parts}) must divide it")
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {self.kernel_size}; it must be odd")
        return self


class DistillationMode(StrEnum):
    """Which of the teacher's hypotheses becomes a target."""

    BEST = "best"
    CLOSEST = "closest"


class DistillationConfig(Section):
    """Targets in a teacher's words beside the corpus's own; see `model_export.distillation`."""

    teachers: tuple[str, ...] = Field(min_length=1)
    """Directory of a bundle, or of one run or several, whose probabilities are then averaged;
    relative ones start where the command is run."""
    mode: DistillationMode = DistillationMode.CLOSEST
    """best: the hypothesis that the teacher prefers; closest: the one of its beam that is most
    like the corpus's target."""
    beam_size: Annotated[int, Field(ge=1)] = 4
    """Hypotheses of the teacher's search."""
    repeat: Annotated[int, Field(ge=0)] = 1
    """How often each pair is learned with the corpus's own target, too."""


class TeacherForcing(Section):
    """How often the decoder is fed the reference instead of its own prediction.

    1.0 is teacher forcing, 0.0 is free running, and in between each position tosses a coin
    (scheduled sampling, Bengio et al. 2015). The ratio goes from `start` to `end` in a
    straight line over `steps` updates and stays there.
    """

    start: Annotated[float, Field(ge=0, le=1)] = 1.0
    end: Annotated[float, Field(ge=0, le=1)] = 1.0
    steps: Annotated[int, Field(ge=1)] = 1

    def ratio(self, step: int) -> float:
        """The ratio at update `step`, counted from 0."""
        progress = min(step / self.steps, 1.0)
        return self.start + (self.end - self.start) * progress


class TrainingConfig(Section):
    """Optimisation."""

    start_from: str | None = None
    """Directory of a run whose vocabulary and weights this one begins with; a relative one starts
    where the command is run."""
    seed: Annotated[int, Field(ge=0)] = 1
    batch_tokens: Annotated[int, Field(ge=1)] = 4096
    """Padded tokens of the longer side in one batch of one process."""
    max_steps: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    warmup_steps: Annotated[int, Field(ge=0)] = 400
    """Updates over which the rate climbs; then it falls along a cosine to a twentieth."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    word_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Chance that an input token is replaced by the unknown token."""
    bpe_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Chance that a merge of the vocabulary is left out, drawn anew in every epoch; see
    `model_export.subwords`."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    r_drop: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the distance between two passes with other dropout (Liang et al. 2021)."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    precision: Literal["bf16", "fp32"] = "bf16"
    """bf16: matrix products in bfloat16, master weights in float32."""
    teacher_forcing: TeacherForcing = TeacherForcing()
    evaluate_every: Annotated[int, Field(ge=1)] = 500
    """Updates between checkpoints and looks at the dev set."""
    evaluate_sentences: Annotated[int, Field(ge=1)] = 500
    """Dev sentences decoded at each look."""
    patience: Annotated[int, Field(ge=1)] = 10
    """Looks without a better dev score before training stops."""
    average_checkpoints: Annotated[int, Field(ge=1)] = 4
    """Checkpoints, the best dev scores, whose weights are averaged at the end."""


class SearchConfig(Section):
    """Defaults the bundle is served with; lengths do not count the end mark."""

    beam_size: Annotated[int, Field(ge=1)] = 4
    length_penalty: Annotated[float, Field(ge=0)] = 1.0
    min_decoding_length: Annotated[int, Field(ge=0)] = 1
    max_decoding_length: Annotated[int, Field(ge=1)] = 256


class ShortlistConfig(Section):
    """Which tokens the int8 graphs score; see `model_export.shortlist`."""

    frequent: Annotated[int, Field(ge=64, multiple_of=64)] = 512
    """Tokens that every source can be answered with, the commonest of the target side."""
    per_token: Annotated[int, Field(ge=1)] = 16
    """Further tokens that each token of the source brings."""


class LimitsConfig(Section):
    """What the served model accepts."""

    max_source_tokens: Annotated[int, Field(ge=2)] = 256
    """The end mark included."""
    max_target_tokens: Annotated[int, Field(ge=1)] = 512
    max_beam_size: Annotated[int, Field(ge=1)] = 16


class Card(Section):
    """What the model card says beyond the figures."""

    description: str
    licence: str
    """Licence of the weights."""
    attribution: tuple[str, ...] = ()
    limitations: str = ""
