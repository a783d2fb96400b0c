"""Places in a paragraph's text as places in the document that it is part of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.pipeline.response import Hypothesis, MarkUse, Sentence, TermUse
from service.text.alignment import AlignedWord, SourceWord
from service.text.normalise import Span


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the characters of a plain text are in a document.

    Attributes:
        places: Of each character, from where the paragraph begins.
        start: Where it begins.
    """

    places: Sequence[Span]
    start: int

    def of(self, span: Span) -> Span:
        """The place of a stretch, with the tags inside it."""
        start, end = span
        if start < end:
            return self.places[start][0] + self.start, self.places[end - 1][1] + self.start
        place = self.places[start - 1][1] if start else self.places[0][0] if self.places else 0
        return place + self.start, place + self.start


def sentence_on(sentence: Sentence, source: Ground, targets: Sequence[Ground]) -> Sentence:
    """A paragraph's sentence, with places in the document.

    Args:
        sentence: With places in the paragraph's text and in the answers to it.
        source: Of the text.
        targets: Of the answers, the best first; as many as the sentence has hypotheses.
    """
    return replace(
        sentence,
        source_span=source.of(sentence.source_span),
        hypotheses=tuple(
            _hypothesis(hypothesis, source, targets[rank])
            for rank, hypothesis in enumerate(sentence.hypotheses)
        ),
    )


def term_on(term: TermUse, source: Ground, target: Ground) -> TermUse:
    """A paragraph's term, with places in the document."""
    return replace(term, use=_use(term.use, source, target))


def _hypothesis(hypothesis: Hypothesis, source: Ground, target: Ground) -> Hypothesis:
    tokens, alignment = hypothesis.tokens, hypothesis.alignment
    return replace(
        hypothesis,
        span=target.of(hypothesis.span),
        tokens=tokens and tuple(replace(each, span=target.of(each.span)) for each in tokens),
        alignment=alignment and tuple(_word(each, source, target) for each in alignment),
        uses=tuple(_use(each, source, target) for each in hypothesis.uses),
    )


def _word(word: AlignedWord, source: Ground, target: Ground) -> AlignedWord:
    return AlignedWord(
        target.of(word.span),
        tuple(SourceWord(source.of(each.span), each.weight) for each in word.sources),
    )


def _use(use: MarkUse, source: Ground, target: Ground) -> MarkUse:
    return replace(
        use,
        source=source.of(use.source),
        target=None if use.target is None else target.of(use.target),
    )
