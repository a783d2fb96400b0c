"""Texts with tags for tests: written by hand, or drawn."""

import re
from collections.abc import Sequence

from hypothesis import strategies as st

from service.markup.tagged import Kind, Piece, Tag, plain_text
from service.text.alignment import AlignedWord, SourceWord, words


def tagged(written: str) -> list[Piece]:
    """``<b>``, ``</b>`` and ``<x/>`` as tags; ``<br/>`` reads as a space."""
    pieces: list[Piece] = []
    for token in re.findall(r"<[^>]*>|[^<]+", written):
        name = token.strip("</>")
        if not token.startswith("<"):
            pieces.append(token)
        elif token.endswith("/>"):
            pieces.append(Tag(Kind.EMPTY, name, token, " " if name == "br" else ""))
        else:
            pieces.append(Tag(Kind.CLOSE if token[1] == "/" else Kind.OPEN, name, token))
    return pieces


def written(pieces: Sequence[Piece]) -> str:
    """The reverse of `tagged`."""
    return "".join(piece.source if isinstance(piece, Tag) else piece for piece in pieces)


def links(source: Sequence[Piece], target: str, pairs: str) -> list[AlignedWord]:
    """Alignment of words, written as ``target=source`` with several sources as ``b+c``.

    A word is named by its text, so it has to be the only one of its kind.
    """
    text = plain_text(source)
    target_places = {target[slice(*span)]: span for span in words(target)}
    source_places = {text[slice(*span)]: span for span in words(text)}
    return [
        AlignedWord(
            target_places[word],
            tuple(
                SourceWord(source_places[each], 0.8 / (1 + rank))
                for rank, each in enumerate(sources.split("+"))
            ),
        )
        for word, sources in (pair.split("=") for pair in pairs.split())
    ]


_STRINGS = st.one_of(
    st.sampled_from(["a", "big", "dog", " ", "  ", ". ", ", ", "Tom's", "\n", "12 %"]),
    st.text(max_size=4),
)


@st.composite
def nested(draw: st.DrawFn, depth: int = 3) -> list[Piece]:
    """Pieces whose tags all have partners; no two tags are written alike."""
    pieces = draw(_nested(depth))
    return _numbered(pieces)


def _nested(depth: int) -> st.SearchStrategy[list[Piece]]:
    leaf = st.one_of(
        _STRINGS.map(lambda text: [text]),
        st.sampled_from(["", " "]).map(lambda reads: [Tag(Kind.EMPTY, "e", "", reads)]),
    )
    if depth == 0:
        return st.lists(leaf, max_size=4).map(_joined)
    inner = _nested(depth - 1)
    element = st.tuples(st.sampled_from("bi"), inner).map(
        lambda drawn: [Tag(Kind.OPEN, drawn[0], ""), *drawn[1], Tag(Kind.CLOSE, drawn[0], "")]
    )
    return st.lists(st.one_of(leaf, element), max_size=5).map(_joined)


def _joined(parts: Sequence[Sequence[Piece]]) -> list[Piece]:
    return [piece for part in parts for piece in part]


def _numbered(pieces: Sequence[Piece]) -> list[Piece]:
    return [
        Tag(piece.kind, piece.name, f"<{number}>", piece.reads) if isinstance(piece, Tag) else piece
        for number, piece in enumerate(pieces)
    ]


_TAGS = st.builds(
    Tag,
    st.sampled_from(Kind),
    st.sampled_from("bi"),
    st.just(""),
    st.just(""),
)
anyhow = st.lists(st.one_of(_STRINGS, _TAGS), max_size=12).map(_numbered)


@st.composite
def alignments(draw: st.DrawFn, source: Sequence[Piece], target: str) -> list[AlignedWord] | None:
    """Any alignment that there can be, or none."""
    source_words = words(plain_text(source))
    if not source_words or draw(st.integers(0, 5)) == 0:
        return None
    aligned = []
    for span in words(target):
        found = draw(
            st.lists(
                st.builds(SourceWord, st.sampled_from(source_words), st.floats(0.01, 1)),
                max_size=3,
                unique_by=lambda word: word.span,
            )
        )
        aligned.append(AlignedWord(span, tuple(found)))
    return aligned
