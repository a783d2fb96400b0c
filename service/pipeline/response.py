"""What the pipeline answers. Offsets count characters (code points) and end exclusively."""

from dataclasses import dataclass

from service.domain import FinishReason
from service.text.alignment import AlignedWord
from service.text.glossary import Entry
from service.text.normalise import Span
from service.trust.confidence import Signs
from service.trust.guard import Problem


@dataclass(frozen=True, slots=True)
class Token:
    """One target token.

    Attributes:
        piece: As SentencePiece writes it, U+2581 for a space.
        log_prob: Natural log-probability.
        span: Place in the text that the hypothesis is part of; empty if it left nothing.
    """

    piece: str
    log_prob: float
    span: Span


@dataclass(frozen=True, slots=True)
class MarkUse:
    """What became of a term, or of what was to be copied.

    Attributes:
        source: Its place in the request's text.
        target: Its place in the text that the hypothesis is part of; None when the model left
            a term out.
        is_copy: It was to be copied.
        is_inserted: The model left a copy out; it was put where alignment suggests.
        is_number: Nobody asked for it: see `Stretch`.
    """

    source: Span
    target: Span | None
    is_copy: bool
    is_inserted: bool = False
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class TermUse:
    """What became of a term that was asked for, in the first text of the answer.

    Attributes:
        entry: What was asked for.
        use: What came of it.
    """

    entry: Entry
    use: MarkUse

    @property
    def is_held(self) -> bool:
        """The translation has it."""
        return self.use.target is not None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One way to put a sentence.

    Attributes:
        text: The target sentence.
        span: Its place in the text it is part of: `TextResponse.text` for the first
            hypothesis, ``alternatives[j - 1]`` for hypothesis j.
        log_prob: Natural log-probability of the sentence.
        score: What hypotheses are ranked by, up is better.
        finish_reason: "length" when `max_decoding_length` cut it.
        tokens: Only if asked for.
        alignment: Only if asked for, and None from a model without attention. Target spans
            are places as in `span`, source spans are places in the request's text.
        uses: Terms, and stretches that were copied, in order of the source. Each that the
            target has is one word of `alignment`, aligned with its source alone.
    """

    text: str
    span: Span
    log_prob: float
    score: float
    finish_reason: FinishReason
    tokens: tuple[Token, ...] | None = None
    alignment: tuple[AlignedWord, ...] | None = None
    uses: tuple[MarkUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, or part of a sentence, that went to the model.

    Attributes:
        source_span: Its place in the request's text.
        is_part: The sentence was longer than the model's window, so it was translated in
            parts, this being one.
        hypotheses: The answer first, the others by score; never empty.
        source_tokens: The end mark included.
        decode_steps: Decoder steps spent on it.
        problems: What the guard sees in the answer.
        is_rescued: The answer is not the hypothesis of the best score, which had more problems,
            or lacked a term or a copy that the answer has.
        avoided: What the guard saw in that one, when it is not the answer.
        signs: What the confidence in the answer is read from; only if asked for.
        confidence: How good the answer can be expected to be, 0..1; only if asked for, and None
            from a model that was not calibrated.
    """

    source_span: Span
    is_part: bool
    hypotheses: tuple[Hypothesis, ...]
    source_tokens: int
    decode_steps: int
    problems: tuple[Problem, ...] = ()
    is_rescued: bool = False
    avoided: tuple[Problem, ...] = ()
    signs: Signs | None = None
    confidence: float | None = None

    def ranked(self, rank: int) -> Hypothesis:
        """That of answer number `rank`: its last one, where it has fewer than others."""
        return self.hypotheses[min(rank, len(self.hypotheses) - 1)]


@dataclass(frozen=True, slots=True)
class SourceUse:
    """What a summary was made from, when a text may be longer than the model's window.

    Attributes:
        sentences: Sentences the text has.
        used: Place of each sentence that the model read, from the first on; so sentence i of
            the text was used if ``i < len(used)``.
        last_is_cut: The last of `used` ends before its sentence does: even the first
            sentence was longer than the window.
    """

    sentences: int
    used: tuple[Span, ...]
    last_is_cut: bool


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Where the time went, for one text.

    The engine's stages are those of the sentence that spent longest there: sentences are
    worked on side by side, so a sum would say nothing.
    """

    tokenise_s: float
    queue_s: float
    encode_s: float
    decode_s: float
    detokenise_s: float


@dataclass(frozen=True, slots=True)
class TextResponse:
    """The answer to one `TextRequest`.

    Attributes:
        text: The translation or the summary.
        alternatives: Further answers: entry j - 1 joins hypothesis j of every sentence (its
            last one, where a sentence has fewer).
        sentences: What went to the model, in order. What did not (lines without a letter or
            digit, white space, list marks) is in `text` as it was.
        use: Which sentences were summarized; None for a translation.
        times: Where the time went.
        source_tokens: Of all sentences, end marks included.
        generated_tokens: Of the best hypotheses of all sentences, end marks not counted.
        terms: Every place in the text where a term was that had been asked for, in order.
    """

    text: str
    alternatives: tuple[str, ...]
    sentences: tuple[Sentence, ...]
    use: SourceUse | None
    times: StageTimes
    source_tokens: int
    generated_tokens: int
    terms: tuple[TermUse, ...] = ()
