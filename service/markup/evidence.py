"""What word alignment says about a stretch of the source: which target words came of it."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from service.text.alignment import AlignedWord, SourceWord, is_word, words
from service.text.normalise import Span


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
        for word in aligned:
            first = bisect_right(starts, word.span[0]) - 1
            # A term of several words is aligned as one.
            for place in range(max(first, 0), bisect_left(starts, word.span[1])):
                kind = is_word(target, target_words[place])
                # Squares: attention gives its second choices more than they did for the word.
                self._totals[place] += sum(each.weight**2 for each in word.sources)
                self._sources[place] += [
                    (each.span, each.weight**2)
                    for each in word.sources
                    if is_word(source, each.span) == kind
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
