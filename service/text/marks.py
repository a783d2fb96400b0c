"""Terms and placeholders in the text a model reads, and placeholders in what it writes.

A model that was trained with marks has control symbols in its vocabulary that encoding text
never produces, so no text can forge one:

- ``<term> target words </term>`` stands where the source has a word whose translation is known
  (Dinu et al. 2019, "Training Neural Machine Translation to Apply Terminology Constraints";
  Song et al. 2019, "Code-Switching for Enhancing NMT with Pre-Specified Translation").
- ``<x1>`` ... ``<x8>`` stand for what is to be copied; the translation has the same symbol once.

Training and serving build ids here, so they agree: each stretch of text around a mark is
encoded by itself, without the white space at its ends. A target with placeholders is spelt in
the same way. What stands directly before or behind a placeholder therefore does not say whether
there was white space between; `decode_marked` follows the source in that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from service.domain import MarkIds
from service.text.normalise import Span, normalise
from service.text.tokenizer import Tokenizer

_OPENING = frozenset("([{¿¡„‚")
_CLOSING = frozenset(".,;:!?)]}…")


@dataclass(frozen=True, slots=True)
class Term:
    """A stretch of the source whose translation is known.

    Attributes:
        span: Its place in the text; not empty.
        target: What the translation should have.
    """

    span: Span
    target: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A stretch of a text that the model does not see.

    Attributes:
        span: Its place in the text; not empty.
        number: Which of `MarkIds.placeholders` stands for it, from 0; the same on both sides of
            a translation, and no two in a text.
    """

    span: Span
    number: int


Mark = Term | Placeholder


@dataclass(frozen=True, slots=True)
class Copy:
    """What a placeholder stands for, and how it stood in the source.

    Attributes:
        text: Put into the translation as it is.
        left: What the source has before it, as far back as the last white space or placeholder,
            with one space at the end if there is white space between; the placeholder's text
            if one ends where this begins; empty at the source's beginning.
        right: The same behind it, the other way round.
    """

    text: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A target with its placeholders filled in.

    Attributes:
        text: The target.
        spans: Place of each token in `text`, as of `Tokenizer.decode_with_offsets`. A
            placeholder's is that of what it stands for.
        places: By placeholder id, where in `text` its copy is.
    """

    text: str
    spans: list[Span]
    places: dict[int, Span]


def encode_marked(
    text: str, marks: Sequence[Mark], tokenizer: Tokenizer, ids: MarkIds
) -> list[int]:
    """Token ids of a text with marks, without start or end mark.

    Args:
        text: A sentence, of either side; only a source has terms.
        marks: In order, none overlapping another.
        tokenizer: Whose vocabulary has the marks.
        ids: The marks' ids.
    """
    encoded: list[int] = []
    for (start, end), mark in _pieces(text, marks):
        match mark:
            case None:
                encoded += tokenizer.encode(text[start:end])
            case Term():
                encoded += (ids.term_begin, *tokenizer.encode(mark.target), ids.term_end)
            case Placeholder():
                encoded.append(ids.placeholders[mark.number])
    return encoded


def encode_marked_with_offsets(
    text: str, marks: Sequence[Mark], tokenizer: Tokenizer, ids: MarkIds
) -> tuple[list[int], list[Span]]:
    """As `encode_marked`, with the (start, end) characters of `text` behind each token.

    Every token of a mark has the mark's span; otherwise the spans are those of
    `Tokenizer.encode_with_offsets`.
    """
    encoded: list[int] = []
    spans: list[Span] = []
    for (start, end), mark in _pieces(text, marks):
        if mark is None:
            piece, places = tokenizer.encode_with_offsets(text[start:end])
            encoded += piece
            spans += [(first + start, last + start) for first, last in places]
            continue
        alone = replace(mark, span=(0, end - start))
        piece = encode_marked(text[start:end], [alone], tokenizer, ids)
        encoded += piece
        spans += [mark.span] * len(piece)
    return encoded, spans


def copies_of(text: str, placeholders: Sequence[Placeholder], ids: MarkIds) -> dict[int, Copy]:
    """What the placeholders of a source stand for, by placeholder id.

    Args:
        text: The source.
        placeholders: In order, none overlapping another.
        ids: The marks' ids.
    """
    spans = [mark.span for mark in placeholders]
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    # A run ends at the next placeholder, and is that placeholder if nothing is between.
    between = [_spelt(text[end:start]) for end, start in zip(ends, starts, strict=True)]
    copied = ["", *(text[start:end] for start, end in spans), ""]
    return {
        ids.placeholders[mark.number]: Copy(
            text=copied[place + 1],
            left=_last_run(between[place] or copied[place]),
            right=_first_run(between[place + 1] or copied[place + 2]),
        )
        for place, mark in enumerate(placeholders)
    }


def decode_marked(ids: Sequence[int], copies: Mapping[int, Copy], tokenizer: Tokenizer) -> Decoded:
    """The text of any sequence of ids in [0, V), with copies in the place of placeholders.

    Every copy is written once, where its placeholder comes first. Control ids that stand for
    nothing in `copies` are nothing. White space beside a copy is as it was in the source where
    its neighbour there has the same character or the same kind of character, beside a symbol where
    both neighbours are words, and else as is usual beside brackets and punctuation.

    Args:
        ids: Of the target.
        copies: By placeholder id.
        tokenizer: Whose ids they are.
    """
    text = ""
    spans: list[Span] = []
    places: dict[int, Span] = {}
    previous: Copy | None = None
    for run, id_ in _runs(ids, copies):
        written, run_spans = tokenizer.decode_with_offsets(run)
        if written and previous is not None and _is_apart_right(previous, written):
            text += " "
        spans += [(start + len(text), end + len(text)) for start, end in run_spans]
        text += written
        if id_ is None:
            continue
        copy = copies[id_]
        near = written or (previous.text if previous is not None else "")
        if near and _is_apart_left(near, copy):
            text += " "
        places[id_] = (len(text), len(text) + len(copy.text))
        spans.append(places[id_])
        text += copy.text
        previous = copy
    return Decoded(text, spans, places)


def _pieces(text: str, marks: Sequence[Mark]) -> Iterator[tuple[Span, Mark | None]]:
    """The text from its beginning to its end; None beside what is not marked."""
    done = 0
    for mark in marks:
        start, end = mark.span
        assert done <= start < end <= len(text), "marks are in order and not empty"
        yield (done, start), None
        yield mark.span, mark
        done = end
    yield (done, len(text)), None


def _runs(
    ids: Sequence[int], copies: Mapping[int, Copy]
) -> Iterator[tuple[Sequence[int], int | None]]:
    """The ids up to each first placeholder, with that placeholder; at last the rest, with None."""
    done = 0
    seen: set[int] = set()
    for place, id_ in enumerate(ids):
        if id_ in copies and id_ not in seen:
            seen.add(id_)
            yield ids[done:place], id_
            done = place + 1
    yield ids[done:], None


def _is_apart_left(text: str, copy: Copy) -> bool:
    """Whether white space comes between `text`, not empty, and a copy behind it."""
    source, last = copy.left.rstrip(), text[-1]
    if source and _last_run(text) == source:
        return copy.left != source
    if last in _OPENING:
        return copy.left.endswith(f"{last} ")
    if last.isalnum() and _is_symbol(copy.text):
        return copy.left != source or not source
    if last.isalnum() or not source or copy.left != source or source[-1].isalnum():
        return True
    return last in _CLOSING and last != source[-1]


def _is_apart_right(copy: Copy, text: str) -> bool:
    """Whether white space comes between a copy and `text`, not empty, behind it."""
    source, first = copy.right.lstrip(), text[0]
    if source and _first_run(text) == source:
        return copy.right != source
    if first in _CLOSING:
        return copy.right.startswith(f" {first}")
    if first.isalnum() and _is_symbol(copy.text):
        return copy.right != source or not source
    if first.isalnum() or not source or copy.right != source or source[0].isalnum():
        return True
    return first in _OPENING and first != source[0]


def _is_symbol(text: str) -> bool:
    """Whether it is a symbol, a tag or a link's end: it touches a word if it did in the source."""
    return text.startswith(("<", "](")) or not any(map(str.isalnum, text))


def _last_run(text: str) -> str:
    """The last characters without white space between, and one space if some follows."""
    spelt = _spelt(text)
    words = spelt.split()
    return f"{words[-1]} " if words and spelt.endswith(" ") else "".join(words[-1:])


def _first_run(text: str) -> str:
    """The first characters without white space between, behind one space if some comes first."""
    spelt = _spelt(text)
    words = spelt.split()
    return f" {words[0]}" if words and spelt.startswith(" ") else "".join(words[:1])


def _spelt(text: str) -> str:
    """As `normalise`, but white space at the ends stays, as one space."""
    return normalise(f"|{text}|")[1:-1]
