"""Attention between tokens, read as alignment between words, in character offsets.

Attention is what the decoder looked at when it wrote a token. Summed over the tokens of a
source word and averaged over the tokens of a target word, it is a soft word alignment, but of one
direction: each target word looks at what it needs, an article at its noun for the gender, and
nobody may be left to look at the source's article. So target words compete for source words:
what a source word is to one of them counts the less, the more the others looked at it. That asks
for agreement of both directions (Liang et al. 2006), the other one read from the same weights. It
is a hint for a reader, not proof of what caused what.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from service.domain import BoolArray, FloatArray
from service.text.normalise import Span

# Of the source words behind a target word, this many at most, and beside the strongest only
# those that got at least this weight: attention gives every word a little.
_MOST_SOURCES = 3
_LEAST_WEIGHT = 0.1

# What others took of a source word at least, so that words that nobody looked at are not worth
# more than those that this one did.
_TAKEN = 0.1

# What attention counts that a word pays to punctuation, or punctuation to a word: a model looks at
# either when it ends a clause.
_UNLIKE = 0.1


@dataclass(frozen=True, slots=True)
class SourceWord:
    """A word of the source and its part of the attention, after the competition, 0..1."""

    span: Span
    weight: float


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """A word of the target and the source words behind it, strongest first.

    The weights sum to less than 1: weaker words are left out, and part of the attention goes
    to the end mark.
    """

    span: Span
    sources: tuple[SourceWord, ...]


def align(
    attention: FloatArray,
    target: str,
    target_spans: Sequence[Span],
    source: str,
    source_spans: Sequence[Span],
    *,
    target_units: Sequence[Span] = (),
    source_units: Sequence[Span] = (),
) -> tuple[AlignedWord, ...]:
    """Words of `target` with the words of `source` that they were written from.

    Args:
        attention: Weights, [T, S] or wider in S (end mark, padding).
        target: Text of the target.
        target_spans: Place of each target token in `target`, T of them.
        source: Text of the source.
        source_spans: Place of each source token in `source`, S of them, no end mark.
        target_units: Stretches of `target` that are one word each, in order.
        source_units: The same of `source`.

    Returns:
        One entry per target word that has a token of its own, in order; offsets as in
        `target` and `source`.
    """
    target_words, source_words = words(target, target_units), words(source, source_units)
    if not target_words or not source_words:
        return ()
    of_target = _membership(target_spans, target_words)
    of_source = _membership(source_spans, source_words)
    tokens = of_target.sum(axis=1, keepdims=True)
    # [words of the target, words of the source]
    looked = of_target @ attention[:, : len(source_spans)] @ of_source.T / np.maximum(tokens, 1)
    alike = np.equal.outer(
        [is_word(target, span) for span in target_words],
        [is_word(source, span) for span in source_words],
    )
    strongest = _strongest(_contested(looked, alike), source_words)
    return tuple(
        [
            AlignedWord(span, sources)
            for span, sources, count in zip(target_words, strongest, tokens, strict=True)
            if count > 0
        ]
    )


def words(text: str, units: Sequence[Span] = ()) -> list[Span]:
    """Places of words (letters, digits, accents, inner apostrophes) and of punctuation runs.

    Args:
        text: Any text.
        units: Stretches of it that are one word each, in order.
    """
    found: list[Span] = []
    done = 0
    for start, end in units:
        found += ((first + done, last + done) for first, last in _runs(text[done:start]))
        found.append((start, end))
        done = end
    return [*found, *((first + done, last + done) for first, last in _runs(text[done:]))]


def is_word(text: str, span: Span) -> bool:
    """Whether the characters of `span` are a word and not punctuation."""
    return any(map(str.isalnum, text[span[0] : span[1]]))


def _contested(looked: FloatArray, alike: BoolArray) -> FloatArray:
    """Attention of J target words on I source words shared out anew, by competition.

    w_ji ~ a_ji / (0.1 + sum of a_ki over the others k), and each target word has as much in all
    as it had before.

    Args:
        looked: Attention on words, [J, I].
        alike: Whether both are words or both are punctuation, [J, I].
    """
    heard = np.where(alike, looked, _UNLIKE * looked)
    claims = heard / (_TAKEN + heard.sum(axis=0) - heard)
    # A word without a token has looked at nothing and claims nothing.
    scale = looked.sum(axis=1) / np.maximum(claims.sum(axis=1), np.finfo(np.float32).tiny)
    contested: FloatArray = claims * scale[:, np.newaxis]
    return contested


def _runs(text: str) -> list[Span]:
    found: list[Span] = []
    for kind, places in groupby(range(len(text)), key=lambda place: _kind(text, place)):
        if kind != "space":
            run = list(places)
            found.append((run[0], run[-1] + 1))
    return found


def _kind(text: str, place: int) -> str:
    character = text[place]
    if character.isspace():
        return "space"
    if character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M":
        return "word"
    if (
        character in "'’"
        and text[place - 1 : place].isalnum()
        and text[place + 1 : place + 2].isalnum()
    ):
        return "word"
    return "punctuation"


def _membership(tokens: Sequence[Span], word_spans: Sequence[Span]) -> FloatArray:
    """[words, tokens]: 1 where the token begins in the word; a token without text in none."""
    starts = [start for start, _ in word_spans]
    member = np.zeros((len(word_spans), len(tokens)), dtype=np.float32)
    for column, (start, end) in enumerate(tokens):
        word = bisect_right(starts, start) - 1
        if start < end and word >= 0 and start < word_spans[word][1]:
            member[word, column] = 1
    return member


def _strongest(
    weights: FloatArray, source_words: Sequence[Span]
) -> Iterator[tuple[SourceWord, ...]]:
    """The source words behind each target word, of their weights [J, I]."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :_MOST_SOURCES]
    best = np.take_along_axis(weights, order, axis=1)
    for places, strengths in zip(order.tolist(), best.tolist(), strict=True):
        yield tuple(
            [
                SourceWord(source_words[place], strength)
                for rank, (place, strength) in enumerate(zip(places, strengths, strict=True))
                if rank == 0 or strength >= _LEAST_WEIGHT
            ]
        )
