"""A text with inline tags as a tree: elements that hold words, and points between words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from service.markup.tagged import Kind, Piece, Tag, plain_text
from service.text.normalise import Span


@dataclass(frozen=True, slots=True)
class Point:
    """What stands between words, or inside one: a tag without content, several in a row, or
    elements that hold no word.

    Attributes:
        pieces: The tags, with the white space inside the elements.
        span: Its place in the plain text; as long as what it reads as.
        before: The character before it; "" if there is none, or a tag.
        after: The character behind it; "" if there is none, or a tag.
    """

    pieces: tuple[Piece, ...]
    span: Span
    before: str
    after: str

    @property
    def parts_words(self) -> bool:
        """It stands in place of white space."""
        return self.span[0] < self.span[1] and not (self.before.isspace() or self.after.isspace())


@dataclass(frozen=True, slots=True)
class Element:
    """A pair of tags around at least one word.

    Attributes:
        open: The opening tag.
        close: The closing tag.
        span: The place of what is between them in the plain text.
        items: What else of markup is between them, in order.
    """

    open: Tag
    close: Tag
    span: Span
    items: tuple["Item", ...]


Item = Element | Point


def levels(pieces: Sequence[Piece], partner: Mapping[int, int]) -> tuple[Item, ...]:
    """The tree of a text whose tags all have partners.

    Args:
        pieces: The text, tidied.
        partner: As `service.markup.tagged.partners` has it.
    """
    text = plain_text(pieces)
    offsets = piece_offsets(pieces)

    def level(first: int, last: int) -> tuple[Item, ...]:
        items: list[Item] = []
        index = first
        while index < last:
            piece = pieces[index]
            end = partner.get(index, index)
            if isinstance(piece, Tag):
                span = offsets[index], offsets[end + 1]
                close = pieces[end]
                if piece.kind is Kind.OPEN and text[slice(*span)].strip():
                    assert isinstance(close, Tag)
                    items.append(Element(piece, close, span, level(index + 1, end)))
                else:
                    _add(items, point(pieces, offsets, index, end), pieces[index - 1], text)
            index = end + 1
        return tuple(items)

    return level(0, len(pieces))


def point(pieces: Sequence[Piece], offsets: Sequence[int], first: int, last: int) -> Point:
    """``pieces[first]`` to ``pieces[last]`` as one point."""
    before = pieces[first - 1] if first else ""
    after = pieces[last + 1] if last + 1 < len(pieces) else ""
    return Point(
        tuple(pieces[first : last + 1]),
        (offsets[first], offsets[last + 1]),
        before=before[-1:] if isinstance(before, str) else "",
        after=after[:1] if isinstance(after, str) else "",
    )


def piece_offsets(pieces: Sequence[Piece]) -> list[int]:
    """Where each piece begins in the plain text, and where the last one ends."""
    return [0, *accumulate(len(plain_text([piece])) for piece in pieces)]


def _add(items: list[Item], new: Point, before: Piece, text: str) -> None:
    """Append a point; one that follows another without anything between them joins it.

    What reads as something to copy stays alone.
    """
    last = items[-1] if items else None
    if (
        isinstance(last, Point)
        and isinstance(before, Tag)
        and not text[last.span[0] : new.span[1]].strip()
    ):
        items[-1] = replace(
            last,
            pieces=last.pieces + new.pieces,
            span=(last.span[0], new.span[1]),
            after=new.after,
        )
    else:
        items.append(new)
