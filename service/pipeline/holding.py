"""Whether a translation holds what was asked for, and what is done when it does not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from service.domain import DecodedHypothesis, MarkIds
from service.pipeline.marking import Stretch, marks_of
from service.pipeline.plan import Part
from service.pipeline.response import MarkUse
from service.text.marks import Copy, Decoded, Mark, Placeholder, copies_of, decode_marked
from service.text.normalise import Span, normalise
from service.text.tokenizer import Tokenizer


class Written(NamedTuple):
    """A hypothesis and what it says.

    Attributes:
        hypothesis: The model's.
        text: With every copy in its place.
        spans: Place in it of each of the hypothesis' tokens; may be left out without marks.
        uses: What became of each stretch of the source; targets are places in `text`.
        origins: Places in `text` of terms and copies, and where in the source they are from.
        marks: What the model was told of the sentence.
        source_tokens: Of what it was asked; 0 without marks.
        lacks: Terms that it has not, and copies that the model did not write just once.
        misplaced: Numbers that were to be copied, which it has only because they were put in.
    """

    hypothesis: DecodedHypothesis
    text: str
    spans: Sequence[Span] = ()
    uses: tuple[MarkUse, ...] = ()
    origins: Mapping[Span, Span] = MappingProxyType({})
    lacks: int = 0
    misplaced: int = 0
    marks: Sequence[Mark] = ()
    source_tokens: int = 0


class MarkedSentence:
    """A sentence with marks, and what a model can make of it."""

    def __init__(
        self,
        part: Part,
        source_ids: Sequence[int],
        tokenizer: Tokenizer,
        ids: MarkIds,
        *,
        terms_are_hidden: bool,
    ) -> None:
        """Prepare to read hypotheses.

        Args:
            part: The sentence; it has stretches.
            source_ids: What the model was asked.
            tokenizer: Of the target.
            ids: The model's.
            terms_are_hidden: See `marks_of`.
        """
        self._stretches = part.stretches
        self._source_ids = source_ids
        self._tokenizer = tokenizer
        self._marks = marks_of(part.stretches, part.start, terms_are_hidden=terms_are_hidden)
        placeholders = [mark for mark in self._marks if isinstance(mark, Placeholder)]
        self._copies = copies_of(part.text, placeholders, ids)
        self._numbers: frozenset[int] = frozenset()
        if terms_are_hidden:
            self._numbers = frozenset(
                id_
                for id_, stretch in zip(self._copies, part.stretches, strict=True)
                if stretch.is_number
            )
            for id_, stretch in zip(self._copies, part.stretches, strict=True):
                self._copies[id_] = _worded(self._copies[id_], stretch, part.start)
        self._term_end = ids.term_end

    def written(self, hypothesis: DecodedHypothesis) -> Written:
        """What a hypothesis says, with every copy in it, also those that it left out."""
        ids, rows = self._completed(hypothesis)
        decoded = decode_marked(ids, self._copies, self._tokenizer)
        inserted = frozenset(ids) - frozenset(hypothesis.token_ids)
        uses = tuple(self._uses(decoded, inserted))
        # Whether a number is there is what the guard looks for.
        asked = self._copies.keys() - self._numbers
        lacks = sum(hypothesis.token_ids.count(id_) != 1 for id_ in asked)
        lacks += sum(use.target is None for use in uses)
        return Written(
            hypothesis,
            decoded.text,
            [span for span, row in zip(decoded.spans, rows, strict=True) if row is not None],
            uses,
            {use.target: use.source for use in uses if use.target is not None},
            lacks,
            len(inserted & self._numbers),
            self._marks,
            len(self._source_ids),
        )

    def _uses(self, decoded: Decoded, inserted: frozenset[int]) -> Iterator[MarkUse]:
        """What became of each stretch, in order."""
        taken = list(decoded.places.values())
        copied = iter(self._copies)
        for stretch, mark in zip(self._stretches, self._marks, strict=True):
            is_copy = stretch.target is None
            if isinstance(mark, Placeholder):
                id_ = next(copied)
                place, is_inserted = decoded.places.get(id_), id_ in inserted
                yield MarkUse(stretch.span, place, is_copy, is_inserted, stretch.is_number)
                continue
            place = find_target(decoded.text, mark.target, taken)
            if place is not None:
                taken.append(place)
            yield MarkUse(stretch.span, place, is_copy)

    def _completed(self, hypothesis: DecodedHypothesis) -> tuple[list[int], list[int | None]]:
        """Token ids with the placeholders that are missing, and the row of each; None for those.

        A missing one is put behind the word that was written from what stands before it in the
        source.
        """
        ids = list(hypothesis.token_ids)
        rows: list[int | None] = list(range(len(ids)))
        for id_ in self._copies:
            if id_ not in ids:
                place = self._place_for(id_, hypothesis, ids, rows)
                ids.insert(place, id_)
                rows.insert(place, None)
        return ids, rows

    def _place_for(
        self,
        id_: int,
        hypothesis: DecodedHypothesis,
        ids: Sequence[int],
        rows: Sequence[int | None],
    ) -> int:
        column = self._source_ids.index(id_)
        before = self._source_ids[column - 1] if column else None
        if before in self._copies:  # by now it is there
            return ids.index(before) + 1
        if not hypothesis.token_ids or before is None or self._is_no_text(before):
            return 0
        if hypothesis.attention is None:
            row = round(column / len(self._source_ids) * (len(hypothesis.token_ids) - 1))
        else:
            row = int(hypothesis.attention[:, column - 1].argmax())
        place = rows.index(row) + 1
        pieces = self._tokenizer.pieces(ids)
        while place < len(ids) and _continues(pieces[place]):
            place += 1
        return place

    def _is_no_text(self, id_: int) -> bool:
        """Whether it is there to tell the model something, as the target language."""
        return id_ != self._term_end and self._tokenizer.is_control(id_)


def _worded(copy: Copy, stretch: Stretch, start: int) -> Copy:
    """What a placeholder stands for in the target: a term's translation.

    Args:
        copy: What it stands for in the source.
        stretch: The term.
        start: Where the sentence begins.
    """
    if stretch.target is None:
        return copy
    words = normalise(stretch.target)
    # A sentence begins with a capital, as long as the term has none of its own to lose.
    if words == words.lower() and copy.text[0].isupper() and stretch.span[0] == start:
        words = words[0].upper() + words[1:]
    return replace(copy, text=words)


def find_target(text: str, target: str, taken: Sequence[Span]) -> Span | None:
    """Where `text` has a term's translation as it was asked for, in whole words.

    Its first letter may be large or small, as the sentence wants it.

    Args:
        text: A translation, normalised but for what was copied.
        target: The term's translation.
        taken: Places that other terms have.
    """
    target = normalise(target)
    spellings = {target, target[0].upper() + target[1:], target[0].lower() + target[1:]}
    found = [
        (start, start + len(spelling))
        for spelling in spellings
        for start in _occurrences(text, spelling)
    ]
    free = (
        span
        for span in sorted(found)
        if _is_whole(text, span) and all(span[1] <= start or end <= span[0] for start, end in taken)
    )
    return next(free, None)


def _occurrences(text: str, sought: str) -> Iterator[int]:
    start = text.find(sought)
    while start >= 0:
        yield start
        start = text.find(sought, start + 1)


def _is_whole(text: str, span: Span) -> bool:
    """Whether no letter or digit goes on at either end."""
    start, end = span
    return not (text[start].isalnum() and text[:start][-1:].isalnum()) and not (
        text[end - 1].isalnum() and text[end : end + 1].isalnum()
    )


def _continues(piece: str) -> bool:
    """Whether a token is part of the word before it."""
    return not piece.startswith("\u2581") and any(character.isalnum() for character in piece)
