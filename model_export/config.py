"""Training recipes: typed TOML, checked once, unknown keys refused.

A recipe says everything that decides what a model becomes: its data, vocabulary,
architecture, optimisation and default search. It is copied into the bundle it made.
"""

import tomllib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from model_export.errors import RecipeError
from service.domain import Direction, Task

# Control symbols of a vocabulary whose model obeys marks.
TERM_BEGIN, TERM_END = "<term>", "</term>"
PLACEHOLDERS = tuple(f"<x{number}>" for number in range(1, 9))


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


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class CorpusFiles(_Section):
    """One aligned corpus: two plain files, or two columns of a TSV; `.gz` too."""

    name: str
    """Names the corpus in reports and in the bundle's manifest."""
    source: str | None = None
    """Path of the source side, one sentence a line; `${DATA_DIR}` is replaced."""
    target: str | None = None
    """Path of the target side."""
    tsv: str | None = None
    """Path of a TSV file, instead of `source` and `target`."""
    tsv_columns: tuple[int, int] = (0, 1)
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


class ReversedDigits(_Section):
    """The toy task: `3 1 4` becomes `4 1 3`."""

    name: str = "reversed-digits"
    generator: Literal["reversed_digits"]
    count: Annotated[int, Field(ge=1)]
    """Pairs to generate."""
    max_digits: Annotated[int, Field(ge=1)] = 10
    """Longest string of digits."""
    direction: Direction | None = None
    licence: str = "generated; no rights"
    origin: str = "made by this project"


class DataConfig(_Section):
    """What a model learns from, and how its lines are cleaned."""

    train: tuple[CorpusFiles | ReversedDigits, ...] = Field(min_length=1)
    dev: tuple[CorpusFiles | ReversedDigits, ...] = ()
    """Development data; without it, `dev_fraction` of the training sources is set aside."""
    test: tuple[CorpusFiles | ReversedDigits, ...] = ()
    dev_fraction: Annotated[float, Field(ge=0, lt=0.5)] = 0.01
    max_words: Annotated[int, Field(ge=1)] = 100
    """Training pairs with a longer side are dropped and counted."""
    max_length_ratio: Annotated[float, Field(gt=1)] | None = None
    """Training pairs whose longer side has more times the words are dropped and counted."""
    hold_out_targets: bool = False
    """Drop training pairs whose target is a test's or the dev set's, and not only whose source is:
    for several source languages, whose tests share their references with the training data."""
    deduplicate: bool = True
    """Drop repeated training pairs."""
    drop_empty: bool = False
    """Drop pairs with an empty side instead of refusing the file."""


class VocabularyConfig(_Section):
    """The joint SentencePiece vocabulary of source and target."""

    size: Annotated[int, Field(ge=300)]
    """Pieces, special and byte pieces included."""
    character_coverage: Annotated[float, Field(gt=0, le=1)] = 0.9998


class MarksConfig(_Section):
    """Marks in the source that the model is taught to obey; see `model_export.marks`."""

    terms: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the training pairs repeated with a source phrase given in the target's words."""
    placeholders: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share repeated with placeholders on both sides."""


class ModelConfig(_Section):
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


class DistillationConfig(_Section):
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


class TeacherForcing(_Section):
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


class TrainingConfig(_Section):
    """Optimisation."""

    start_from: str | None = None
    """Directory of a run whose vocabulary and weights this one begins with; a relative one starts
    where the command is run."""
    seed: int = 1
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


class SearchConfig(_Section):
    """Defaults the bundle is served with; lengths do not count the end mark."""

    beam_size: Annotated[int, Field(ge=1)] = 4
    length_penalty: Annotated[float, Field(ge=0)] = 1.0
    min_decoding_length: Annotated[int, Field(ge=0)] = 1
    max_decoding_length: Annotated[int, Field(ge=1)] = 256


class ShortlistConfig(_Section):
    """Which tokens the int8 graphs score; see `model_export.shortlist`."""

    frequent: Annotated[int, Field(ge=64, multiple_of=64)] = 512
    """Tokens that every source can be answered with, the commonest of the target side."""
    per_token: Annotated[int, Field(ge=1)] = 16
    """Further tokens that each token of the source brings."""


class LimitsConfig(_Section):
    """What the served model accepts."""

    max_source_tokens: Annotated[int, Field(ge=1)] = 256
    """The end mark included."""
    max_target_tokens: Annotated[int, Field(ge=1)] = 512
    max_beam_size: Annotated[int, Field(ge=1)] = 16


class Card(_Section):
    """What the model card says beyond the figures."""

    description: str
    licence: str
    """Licence of the weights."""
    attribution: tuple[str, ...] = ()
    limitations: str = ""


class Recipe(_Section):
    """One model, from data to bundle."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    version: str = "1"
    task: Task
    directions: tuple[Direction, ...] = Field(min_length=1)
    """What the model does; with several target languages each source begins with a mark that
    names its own (Johnson et al. 2017)."""
    data: DataConfig
    vocabulary: VocabularyConfig
    marks: MarksConfig | None = None
    """None: the model knows no marks."""
    model: ModelConfig = ModelConfig()
    training: TrainingConfig
    distillation: DistillationConfig | None = None
    """None: targets are the corpus's."""
    search: SearchConfig = SearchConfig()
    shortlist: ShortlistConfig = ShortlistConfig()
    limits: LimitsConfig = LimitsConfig()
    card: Card

    @model_validator(mode="after")
    def _directions_fit(self) -> "Recipe":
        for direction in self.directions:
            if any(character.isspace() for character in str(direction).replace(" ", "", 1)):
                raise ValueError(f"direction {direction} has white space in a language code")
            if (self.task is Task.TRANSLATION) != (direction.target is not None):
                raise ValueError("a direction has a target with task = 'translation' only")
        if len(set(self.directions)) < len(self.directions):
            raise ValueError("directions has one of them twice")
        for corpus in (*self.data.train, *self.data.dev, *self.data.test):
            if direction_of(corpus, self.directions) not in self.directions:
                raise ValueError(f"corpus {corpus.name!r} has a direction that the recipe has not")
        return self

    @model_validator(mode="after")
    def _one_cost(self) -> "Recipe":
        if self.model.copies and self.training.r_drop:
            raise ValueError("r_drop compares what is generated; it cannot be had with copy = true")
        return self

    def with_seed(self, seed: int) -> "Recipe":
        """The same recipe with another seed, under a name of its own."""
        training = self.training.model_copy(update={"seed": seed})
        return self.model_copy(update={"name": f"{self.name}-seed-{seed}", "training": training})

    @property
    def target_marks(self) -> dict[str, str]:
        """The control symbol of each target language; {} when there is only one."""
        targets = dict.fromkeys(each.target for each in self.directions if each.target)
        return {target: f"<2{target}>" for target in targets} if len(targets) > 1 else {}

    @property
    def control_symbols(self) -> tuple[str, ...]:
        """Pieces of the vocabulary that no text is encoded to."""
        marks = () if self.marks is None else (TERM_BEGIN, TERM_END, *PLACEHOLDERS)
        return (*self.target_marks.values(), *marks)


def direction_of(
    corpus: CorpusFiles | ReversedDigits, directions: Sequence[Direction]
) -> Direction:
    """The direction of a corpus's pairs, of a recipe with `directions`.

    Raises:
        ValueError: The corpus says none and the recipe has several.
    """
    if corpus.direction is not None:
        return corpus.direction
    if len(directions) > 1:
        raise ValueError(f"corpus {corpus.name!r} has to say its direction: there are several")
    return directions[0]


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; one that `extends` another says only what it changes.

    Raises:
        RecipeError: The file or the one that it extends cannot be read, is not TOML, or a key is
            missing, unknown or out of range; the message names the file and each key.
    """
    try:
        values = _read_toml(path)
        base = values.pop("extends", None)
        # What the other extends would be an unknown key: one step is plain, several are a maze.
        extended = {} if base is None else _read_toml(path.parent / str(base))
        return parse_recipe(_changed(extended, values))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecipeError) as error:
        raise RecipeError(f"recipe {path}: {error}") from error


def _read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` put over it: tables key by key, all else (lists, too) as a whole."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _changed(base[key], value) if both else value
    return merged


def parse_recipe(values: dict[str, Any]) -> Recipe:
    """A recipe from the plain values of a TOML document, or `RecipeError`."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'recipe'}: {item['msg']}"
            for item in error.errors()
        )
        raise RecipeError(problems) from error
