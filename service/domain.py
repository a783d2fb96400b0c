"""The values that travel through a request, from text in to text out.

A request is a straight line of types::

    TextRequest -> Segment -> DecodeRequest -> DecodedSource -> TextResponse

The two ends live in `service.pipeline`; the middle, which the engine and the decoder
share, lives here. Axes: B sources, K beam, S source tokens, T target tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Task(StrEnum):
    """What a bundle does with a text."""

    TRANSLATION = "translation"
    SUMMARIZATION = "summarization"


class FinishReason(StrEnum):
    """Why a hypothesis stopped growing."""

    END = "end"  # the model produced its end mark
    LENGTH = "length"  # max_decoding_length was reached first


@dataclass(frozen=True, slots=True)
class Direction:
    """From which language into which: what a translation goes along.

    Attributes:
        source: Language code of the text.
        target: Language code of the answer; None for a summary, which stays in its language.
    """

    source: str
    target: str | None = None

    def __str__(self) -> str:
        """As files and labels have it: ``en de``, or ``en``."""
        return f"{self.source} {self.target}" if self.target else self.source

    @property
    def in_words(self) -> str:
        """As people read it: ``en to de``, or ``en``."""
        return f"{self.source} to {self.target}" if self.target else self.source


@dataclass(frozen=True, slots=True)
class SpecialIds:
    """Token ids with a meaning of their own."""

    pad_id: int
    unk_id: int
    start_id: int
    end_id: int


@dataclass(frozen=True, slots=True)
class MarkIds:
    """Ids of the control symbols that a model was trained to read; see `service.text.marks`.

    Attributes:
        term_begin: Before the target words of a term.
        term_end: Behind them.
        placeholders: One for each stretch that can be copied in one sentence.
    """

    term_begin: int
    term_end: int
    placeholders: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How one source is searched; names follow CTranslate2's translation options.

    Attributes:
        beam_size: Hypotheses kept per step; 1 is greedy search.
        num_hypotheses: Hypotheses returned, best first; at most `beam_size`.
        length_penalty: Exponent a in ``score = log_prob / length**a``; 0 ranks by log_prob.
        min_decoding_length: Fewest target tokens, the end mark not counted.
        max_decoding_length: Most target tokens, the end mark not counted.
    """

    beam_size: int
    num_hypotheses: int
    length_penalty: float
    min_decoding_length: int
    max_decoding_length: int


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """One source sentence, ready for the engine's queue.

    Attributes:
        source_ids: Token ids, the end mark included, so never empty.
        options: Checked against the bundle's limits before it gets here.
        deadline_s: Instant on the engine's clock after which nobody wants the answer.
        priority: 0, or more for what may wait longer; see `service.engine.plan.turns`.
        want_attention: Whether the answer should have attention; costs time and memory.
        on_agreed: Told, in the thread that decodes, all the target tokens that the answer is
            certain to begin with, whenever there are more; returns at once and raises nothing.
    """

    source_ids: tuple[int, ...]
    options: SearchOptions
    deadline_s: float | None = None
    priority: int = 0
    want_attention: bool = False
    on_agreed: Callable[[tuple[int, ...]], None] | None = None


@dataclass(frozen=True, slots=True)
class DecodedHypothesis:
    """One target sequence and what the model thought of it.

    Attributes:
        token_ids: Target tokens without the end mark, length T.
        log_prob: Natural log-probability of the sequence (end mark included when it ended
            with one); goes up as the model likes it better.
        score: ``log_prob / length**length_penalty``, what the hypotheses are ranked by.
            `length` counts the end mark.
        token_log_probs: Log-probability of each token of `token_ids`, [T].
        attention: Weight of each source token (end mark included) for each target token,
            [T, S], rows sum to 1; None when the model has none or nobody asked.
        finish_reason: Why it stopped.
    """

    token_ids: tuple[int, ...]
    log_prob: float
    score: float
    token_log_probs: FloatArray
    attention: FloatArray | None
    finish_reason: FinishReason


@dataclass(frozen=True, slots=True)
class DecodedSource:
    """What the engine answers for one `DecodeRequest`.

    Attributes:
        hypotheses: Best first, `num_hypotheses` of them (fewer only when the search space
            holds fewer).
        decode_steps: Decoder steps spent on this source.
        queue_s: Time from submission to admission.
        encode_s: Time in `encode`, shared with the sources admitted together.
        decode_s: Time from the end of `encode` to the last `advance`.
        others: Rebuilds what else the search found, best first: ended hypotheses beyond
            `num_hypotheses`. Hardly anybody asks, so they are not rebuilt before.
    """

    hypotheses: tuple[DecodedHypothesis, ...]
    decode_steps: int
    queue_s: float
    encode_s: float
    decode_s: float
    others: Callable[[], tuple[DecodedHypothesis, ...]] = field(
        default=tuple, compare=False, repr=False
    )
