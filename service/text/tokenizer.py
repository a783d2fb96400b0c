"""Text to token ids and back, with the place of every token in the text.

The only module of the service that knows SentencePiece. A model has to be trained with
identity normalisation (ours is `service.text.normalise`), a dummy prefix, byte fallback and
all four special ids; `load` checks that text comes back as it went in. With byte fallback
every character can be written, so nothing a user sends becomes "unknown".
"""

import codecs
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

import sentencepiece

from service.domain import SpecialIds
from service.errors import BundleDamaged
from service.text.normalise import (
    REPLACEMENT,
    Span,
    normalise,
    normalise_beginning,
    normalise_with_offsets,
)

_SPACE = "\u2581"  # how SentencePiece writes a space inside a piece

# Letter cases, doubled letters, a ligature and a full-width digit (NFKC would change them), a
# digit run, and a character that no vocabulary holds and only bytes can write.
_PROBE = "Ab aa \ufb01 \uff12 1990 \U00013000"


class _Processor(Protocol):
    """The part of SentencePieceProcessor that is used; the package has no types."""

    def encode(self, text: str) -> list[int]: ...
    def id_to_piece(self, id_: int, /) -> str: ...
    def piece_to_id(self, piece: str, /) -> int: ...
    def get_piece_size(self) -> int: ...
    def is_control(self, id_: int, /) -> bool: ...
    def is_unused(self, id_: int, /) -> bool: ...
    def is_unknown(self, id_: int, /) -> bool: ...
    def is_byte(self, id_: int, /) -> bool: ...
    def pad_id(self) -> int: ...
    def unk_id(self) -> int: ...
    def bos_id(self) -> int: ...
    def eos_id(self) -> int: ...


class Tokenizer:
    """One SentencePiece model. Holds nothing that changes: safe from several threads.

    Attributes:
        pad_id: Filler of batches.
        unk_id: Never produced by `encode`.
        start_id: First input of the decoder.
        end_id: End mark; callers add it, `encode` does not.
        vocabulary_size: V, special ids included.
    """

    def __init__(self, processor: _Processor) -> None:
        self._processor = processor
        self.pad_id = processor.pad_id()
        self.unk_id = processor.unk_id()
        self.start_id = processor.bos_id()
        self.end_id = processor.eos_id()
        self.vocabulary_size = processor.get_piece_size()
        self._bytes = [_piece_bytes(processor, id_) for id_ in range(self.vocabulary_size)]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a SentencePiece model file.

        Raises:
            OSError: The file cannot be read.
            BundleDamaged: It is no SentencePiece model, lacks a special id, or does not give
                text back as it got it.
        """
        content = path.read_bytes()
        try:
            processor: _Processor = sentencepiece.SentencePieceProcessor(model_proto=content)
            tokenizer = cls(processor)
        except (RuntimeError, ValueError, IndexError) as error:
            raise BundleDamaged(f"{path.name} is not a SentencePiece model") from error
        if tokenizer.vocabulary_size == 0:  # what SentencePiece makes of an empty file
            raise BundleDamaged(f"{path.name} is not a SentencePiece model")
        for name in ("pad_id", "unk_id", "start_id", "end_id"):
            if getattr(tokenizer, name) < 0:
                raise BundleDamaged(f"{path.name} has no {name}; all four special ids are needed")
        if tokenizer.decode(tokenizer.encode(_PROBE)) != _PROBE:
            raise BundleDamaged(
                f"{path.name} does not give text back unchanged; train it with identity "
                "normalisation, byte fallback and a dummy prefix"
            )
        return tokenizer

    @property
    def special_ids(self) -> SpecialIds:
        """The four of them together."""
        return SpecialIds(
            pad_id=self.pad_id, unk_id=self.unk_id, start_id=self.start_id, end_id=self.end_id
        )

    @cached_property
    def characters(self) -> frozenset[str]:
        """Those that the vocabulary has a piece for; all others are spelt byte by byte."""
        processor, ids = self._processor, range(self.vocabulary_size)
        nothing = (processor.is_control, processor.is_unused, processor.is_unknown)
        pieces = (
            processor.id_to_piece(id_)
            for id_ in ids
            if not (processor.is_byte(id_) or any(is_nothing(id_) for is_nothing in nothing))
        )
        return frozenset(piece for piece in pieces if len(piece) == 1)

    def control_id(self, symbol: str) -> int:
        """The id of a control symbol, which no text is encoded to.

        Raises:
            KeyError: The vocabulary has none of that name.
        """
        id_ = self._processor.piece_to_id(symbol)
        if not self._processor.is_control(id_):
            raise KeyError(symbol)
        return id_

    def encode(self, text: str) -> list[int]:
        """Token ids of `normalise(text)`, without start or end mark; [] for blank text."""
        return self._processor.encode(normalise(text))

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[Span]]:
        """As `encode`, with the (start, end) characters of `text` behind each token.

        Spans leave out the space that a token begins with; a token that is only a space has
        an empty span. Byte tokens of one character share its span. Starts and ends never go
        down.
        """
        normal, origins = normalise_with_offsets(text)
        ids = self._processor.encode(normal)
        # The dummy prefix is a space before the text.
        spelt, spans = self._spell(ids)
        assert spelt == (f" {normal}" if normal else ""), "`load` has checked the model"
        return ids, [_widened((start - 1, end - 1), origins) for start, end in spans]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of any sequence of ids in [0, V); normalised, so fit to be encoded again.

        Control ids are nothing. The unknown token and each byte that is no UTF-8 (a character
        that a model began and did not finish) become U+FFFD.
        """
        return normalise(self._join(ids))

    def decode_beginning(self, ids: Sequence[int]) -> str:
        """What `decode` of `ids`, and of whatever follows them, begins with.

        Bytes of a character that is not whole yet are left out, and so is the last letter,
        which an accent may follow.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        return normalise_beginning(decoder.decode(b"".join([self._bytes[id_] for id_ in ids])))

    def decode_with_offsets(self, ids: Sequence[int]) -> tuple[str, list[Span]]:
        """As `decode`, with the (start, end) characters of the text behind each token.

        Spans follow the rules of `encode_with_offsets`; tokens that left nothing in the text
        have empty ones.
        """
        spelt, spans = self._spell(ids)
        text, origins = normalise_with_offsets(spelt)
        starts = [start for start, _ in origins]
        ends = [end for _, end in origins]
        return text, [_narrowed(span, starts, ends) for span in spans]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Tokens as SentencePiece writes them, U+2581 for a space."""
        return [self._processor.id_to_piece(id_) for id_ in ids]

    def is_control(self, id_: int) -> bool:
        """Whether no text is encoded as this token and it is decoded as none."""
        return self._processor.is_control(id_)

    def _join(self, ids: Sequence[int]) -> str:
        # Each byte that is no UTF-8 becomes one lone surrogate, which `normalise` replaces.
        return b"".join([self._bytes[id_] for id_ in ids]).decode("utf-8", "surrogateescape")

    def _spell(self, ids: Sequence[int]) -> tuple[str, list[Span]]:
        """The text that tokens spell before it is normalised, and each one's place in it."""
        text = self._join(ids)
        character_of = _character_of_bytes(text)
        spans: list[Span] = []
        end_byte = reached = 0
        for id_ in ids:
            piece = self._bytes[id_]
            end_byte += len(piece)
            visible = len(piece.lstrip(b" "))
            start = character_of[end_byte - visible]
            # A token without text inside a character of several bytes lies in it like its bytes.
            last = character_of[end_byte - 1] + 1 if visible else max(start, reached)
            spans.append((start, last))
            reached = last
        return text, spans


def _character_of_bytes(text: str) -> Sequence[int]:
    """Place of the character that each byte of a text is in, and at last the text's length."""
    if text.isascii():
        return range(len(text) + 1)
    places: list[int] = []
    for place, character in enumerate(text):
        places += [place] * len(character.encode("utf-8", "surrogateescape"))
    return [*places, len(text)]


def _piece_bytes(processor: _Processor, id_: int) -> bytes:
    if processor.is_control(id_) or processor.is_unused(id_):
        return b""
    if processor.is_unknown(id_):
        return REPLACEMENT.encode()
    piece = processor.id_to_piece(id_)
    if processor.is_byte(id_):
        return bytes([int(piece.removeprefix("<0x").removesuffix(">"), base=16)])
    return piece.replace(_SPACE, " ").encode()


def _widened(span: Span, origins: Sequence[Span]) -> Span:
    """The span of the original text behind a span of the normalised one."""
    start, end = span
    if start < end:
        return origins[start][0], origins[end - 1][1]
    place = origins[start][0] if start < len(origins) else origins[-1][1]
    return place, place


def _narrowed(span: Span, starts: Sequence[int], ends: Sequence[int]) -> Span:
    """The span of normalised text that came, at least in part, from a span of the original.

    Args:
        span: (start, end) in the original text.
        starts: Where each character of the normalised text begins in the original.
        ends: Where it ends there.
    """
    return bisect_right(ends, span[0]), bisect_left(starts, span[1])
