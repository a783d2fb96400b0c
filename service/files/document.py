"""What a document is to those who translate it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from service.errors import TooLarge
from service.markup.tagged import Kind, Piece, Tag, partners, plain_text

# A stretch of a document that is translated as one text: a paragraph, a cell, a line. Where
# formatting begins and ends, and where something stands that is not text, it has tags; line
# breaks and tabs within a paragraph are line breaks in its strings.
Passage: TypeAlias = tuple[Piece, ...]


# A book has some ten thousand paragraphs, and in an office document each has some ten tags.
_MAX_PARAGRAPHS = 100_000
_MAX_TAGS = 1_000_000


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What a document may be, checked while it is opened.

    Attributes:
        max_unpacked_bytes: Bytes of all files in an archive together.
        max_characters: Characters of all passages together.
    """

    max_unpacked_bytes: int
    max_characters: int


class Allowance:
    """What a document may still have, while it is read: reading ends where a limit does.

    A file of some kilobytes can hold millions of paragraphs and tags, which take time and memory
    long before there is anything to translate.
    """

    def __init__(self, limits: FileLimits) -> None:
        self._limits = limits
        self._characters = 0
        self._paragraphs = 0
        self._tags = 0

    def take(self, passage: Passage) -> None:
        """Count a paragraph, which may be empty.

        Raises:
            TooLarge: It is one too many.
        """
        self._paragraphs += 1
        self._characters += len(plain_text(passage))
        if self._characters > self._limits.max_characters:
            raise TooLarge(
                f"the file has {self._characters} characters of text or more; "
                f"the limit is {self._limits.max_characters}"
            )
        if self._paragraphs > _MAX_PARAGRAPHS:
            raise TooLarge(
                f"the file has more than {_MAX_PARAGRAPHS} paragraphs, which is the limit"
            )

    def take_tags(self, data: bytes) -> None:
        """Count the tags of XML or HTML, before it is taken apart.

        Raises:
            TooLarge: There are too many.
        """
        self._tags += data.count(b"<")
        if self._tags > _MAX_TAGS:
            raise TooLarge(f"the file has {self._tags} tags or more; the limit is {_MAX_TAGS}")


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
    partner = partners(inside)
    first, last = 0, len(inside) - 1
    before: list[Piece] = []
    behind: list[Piece] = []  # backwards
    while first <= last:
        left, right = inside[first], inside[last]
        if isinstance(left, str) and left[0].isspace():
            words = left.lstrip()
            before.append(left[: len(left) - len(words)])
            inside[first] = words
            first += not words
        elif isinstance(right, str) and right[-1].isspace():
            words = right.rstrip()
            behind.append(right[len(words) :])
            inside[last] = words
            last -= not words
        elif isinstance(left, Tag) and left.kind is Kind.EMPTY:
            before.append(left)
            first += 1
        elif isinstance(right, Tag) and right.kind is Kind.EMPTY:
            behind.append(right)
            last -= 1
        elif partner.get(first) == last:
            before.append(left)
            behind.append(right)
            first, last = first + 1, last - 1
        else:
            break
    return tuple(before), tuple(inside[first : last + 1]), tuple(reversed(behind))
