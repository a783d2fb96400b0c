"""What a caller asks of the pipeline."""

import sys
from dataclasses import dataclass
from typing import Self

from service.domain import Direction
from service.markup.document import Markup
from service.text.glossary import Glossary
from service.text.normalise import Span
from service.text.segment import Boundaries


@dataclass(frozen=True, slots=True)
class SearchOverrides:
    """Search options of one request; None takes the bundle's default.

    Names and units are those of `service.domain.SearchOptions`.
    """

    beam_size: int | None = None
    num_hypotheses: int | None = None
    length_penalty: float | None = None
    min_decoding_length: int | None = None
    max_decoding_length: int | None = None


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One text and how to answer it.

    Attributes:
        text: Any text, of any number of sentences and lines.
        direction: One of the model's.
        options: Checked against the bundle's limits when the text is planned.
        deadline_s: Instant on the engine's clock after which nobody wants the answer.
        priority: 0, or more for what may wait longer.
        want_tokens: Fill `Hypothesis.tokens` of the answer.
        want_alignment: Fill `Hypothesis.alignment` of the answer.
        want_confidence: Fill `Sentence.signs`, and `Sentence.confidence` if the model's
            probabilities were calibrated for the direction.
        boundaries: Where a text to translate is cut into sentences.
        glossaries: Terms that the translation should have; of two for the same words, the one
            of the first glossary. Refused for a model that was not trained with terms.
        protected: Places in `text` to be copied untouched, in order, none empty or overlapping
            another; besides the addresses and placeholders that are found anyway. A model
            that was not trained to copy translates what is between them, piece by piece.
        markup: How the text is marked up; None for plain text. The answer is marked up alike,
            and `protected` is not looked at: markup says what is to be kept.
    """

    text: str
    direction: Direction
    options: SearchOverrides = SearchOverrides()
    deadline_s: float | None = None
    priority: int = 0
    want_tokens: bool = False
    want_alignment: bool = False
    want_confidence: bool = False
    boundaries: Boundaries = Boundaries.LINES_AND_SENTENCES
    glossaries: tuple[Glossary, ...] = ()
    protected: tuple[Span, ...] = ()
    markup: Markup | None = None


@dataclass(frozen=True, slots=True)
class TextLimits:
    """What one text may be, checked before any model work.

    Attributes:
        max_characters: Characters (code points) of a text.
        max_sentences: Sentences of a text that go to the model, after long ones were split.
    """

    max_characters: int
    max_sentences: int

    @classmethod
    def refusing_nothing(cls) -> Self:
        """For whoever brings texts of their own, such as an evaluation."""
        return cls(max_characters=sys.maxsize, max_sentences=sys.maxsize)
