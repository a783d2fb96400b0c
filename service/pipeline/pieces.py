"""A text too long to be answered at once: cut into pieces, and the answers put together.

Line breaks end every sentence (`service.text.segment`), so what stands in one line never depends
on another: the answers to pieces of whole lines, put together, are the answer to the text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from service.pipeline.plan import has_words
from service.pipeline.response import (
    Hypothesis,
    MarkUse,
    Sentence,
    StageTimes,
    TermUse,
    TextResponse,
)
from service.text.alignment import AlignedWord
from service.text.normalise import Span
from service.text.segment import split


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a text.

    Attributes:
        start: Offset of the first in the text.
        end: Offset behind the last, its line break included.
        sentences: Those in it that go to a model; one that the model has to read in parts
            counts once.
    """

    start: int
    end: int
    sentences: int


def pieces_of(text: str, language: str, *, sentences: int, characters: int) -> Iterator[Piece]:
    """Cut a text at line breaks.

    Args:
        text: Any text.
        language: Of the text; says where sentences end.
        sentences: Most of one piece, if its lines allow it.
        characters: The same.

    Yields:
        Pieces that cover the text, in order; none for an empty text.
    """
    start = end = count = 0
    for line in text.splitlines(keepends=True):
        here = sum(has_words(segment.text) for segment in split(line, language).segments)
        if start < end and (count + here > sentences or end - start + len(line) > characters):
            yield Piece(start, end, count)
            start, count = end, 0
        end += len(line)
        count += here
    if start < end:
        yield Piece(start, end, count)


def joined(pieces: Sequence[Piece], answers: Sequence[TextResponse]) -> TextResponse:
    """The answer to a text from those to its pieces.

    Args:
        pieces: In order; at least one.
        answers: One for each.
    """
    ranks = max(1 + len(answer.alternatives) for answer in answers)
    texts = [""] * ranks
    sentences: list[Sentence] = []
    terms: list[TermUse] = []
    for piece, answer in zip(pieces, answers, strict=True):
        places = [len(text) for text in texts]
        sentences += [_moved(sentence, piece.start, places) for sentence in answer.sentences]
        terms += [
            replace(term, use=_used(term.use, piece.start, places[0])) for term in answer.terms
        ]
        own = [answer.text, *answer.alternatives]
        # As within a text: who has fewer hypotheses goes on with the last.
        texts = [text + own[min(rank, len(own) - 1)] for rank, text in enumerate(texts)]
    return TextResponse(
        text=texts[0],
        alternatives=tuple(texts[1:]),
        sentences=tuple(sentences),
        use=answers[0].use,  # a summary is of one piece
        times=StageTimes(
            *(
                max(getattr(answer.times, stage) for answer in answers)
                for stage in StageTimes.__slots__
            )
        ),
        source_tokens=sum(answer.source_tokens for answer in answers),
        generated_tokens=sum(answer.generated_tokens for answer in answers),
        terms=tuple(terms),
    )


def _moved(sentence: Sentence, start: int, places: Sequence[int]) -> Sentence:
    """The sentence with its places in the whole text and its whole answers."""
    return replace(
        sentence,
        source_span=_by(sentence.source_span, start),
        hypotheses=tuple(
            _hypothesis(hypothesis, start, place)
            for hypothesis, place in zip(sentence.hypotheses, places, strict=False)
        ),
    )


def _hypothesis(hypothesis: Hypothesis, start: int, place: int) -> Hypothesis:
    tokens, alignment = hypothesis.tokens, hypothesis.alignment
    return replace(
        hypothesis,
        span=_by(hypothesis.span, place),
        tokens=tokens and tuple(replace(token, span=_by(token.span, place)) for token in tokens),
        alignment=alignment and tuple(_aligned(word, start, place) for word in alignment),
        uses=tuple(_used(use, start, place) for use in hypothesis.uses),
    )


def _used(use: MarkUse, start: int, place: int) -> MarkUse:
    target = use.target and _by(use.target, place)
    return replace(use, source=_by(use.source, start), target=target)


def _aligned(word: AlignedWord, start: int, place: int) -> AlignedWord:
    sources = tuple(replace(source, span=_by(source.span, start)) for source in word.sources)
    return replace(word, span=_by(word.span, place), sources=sources)


def _by(span: Span, distance: int) -> Span:
    return span[0] + distance, span[1] + distance
