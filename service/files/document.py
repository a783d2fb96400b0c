"""What a document is to those who translate it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from service.markup.tagged import Kind, Piece, Tag, partners

# A stretch of a document that is translated as one text: a paragraph, a cell, a line. Where
# formatting begins and ends, and where something stands that is not text, it has tags; line
# breaks and tabs within a paragraph are line breaks in its strings.
Passage: TypeAlias = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What a document may be, checked while it is opened.

    Attributes:
        max_unpacked_bytes: Bytes of all files in an archive together.
    """

    max_unpacked_bytes: int


class Document(Protocol):
    """A document that was read."""

    @property
    def passages(self) -> Sequence[Passage]:
        """What is to be translated, in reading order; none has only white space."""

    def written(self, translations: Sequence[Passage]) -> bytes:
        """The document with its passages replaced. Call it once.

        Args:
            translations: One for each of `passages`, with the same tags, each at its place in
                the translation, and as many line breaks.
        """


def peeled(pieces: Sequence[Piece]) -> tuple[Passage, Passage, Passage]:
    """What is before, in and behind what needs a translation; together they are `pieces`.

    White space, tags that stand for themselves, and pairs around everything are outside: no
    word has to be looked at to know where they go.
    """
    inside = [piece for piece in pieces if piece]
    before: list[Piece] = []
    behind: list[Piece] = []  # backwards
    while inside:
        first, last = inside[0], inside[-1]
        if isinstance(first, str) and first[0].isspace():
            words = first.lstrip()
            before.append(first[: len(first) - len(words)])
            inside[:1] = [words] if words else []
        elif isinstance(last, str) and last[-1].isspace():
            words = last.rstrip()
            behind.append(last[len(words) :])
            inside[-1:] = [words] if words else []
        elif isinstance(first, Tag) and first.kind is Kind.EMPTY:
            before.append(inside.pop(0))
        elif isinstance(last, Tag) and last.kind is Kind.EMPTY:
            behind.append(inside.pop())
        elif partners(inside).get(0) == len(inside) - 1:
            before.append(inside.pop(0))
            behind.append(inside.pop())
        else:
            break
    return tuple(before), tuple(inside), tuple(reversed(behind))
