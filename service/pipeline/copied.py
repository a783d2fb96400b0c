"""What an answer has of its text character by character: copies, and what no model was asked."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from service.pipeline.marking import moved
from service.pipeline.response import Sentence
from service.text.normalise import Span


@dataclass(frozen=True, slots=True)
class Copied:
    """A stretch of a text that its answer has, too.

    Attributes:
        source: Its place in the text.
        by: How far on it is in the answer.
        is_inserted: See `MarkUse`.
    """

    source: Span
    by: int
    is_inserted: bool = False

    def place_of(self, span: Span) -> Span:
        """Where in the answer a place within it is."""
        return moved(span, self.by)


class Copies:
    """All such stretches of one text and one answer. Holds nothing that changes."""

    def __init__(self, text: str, sentences: Sequence[Sentence], rank: int = 0) -> None:
        """Find them.

        Args:
            text: What was asked.
            sentences: The answer's.
            rank: Which of the answers: 0 for `TextResponse.text`, j for
                ``alternatives[j - 1]``.
        """
        found: list[Copied] = []
        done = place = 0  # in the text, and in the answer
        for sentence in sentences:
            start, end = sentence.source_span
            found.append(Copied((done, start), place - done))
            place += start - done
            hypothesis = sentence.ranked(rank)
            # Its places are those of the text that it was best in.
            by = place - hypothesis.span[0]
            found += [
                Copied(use.source, use.target[0] - use.source[0] + by, use.is_inserted)
                for use in hypothesis.uses
                if use.is_copy and use.target is not None
            ]
            done, place = end, place + len(hypothesis.text)
        self._copied = [*found, Copied((done, len(text)), place - done)]

    def around(self, span: Span) -> Copied | None:
        """The stretch that a place of the text, not empty, lies in; None if it was not copied."""
        behind = bisect_right(self._copied, span[0], key=lambda copied: copied.source[0])
        copied = self._copied[behind - 1]  # the first begins where the text does
        return copied if span[1] <= copied.source[1] else None
