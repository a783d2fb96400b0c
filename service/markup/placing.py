"""Where the inline tags of a text go in its translation: by word alignment.

An element wraps the stretch of the target that holds most of the words that came of its own and
fewest of others. An empty tag goes between the words that came of its neighbours. Every tag is
there once, and what was inside what still is. In the midst of a word is a place only if the target
has the same word.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from service.markup.evidence import Evidence, proportional
from service.markup.levels import Element, Item, Point, levels, piece_offsets, point
from service.markup.same_words import cut_apart, cut_at_ends
from service.markup.tagged import Kind, Piece, Tag, is_whole, partners, plain_text, tidied
from service.markup.weaving import Placed, weave
from service.text.alignment import AlignedWord, words
from service.text.normalise import Span

# Beyond these, tags keep their order and their share of the way: nobody writes such text, and
# nobody shall keep a processor busy with it.
_MOST_WORK = 200_000  # tags times words of both texts
_MOST_DEPTH = 50

# What it costs an empty tag to go from one end to the other, in words that came of its
# neighbours: less than good evidence is worth, more than chance.
_DISTANCE = 0.25


def place_tags(
    source: Sequence[Piece],
    target: str,
    aligned: Sequence[AlignedWord] | None,
    copies: Sequence[tuple[Span, Span]] = (),
) -> list[Piece]:
    """Put the tags of a text into its translation.

    The tags that come out are those that go in, each once. If each had its partner in the source
    it has it in the target, and elements are inside the same elements as before; they may change
    places with their neighbours. If some tag has no partner, all of them stay in their order.

    The strings that come out are `target`, but for white space around empty tags, which is as it
    was in the source: ``a <br> b`` keeps its two spaces, ``a<br>b`` gets none.

    Args:
        source: The text that was translated: ``plain_text(source)`` is what the model read.
        target: What the model said.
        aligned: Words of `target` and the words of ``plain_text(source)`` behind them. Words
            that are left out say nothing. Without any, as from a model without attention, tags
            go as far along in the target as they are in the source.
        copies: Of tags that read as something to copy, its place in ``plain_text(source)`` and
            that of the copy in `target`, which the tag is put in the place of.

    Returns:
        The target in strings and tags, no two strings in a row and none empty. The source as it
        is (but so tidied), if the model left it as it is.
    """
    source = tidied(source)
    text = plain_text(source)
    if target == text and all(here == there for here, there in copies):
        return source
    tags = [piece for piece in source if isinstance(piece, Tag)]
    copied = dict(copies)
    places = [
        offset
        for offset, piece in zip(piece_offsets(source), source, strict=False)
        if isinstance(piece, Tag)
    ]
    found = cut_apart(aligned or proportional(text, target), text, target, places)
    source_words = cut_at_ends(
        words(text, sorted(copied)), [each.span for word in found for each in word.sources]
    )
    target_words = cut_at_ends(
        words(target, sorted(copied.values())), [word.span for word in found]
    )
    room = 0, len(target_words)
    evidence = Evidence(text, target, target_words, found)
    number_of = {span: number for number, span in enumerate(target_words)}
    pins = {here: number_of[there] for here, there in copies}
    placing = _Placing(source_words, evidence, pins)
    placed: list[Placed]
    work = len(tags) * (len(source_words) + len(target_words))
    if work > _MOST_WORK or _depth(tags) > _MOST_DEPTH:
        placed = _one_by_one(source, placing.shares_of_the_way(source, room))
    elif not is_whole(source):
        placed = _one_by_one(source, placing.in_order(source, room))
    else:
        placed = list(placing.level(levels(source, partners(source)), (0, len(text)), room))
    return weave(target, target_words, placed, copied.values())


class _Placing:
    """Finds gaps for tags. A gap is the number of words of the target in front of it.

    Args:
        source_words: Places of the source's words.
        evidence: Of the target's words.
        pins: Of points that the model copied, by their place in the source, the number of the
            word of the target that is the copy.
    """

    def __init__(
        self, source_words: Sequence[Span], evidence: Evidence, pins: Mapping[Span, int]
    ) -> None:
        self._source_words = source_words
        self._starts = [start for start, _ in source_words]
        self._ends = [end for _, end in source_words]
        self._evidence = evidence
        self._pins = pins

    def level(self, items: Sequence[Item], span: Span, room: Span) -> Iterator[Placed]:
        """Place what is on one level, and all that is in it, in the order of the target.

        Args:
            items: What is there, in the order of the source.
            span: The source characters of the level.
            room: The first and the last gap it may have.
        """
        elements = [item for item in items if isinstance(item, Element)]
        ranges = self._ranges(elements, span, room)
        rest = iter(ranges)
        gaps = [
            next(rest) if isinstance(item, Element) else self._gap(item, span, room, ranges)
            for item in items
        ]
        # What is empty has a range without a word, so it comes between those that touch there.
        for number in sorted(range(len(items)), key=lambda number: (gaps[number], number)):
            item, (first, last) = items[number], gaps[number]
            if isinstance(item, Point):
                yield _placed_point(item, first, is_copy=first < last)
                continue
            yield Placed(first, Kind.OPEN, (item.open,))
            yield from self.level(item.items, item.span, (first, last))
            yield Placed(last, Kind.CLOSE, (item.close,))

    def _ranges(self, elements: Sequence[Element], span: Span, room: Span) -> list[Span]:
        """The gaps that each element of a level begins and ends at; no two share a word."""
        if [self._words_in(each.span) for each in elements] == [self._words_in(span)]:
            return [room]  # what was around all is around all
        owners = self._owners(elements, room)
        ranges: list[Span | None] = []
        for number, element in enumerate(elements):
            gains = [
                2 * self._evidence.share(word, element.span) - 1
                if owner in (None, number)
                else -float("inf")
                for word, owner in zip(range(*room), owners, strict=True)
            ]
            best = best_run(gains)
            ranges.append(best and (best[0] + room[0], best[1] + room[0]))
        for number, element in enumerate(elements):
            if ranges[number] is None:
                ranges[number] = self._makeshift(element, span, room, ranges)
        return [each for each in ranges if each is not None]

    def _owners(self, elements: Sequence[Element], room: Span) -> list[int | None]:
        """The number of the element that most of each word came of, if there is one."""

        def is_most(word: int, element: Element) -> bool:
            return self._evidence.share(word, element.span) > 0.5

        return [
            next((number for number, each in enumerate(elements) if is_most(word, each)), None)
            for word in range(*room)
        ]

    def _makeshift(
        self, element: Element, span: Span, room: Span, ranges: Sequence[Span | None]
    ) -> Span:
        """A range for an element that nothing in the target came of: better one than no link."""
        taken = {word for each in ranges if each is not None for word in range(*each)}
        expected = self._expected(element.span[0], span, room)
        taken.update(self._pins.values())
        free = [word for word in range(*room) if word not in taken]
        if free:
            word = min(
                free,
                key=lambda word: (
                    -self._evidence.share(word, element.span),
                    abs(word - expected),
                ),
            )
            return word, word + 1
        gap = self._nearest(expected, room, [each for each in ranges if each is not None])
        return gap, gap

    def _gap(self, item: Point, span: Span, room: Span, ranges: Sequence[Span]) -> Span:
        """The gap of a point, as a range of nothing, or the word that is its copy.

        Never inside the elements beside it.
        """
        pin = self._pins.get(item.span, -1)
        if room[0] <= pin < room[1] and not any(first <= pin < last for first, last in ranges):
            return pin, pin + 1
        before = [word for word in self._source_words if span[0] <= word[0] < item.span[0]]
        after = [word for word in self._source_words if item.span[1] < word[1] <= span[1]]
        expected = self._expected(item.span[0], span, room)
        if not before or not after:
            gap = self._nearest(room[0] if not before else room[1], room, ranges)
            return gap, gap
        # What touches one of its neighbours belongs to it.
        left = 2.0 if item.after.isspace() and not item.before.isspace() else 1.0
        right = 2.0 if item.before.isspace() and not item.after.isspace() else 1.0

        def merit(gap: int) -> float:
            came = -_DISTANCE * abs(gap - expected) / max(1, room[1] - room[0])
            if gap > room[0]:
                came += left * self._evidence.share(gap - 1, before[-1])
            if gap < room[1]:
                came += right * self._evidence.share(gap, after[0])
            return came

        gap = max(_open_gaps(room, ranges), key=merit)
        return gap, gap

    def _expected(self, place: int, span: Span, room: Span) -> int:
        """The gap as far along in `room` as `place` is in the source characters `span`."""
        whole = self._words_in(span)
        before = self._words_in((span[0], place))
        return room[0] + round(before / max(1, whole) * (room[1] - room[0]))

    def _words_in(self, span: Span) -> int:
        """How many words of the source lie in a span, in part at least."""
        inside = bisect_left(self._starts, span[1]) - bisect_right(self._ends, span[0])
        return max(0, inside)

    @staticmethod
    def _nearest(wanted: int, room: Span, ranges: Sequence[Span]) -> int:
        return min(_open_gaps(room, ranges), key=lambda gap: abs(gap - wanted))

    def shares_of_the_way(self, source: Sequence[Piece], room: Span) -> list[int]:
        """A gap for each tag, as far along as it was."""
        offsets = piece_offsets(source)
        span = 0, offsets[-1]
        return [
            self._expected(offset, span, room)
            for piece, offset in zip(source, offsets, strict=False)
            if isinstance(piece, Tag)
        ]

    def in_order(self, source: Sequence[Piece], room: Span) -> list[int]:
        """A gap for each tag, so that most words have the tags before them that theirs had."""
        offsets = piece_offsets(source)
        places = [
            offset for piece, offset in zip(source, offsets, strict=False) if isinstance(piece, Tag)
        ]
        stretches = list(zip([0, *places], [*places, offsets[-1]], strict=True))
        return best_order(
            [[self._evidence.share(word, each) for each in stretches] for word in range(*room)],
            len(stretches),
        )


def best_run(gains: Sequence[float]) -> Span | None:
    """Where the stretch with the largest sum begins and ends; None if none is above 0.

    It begins and ends with a gain above 0. Of equals the longest that begins first.
    """
    best, total = 0.0, -1.0
    start, found = 0, None
    for place, gain in enumerate(gains):
        if total < 0:
            start, total = place, 0.0 if gain > 0 else -1.0
        if total >= 0:
            total += gain
        if gain > 0 and (total, -start) >= (best, -found[0] if found else 0):
            best, found = total, (start, place + 1)
    return found


def best_order(shares: Sequence[Sequence[float]], stretches: int) -> list[int]:
    """Cut a line of words into `stretches`, in order, so that each word is where it belongs.

    Args:
        shares: For each word how much of it belongs to each stretch.
        stretches: How many there are.

    Returns:
        The number of words in front of each cut, one fewer than `stretches`.
    """
    # worth[s]: of the words so far, at most, when the last of them is in s or before it.
    # stays[w][s]: word w is then in s itself.
    worth = [0.0] * stretches
    stays: list[list[bool]] = []
    for row in shares:
        within = [before + share for before, share in zip(worth, row, strict=True)]
        worth = list(accumulate(within, max))
        stays.append([value == most for value, most in zip(within, worth, strict=True)])
    of_word: list[int] = []
    stretch = stretches - 1
    for stay in reversed(stays):
        while not stay[stretch]:
            stretch -= 1
        of_word.append(stretch)
    of_word.reverse()
    return [bisect_right(of_word, cut) for cut in range(stretches - 1)]


def _open_gaps(room: Span, ranges: Sequence[Span]) -> list[int]:
    closed = {gap for first, last in ranges for gap in range(first + 1, last)}
    return [gap for gap in range(room[0], room[1] + 1) if gap not in closed]


def _placed_point(item: Point, gap: int, *, is_copy: bool = False) -> Placed:
    return Placed(gap, Kind.EMPTY, item.pieces, item.before, item.after, item.parts_words, is_copy)


def _one_by_one(source: Sequence[Piece], gaps: Sequence[int]) -> list[Placed]:
    """The tags of a text in their order, each in its gap."""
    offsets = piece_offsets(source)
    tags = [(index, piece) for index, piece in enumerate(source) if isinstance(piece, Tag)]
    return [
        _placed_point(point(source, offsets, index, index), gap)
        if piece.kind is Kind.EMPTY
        else Placed(gap, piece.kind, (piece,))
        for (index, piece), gap in zip(tags, gaps, strict=True)
    ]


def _depth(tags: Sequence[Tag]) -> int:
    """How many opening tags are at most ahead of the closing ones."""
    deepest = depth = 0
    for tag in tags:
        depth += {Kind.OPEN: 1, Kind.CLOSE: -1, Kind.EMPTY: 0}[tag.kind]
        deepest = max(deepest, depth)
    return deepest
