"""Words that a translation has letter for letter, cut where the source has tags in them.

Tags go between words. One in the midst of a word, as in ``H<sub>2</sub>O``, has a place of its own
in the translation only if that has the same word.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from service.text.alignment import AlignedWord, SourceWord
from service.text.normalise import Span


def cut_apart(
    aligned: Sequence[AlignedWord], source: str, target: str, places: Sequence[int]
) -> list[AlignedWord]:
    """`aligned`, with words that are the same in both texts in pieces, each with itself.

    Args:
        aligned: Words of `target` and those of `source` behind them.
        source: The text that was translated.
        target: Its translation.
        places: Where tags are in `source`, going up.
    """
    return [
        piece
        for word in aligned
        for piece in (_pieces(word, places) if _is_same(word, source, target) else [word])
    ]


def cut_at_ends(words: Sequence[Span], spans: Sequence[Span]) -> list[Span]:
    """Words, cut wherever one of `spans` begins or ends in the midst of one.

    Args:
        words: In order, none overlapping another.
        spans: In any order.
    """
    ends = sorted({end for span in spans for end in span})
    return [piece for word in words for piece in _cut(word, ends)]


def _is_same(word: AlignedWord, source: str, target: str) -> bool:
    return bool(word.sources) and source[slice(*word.sources[0].span)] == target[slice(*word.span)]


def _pieces(word: AlignedWord, places: Sequence[int]) -> list[AlignedWord]:
    start = word.sources[0].span[0]
    cuts = list(_cut(word.sources[0].span, places))
    if len(cuts) == 1:
        return [word]
    by = word.span[0] - start
    return [
        AlignedWord((first + by, last + by), (SourceWord((first, last), 1.0),))
        for first, last in cuts
    ]


def _cut(span: Span, places: Sequence[int]) -> Iterator[Span]:
    """A span in pieces that begin and end at the places inside it, which go up."""
    inside = places[bisect_right(places, span[0]) : bisect_left(places, span[1])]
    yield from pairwise(dict.fromkeys([span[0], *inside, span[1]]))
