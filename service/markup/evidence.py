"""What word alignment says about a stretch of the source: which target words came of it."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

from service.text.alignment import AlignedWord, SourceWord, words
from service.text.normalise import Span

# A second choice as weighty as this is one that the model had for the word, not the little
# attention that every word gets.
_SECOND_CHOICE = 0.2


class Evidence:
    """Alignment, asked by target word. Holds nothing that changes.

    What it says of punctuation and words as one is left out: a model looks at the word before
    when it ends a clause.

    Args:
        source: The text that was translated.
        target: Its translation.
        target_words: Places of the target's words.
        aligned: What is known of some or all words of the target.
    """

    def __init__(
        self,
        source: str,
        target: str,
        target_words: Sequence[Span],
        aligned: Sequence[AlignedWord],
    ) -> None:
        starts = [start for start, _ in target_words]
        self._sources: list[list[tuple[Span, float]]] = [[] for _ in target_words]
        self._totals = [0.0] * len(target_words)
        for word in _shared_out(aligned):
            first = bisect_right(starts, word.span[0]) - 1
            # A term of several words is aligned as one.
            for place in range(max(first, 0), bisect_left(starts, word.span[1])):
                is_word = _is_word(target, target_words[place])
                # Squares: attention gives its second choices more than they did for the word.
                self._totals[place] += sum(each.weight**2 for each in word.sources)
                self._sources[place] += [
                    (each.span, each.weight**2)
                    for each in word.sources
                    if _is_word(source, each.span) == is_word
                ]

    def share(self, word: int, span: Span) -> float:
        """How much of target word number `word` comes of source characters `span`, 0..1.

        0 as well for a word of which nothing is known.
        """
        start, end = span
        total, came = self._totals[word], 0.0
        for (first, last), weight in self._sources[word]:
            came += weight * max(0, min(end, last) - max(start, first)) / (last - first)
        return came / total if total else 0.0


def _shared_out(aligned: Sequence[AlignedWord]) -> list[AlignedWord]:
    """Give source words that no target word looked at first to those that looked at them second.

    An article's gender is its noun's, so a model looks at "house" when it writes "das", and
    nothing seems to have come of "the". A target word whose first choice is more of another's
    than of its own gives its first weight to its second choice, if that is nobody's first.
    """
    firsts: dict[Span, float] = {}
    for word in aligned:
        if word.sources:
            first = word.sources[0]
            firsts[first.span] = max(first.weight, firsts.get(first.span, 0.0))
    shared = list(aligned)
    takers: dict[Span, tuple[float, int]] = {}
    for number, word in enumerate(aligned):
        if len(word.sources) > 1 and word.sources[0].weight < firsts[word.sources[0].span]:
            second = word.sources[1]
            if second.span not in firsts and second.weight >= _SECOND_CHOICE:
                takers[second.span] = max(
                    takers.get(second.span, (0.0, 0)), (second.weight, number)
                )
    for _, number in takers.values():
        first, second, *others = shared[number].sources
        changed = replace(first, span=second.span), replace(second, span=first.span), *others
        shared[number] = replace(shared[number], sources=changed)
    return shared


def proportional(source: str, target: str) -> tuple[AlignedWord, ...]:
    """Alignment for want of a better one: each target word with the source word as far along."""
    source_words, target_words = words(source), words(target)
    if not source_words:
        return ()
    ratio = len(source_words) / max(1, len(target_words))
    return tuple(
        AlignedWord(span, (SourceWord(source_words[int((number + 0.5) * ratio)], 1.0),))
        for number, span in enumerate(target_words)
    )


def _is_word(text: str, span: Span) -> bool:
    return any(map(str.isalnum, text[slice(*span)]))
