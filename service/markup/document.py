"""A document as paragraphs to translate, and all that is around them, kept byte for byte."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from service.markup.placing import place_tags
from service.markup.spaces import has_special
from service.markup.spelling import encoded_characters
from service.markup.tagged import Piece, Tag, plain_text, tidied
from service.markup.tokens import Format
from service.text.alignment import AlignedWord
from service.text.normalise import Span

# Stands for what is to be copied; any character that is no white space would do.
_COPY = "\N{OBJECT REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Markup:
    """How a text is marked up.

    Attributes:
        format: HTML, whole documents and fragments, or XML.
        ignore_tags: Names of elements that are kept with all that is in them, beside those that
            say so themselves (``translate="no"``) and, in HTML, code and the like.
        splitting_tags: Names of elements that end a paragraph, whatever is around them.
        non_splitting_tags: Names of elements that stand in running text, whatever they are.
        has_outline: Whether other elements may end a paragraph: those of HTML that do, and in
            XML those among elements only.
    """

    format: Format
    ignore_tags: frozenset[str] = frozenset()
    splitting_tags: frozenset[str] = frozenset()
    non_splitting_tags: frozenset[str] = frozenset()
    has_outline: bool = True


def tag_names(given: Iterable[str], format_: Format) -> frozenset[str]:
    """Names of elements as the tokens of a document have them: HTML knows no case."""
    return frozenset(name.lower() if format_ == "html" else name for name in given)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph: it begins and ends with a word, or with an element around one.

    Attributes:
        written: What it says, in order, each piece behind how it is written.
        spelling: How it writes some characters; see `spellings`.
    """

    written: tuple[tuple[str, Piece], ...]
    spelling: Mapping[str, str]

    @property
    def source(self) -> str:
        """As it is written."""
        return "".join(source for source, _ in self.written)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What it says, with its inline tags."""
        return tuple(tidied(piece for _, piece in self.written))

    @property
    def text(self) -> str:
        """What the model reads."""
        return plain_text(self.pieces)

    @property
    def spaced(self) -> str:
        """As `text`, character for character, with white space as it is written."""
        return "".join(
            piece.reads
            if isinstance(piece, Tag)
            else source
            if len(source) == len(piece)
            else piece
            for source, piece in self.written
        )

    @property
    def needs_alignment(self) -> bool:
        """Whether there is something to place: tags, or spaces that are more than a space."""
        return any(isinstance(piece, Tag) for piece in self.pieces) or has_special(self.text)

    @property
    def copies(self) -> list[Span]:
        """Places in `text` of what the model is to copy."""
        pieces = self.pieces
        offsets = [0, *accumulate(len(plain_text([piece])) for piece in pieces)]
        return [
            span
            for piece, span in zip(pieces, pairwise(offsets), strict=True)
            if isinstance(piece, Tag) and piece.reads.strip()
        ]

    @property
    def places(self) -> list[Span]:
        """Of each character of `text`, its place in `source`."""
        found: list[Span] = []
        start = 0
        for source, piece in self.written:
            end = start + len(source)
            said = len(plain_text([piece]))
            is_itself = isinstance(piece, str) and said == len(source)
            found += (
                [(start + index, start + index + 1) for index in range(said)]
                if is_itself
                else [(start, end)] * said
            )
            start = end
        return found

    def for_copying(self) -> "Block":
        """The same for a model that can copy: it reads something where it is to copy."""
        return replace(
            self,
            written=tuple(
                (source, replace(piece, reads=_COPY))
                if isinstance(piece, Tag) and piece.stands_for_words
                else (source, piece)
                for source, piece in self.written
            ),
        )

    def translated(
        self,
        target: str,
        aligned: Sequence[AlignedWord] | None,
        copies: Sequence[tuple[Span, Span]] = (),
    ) -> "Translated":
        """The translation, written as the paragraph is; see `place_tags`.

        White space of `target` is kept as it is, line breaks too.
        """
        if target in (self.text, self.spaced) and all(here == there for here, there in copies):
            return Translated(self.source, self.places)
        pieces = place_tags(self.pieces, target, aligned, copies)
        return _spelt(pieces, target, [there for _, there in copies], self.spelling)


@dataclass(frozen=True, slots=True)
class Translated:
    """A paragraph in the other language.

    Attributes:
        text: As it is written.
        places: Of each character of what the model said, its place in `text`, for a copy that of
            its tag; white space has an empty one.
    """

    text: str
    places: list[Span]


@dataclass(frozen=True, slots=True)
class Document:
    """A text with markup.

    Attributes:
        parts: Paragraphs, and strings to be kept; in order, they are the document.
    """

    parts: tuple[str | Block, ...]

    @property
    def blocks(self) -> list[Block]:
        """The paragraphs, in order."""
        return [part for part in self.parts if isinstance(part, Block)]

    def for_copying(self) -> "Document":
        """The same for a model that can copy; see `Block.for_copying`."""
        return Document(
            tuple(part.for_copying() if isinstance(part, Block) else part for part in self.parts)
        )

    def with_blocks(self, written: Sequence[str]) -> str:
        """The document with other paragraphs in the place of its own."""
        rest = iter(written)
        return "".join(next(rest) if isinstance(part, Block) else part for part in self.parts)

    def kept(self, written: Sequence[str]) -> list[tuple[Span, int]]:
        """Places of what is around paragraphs, and how far on each is with other paragraphs."""
        found: list[tuple[Span, int]] = []
        rest = iter(written)
        done = by = 0
        for part in self.parts:
            if isinstance(part, Block):
                done += len(part.source)
                by += len(next(rest)) - len(part.source)
            else:
                found.append(((done, done + len(part)), by))
                done += len(part)
        return found

    def starts(self, written: Sequence[str]) -> list[int]:
        """Where other paragraphs begin in the place of its own."""
        found: list[int] = []
        place = 0
        for part in self.parts:
            if isinstance(part, Block):
                found.append(place)
                place += len(written[len(found) - 1])
            else:
                place += len(part)
        return found


def _spelt(
    pieces: Sequence[Piece], target: str, copies: Sequence[Span], spelling: Mapping[str, str]
) -> Translated:
    """`target` with its tags, written out."""
    text = ""
    visible: list[Span] = []
    copied: list[Span] = []
    for piece in pieces:
        if isinstance(piece, Tag):
            if piece.reads.strip():
                copied.append((len(text), len(text) + len(piece.source)))
            text += piece.source
            continue
        for character, spelt in zip(piece, encoded_characters(piece, spelling), strict=True):
            if not character.isspace():
                visible.append((len(text), len(text) + len(spelt)))
            text += spelt
    # Tags come between words and change white space, so all else is there, and in order.
    tag_of = {
        place: tag
        for span, tag in zip(sorted(copies), copied, strict=False)
        for place in range(*span)
    }
    rest = iter(visible)
    places: list[Span] = []
    end = 0
    for place, character in enumerate(target):
        is_space = character.isspace() and place not in tag_of
        places.append((end, end) if is_space else tag_of.get(place) or next(rest))
        end = places[-1][1]
    return Translated(text, places)
