"""Which stretches of a text are not translated like the rest, and how the model is told."""

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter

from service.domain import Direction, MarkIds
from service.text.fit import Measure
from service.text.glossary import Match
from service.text.marks import Mark, Placeholder, Term, encode_marked
from service.text.normalise import Span
from service.text.number_format import respelt
from service.text.protected import protected_spans
from service.text.segment import Segment, Segmented
from service.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a text that is not translated like the rest.

    Attributes:
        span: Its place in the request's text.
        target: The translation asked for; None if it is to be copied.
        is_number: Nobody asked for it: it is a number that an answer had lost.
        is_loose: Nobody asked for it: the model cannot spell it, or it is a handle, a hashtag or a
            code. At its sentence's ends it may be kept from the model: see `service.pipeline.ends`.
    """

    span: Span
    target: str | None
    is_number: bool = False
    is_loose: bool = False


def find_stretches(
    text: str,
    terms: Sequence[Match],
    protected: Sequence[Span] = (),
    loose: Sequence[Span] = (),
) -> list[Stretch]:
    """What is not translated like the rest of `text`, in order, none overlapping another.

    What is to be copied and overlaps is copied as one. A term with a translation that overlaps
    what is to be copied is none: the copy goes before.

    Args:
        text: The whole text.
        terms: Where it has terms that were asked for, in order.
        protected: More that is to be copied, besides addresses and placeholders.
        loose: The same; but here terms go before, and what is left of a place is loose.
    """
    found = protected_spans(text)
    if not (found or protected or terms or loose):  # nearly always
        return []
    untranslated = [match.span for match in terms if match.entry.target is None]
    copied = _united([*found, *protected, *untranslated])
    taken = _united([*copied, *(match.span for match in terms)]) if loose else copied
    return sorted(
        [
            *(Stretch(span, None) for span in copied),
            *(
                Stretch(span, None, is_loose=True)
                for place in _united(loose)
                for span in _left_of(place, taken, text)
            ),
            *(
                Stretch(match.span, match.entry.target)
                for match in terms
                if match.entry.target is not None and _is_apart(match.span, copied)
            ),
        ],
        key=attrgetter("span"),
    )


def with_numbers(
    stretches: Sequence[Stretch],
    text: str,
    start: int,
    numbers: Iterable[Span],
    direction: Direction,
) -> tuple[Stretch, ...]:
    """The stretches of a sentence, and some of its numbers.

    Args:
        stretches: Those in the sentence. A number within one is theirs.
        text: The sentence.
        start: Where it begins in the whole text.
        numbers: Places in the sentence.
        direction: Says how they are to be written.
    """
    taken = [stretch.span for stretch in stretches]
    added: list[Stretch] = []
    for place in numbers:
        span = moved(place, start)
        if _is_apart(span, taken):
            figure = text[slice(*place)]
            spelt = respelt(figure, direction.source, direction.target or direction.source)
            added.append(Stretch(span, None if spelt == figure else spelt, is_number=True))
    return tuple(sorted([*stretches, *added], key=attrgetter("span")))


def masked(text: str, stretches: Iterable[Stretch]) -> str:
    """`text`, character for character, with nothing in a stretch that could end a sentence."""
    pieces: list[str] = []
    done = 0
    for stretch in stretches:
        start, end = stretch.span
        pieces += (text[done:start], *(c if c.isalnum() else "W" for c in text[start:end]))
        done = end
    return "".join([*pieces, text[done:]])


def unmasked(text: str, segmented: Segmented) -> Segmented:
    """The sentences of `masked(text, ...)` as `text` has them."""
    segments: list[Segment] = []
    done = 0
    for each in segmented.segments:
        segments.append(Segment(text[each.start : each.end], text[done : each.start], each.start))
        done = each.end
    return Segmented(tuple(segments), text[done:])


def cut_out(text: str, segmented: Segmented, stretches: Sequence[Stretch]) -> Segmented:
    """The sentences of `text` in pieces, with every stretch between two pieces."""
    segments: list[Segment] = []
    done = 0
    for each in segmented.segments:
        inside = within(stretches, each.start, each.end)
        starts = [each.start, *(stretch.span[1] for stretch in inside)]
        ends = [*(stretch.span[0] for stretch in inside), each.end]
        for start, end in zip(starts, ends, strict=True):
            piece = text[start:end]
            begin = start + len(piece) - len(piece.lstrip())
            if piece.strip():
                segments.append(Segment(piece.strip(), text[done:begin], begin))
                done = segments[-1].end
    return Segmented(tuple(segments), text[done:])


def within(stretches: Sequence[Stretch], start: int, end: int) -> tuple[Stretch, ...]:
    """Those of `stretches` that lie in ``[start, end)``; none lies half in it."""
    first = bisect_left(stretches, start, key=lambda stretch: stretch.span[0])
    last = bisect_left(stretches, end, key=lambda stretch: stretch.span[0])
    return tuple(stretches[first:last])


def without(text: str, start: int, stretches: Iterable[Stretch]) -> str:
    """`text`, which begins at `start` of the whole one, without what is to be copied."""
    pieces: list[str] = []
    done = 0
    for stretch in stretches:
        if stretch.target is None:
            pieces.append(text[done : stretch.span[0] - start])
            done = stretch.span[1] - start
    return "".join([*pieces, text[done:]])


def reworded(text: str, start: int, stretches: Iterable[Stretch]) -> str:
    """`text`, which begins at `start` of the whole one, with terms as they were asked for."""
    pieces: list[str] = []
    done = 0
    for stretch in stretches:
        if stretch.target is not None:
            pieces += (text[done : stretch.span[0] - start], stretch.target)
            done = stretch.span[1] - start
    return "".join([*pieces, text[done:]])


def moved(span: Span, by: int) -> Span:
    """A place in another text, that begins at `-by` of this one."""
    return span[0] + by, span[1] + by


def marks_of(
    stretches: Iterable[Stretch], start: int, *, terms_are_hidden: bool = False
) -> list[Mark]:
    """What the model is told of stretches in a sentence.

    Args:
        stretches: In order.
        start: Where the sentence begins in the whole text.
        terms_are_hidden: Terms have placeholders, too; these are numbered in order.
    """
    marks: list[Mark] = []
    number = 0
    for stretch in stretches:
        span = moved(stretch.span, -start)
        if stretch.target is None or terms_are_hidden:
            marks.append(Placeholder(span, number))
            number += 1
        else:
            marks.append(Term(span, stretch.target))
    return marks


class MarkedMeasure(Measure):
    """A sentence with stretches that are not cut; for `service.text.fit`."""

    def __init__(
        self,
        text: str,
        start: int,
        stretches: Sequence[Stretch],
        tokenizer: Tokenizer,
        ids: MarkIds,
    ) -> None:
        """Measure a sentence.

        Args:
            text: The sentence.
            start: Its place in the whole text.
            stretches: Those in it.
            tokenizer: The model's.
            ids: The model's.
        """
        self._text = text
        self._start = start
        self._stretches = stretches
        self._tokenizer = tokenizer
        self._ids = ids

    def tokens(self, start: int, end: int) -> int:
        """See `Measure`. More placeholders than the model has are more than any limit."""
        inside = within(self._stretches, self._start + start, self._start + end)
        if sum(stretch.target is None for stretch in inside) > len(self._ids.placeholders):
            return sys.maxsize
        marks = marks_of(inside, self._start + start)
        return len(encode_marked(self._text[start:end], marks, self._tokenizer, self._ids))

    def may_cut(self, place: int) -> bool:
        """See `Measure`."""
        place += self._start
        before = bisect_left(self._stretches, place, key=lambda stretch: stretch.span[0])
        return before == 0 or self._stretches[before - 1].span[1] <= place


def _united(spans: Iterable[Span]) -> list[Span]:
    """The same places in order, those that overlap as one; what only touches stays apart."""
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start < united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _left_of(span: Span, taken: Sequence[Span], text: str) -> Iterator[Span]:
    """What of a place is not in `taken`, which is in order; without white space around it."""
    start, last = span
    first = bisect_right(taken, start, key=itemgetter(1))
    behind = bisect_left(taken, last, key=itemgetter(0))
    for begin, end in [*taken[first:behind], (last, last)]:
        if piece := text[start:begin].strip():
            place = text.index(piece, start)
            yield place, place + len(piece)
        start = max(start, end)


def _is_apart(span: Span, others: Sequence[Span]) -> bool:
    """Whether a place overlaps none of `others`, which are in order."""
    behind = bisect_left(others, span[1], key=itemgetter(0))
    return behind == 0 or others[behind - 1][1] <= span[0]
