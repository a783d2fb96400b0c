"""A text with inline tags: a sequence of strings and tags, in the order they are read.

Worked case, for ``Press <b>Enter</b>.``::

    ["Press ", Tag(Kind.OPEN, "b", "<b>"), "Enter", Tag(Kind.CLOSE, "b", "</b>"), "."]
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a tag does."""

    OPEN = auto()
    CLOSE = auto()
    EMPTY = auto()  # stands at a place: a line break, an image, a comment, something kept as it is


@dataclass(frozen=True, slots=True)
class Tag:
    """An inline tag.

    Attributes:
        kind: Whether it opens or closes an element, or stands alone.
        name: What an opening tag and the one that closes it have in common.
        source: As it is written in the document; nobody here looks into it.
        reads: What the model reads in its place: nothing, a space for what parts words
            without any, like ``<br>``, or something that it is to copy.
        stands_for_words: It is part of the sentence, like ``<code>f(x)</code>``: a model that
            can copy should be told that something is there.
    """

    kind: Kind
    name: str
    source: str
    reads: str = ""
    stands_for_words: bool = False


Piece = str | Tag


def plain_text(pieces: Iterable[Piece]) -> str:
    """What the model reads of a text with tags."""
    return "".join(piece.reads if isinstance(piece, Tag) else piece for piece in pieces)


def partners(pieces: Sequence[Piece]) -> dict[int, int]:
    """Each opening and closing tag's place in `pieces`, with its partner's.

    A tag that nothing opens or closes is left out, and so is an opening tag whose element is
    closed before it. So of two elements, one is in the other or they share nothing.
    """
    found: dict[int, int] = {}
    open_: list[int] = []
    of_name: dict[str, list[int]] = {}
    for index, piece in enumerate(pieces):
        if isinstance(piece, str) or piece.kind is Kind.EMPTY:
            continue
        same = of_name.setdefault(piece.name, [])
        if piece.kind is Kind.OPEN:
            open_.append(index)
            same.append(index)
        elif same:
            opened = same[-1]
            found[opened], found[index] = index, opened
            while same and same[-1] == opened:
                tag = pieces[open_.pop()]
                assert isinstance(tag, Tag)
                of_name[tag.name].pop()
    return found


def is_whole(pieces: Sequence[Piece]) -> bool:
    """Whether every opening and closing tag has its partner."""
    paired = [each for each in pieces if isinstance(each, Tag) and each.kind is not Kind.EMPTY]
    return len(partners(pieces)) == len(paired)


def tidied(pieces: Iterable[Piece]) -> list[Piece]:
    """The same without empty strings and with neighbouring strings joined."""
    tidy: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Tag):
            tidy.append(piece)
        elif piece and tidy and isinstance(tidy[-1], str):
            tidy[-1] += piece
        elif piece:
            tidy.append(piece)
    return tidy
