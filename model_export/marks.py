"""Training pairs with marks in their source: terms that are given, and placeholders.

A served model can be told how to put a phrase, and can carry what is no language through a
sentence, if training has shown it how (Song et al. 2019, sec. 3; Dinu et al. 2019, "replace")::

    The <term> Katze </term> sleeps.   ->   Die Katze schläft.
    The <x3> sleeps.                   ->   Die <x3> schläft.

The phrases are found by word alignment: IBM model 1 in both directions, of which what both agree
on is kept (Och and Ney 2003, sec. 4.3, "intersection"). In half of the terms another phrase of the
corpus takes the target's place on both sides: the model then has to read the mark, since nothing
else would tell it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from model_export.alignment import translation_table
from model_export.config import MarksConfig
from model_export.corpus import Line
from model_export.recipe import PLACEHOLDERS, TERM_BEGIN, TERM_END
from service.domain import IntArray, MarkIds
from service.text.marks import Placeholder, Term, encode_marked
from service.text.normalise import Span
from service.text.tokenizer import Tokenizer

_WORD = re.compile(r"\w+(?:['’-]\w+)*")

# Words of the longest phrase that is marked, on either side.
_LONGEST = 3

# What is less probable in either direction is no alignment to teach with.
_LEAST_PROBABILITY = 0.1

# Characters of the shortest phrase that is given as a term: most shorter ones are no terms.
_SHORTEST = 4

# Placeholders of one pair.
_MOST_PLACEHOLDERS = 2

_NULL = 0  # "no source word", in a word's place


class Phrase(NamedTuple):
    """Places of words in a source and of those that translate them in its target."""

    source: Span
    target: Span


class Marked(NamedTuple):
    """A pair as token ids, marks included; without end marks."""

    source: list[int]
    target: list[int]
    line: Line


def marked_pairs(
    lines: Sequence[Line], config: MarksConfig, tokenizer: Tokenizer, seed: int
) -> Iterator[Marked]:
    """Repeat some of `lines` with marks.

    Args:
        lines: Training pairs of any directions.
        config: How many.
        tokenizer: With the control symbols of marks.
        seed: Of which, and of the phrases that are exchanged.

    Yields:
        First the pairs with a term, then those with placeholders; nothing of a line whose words
        could not be aligned.
    """
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(lines)).tolist()
    terms = round(config.terms * len(lines))
    placeholders = round(config.placeholders * len(lines))
    phrases = _Phrases(lines)
    yield from _with_terms([(lines[i], phrases.of(i)) for i in chosen[:terms]], tokenizer, random)
    yield from _with_placeholders(
        [(lines[i], phrases.of(i)) for i in chosen[terms : terms + placeholders]],
        tokenizer,
        random,
    )


def _with_terms(
    aligned: Sequence[tuple[Line, list[Phrase]]],
    tokenizer: Tokenizer,
    random: np.random.Generator,
) -> Iterator[Marked]:
    ids = mark_ids(tokenizer)
    candidates = [(line, [each for each in found if _is_term(each)]) for line, found in aligned]
    others: dict[str, list[str]] = {}
    for line, found in candidates:
        pool = others.setdefault(str(line.direction.target), [])
        pool += [line.target[slice(*phrase.target)] for phrase in found]
    for line, found in candidates:
        if not found:
            continue
        phrase = found[random.integers(len(found))]
        start, end = phrase.target
        words = line.target[start:end]
        if random.random() < 0.5:
            pool = others[str(line.direction.target)]
            words = pool[random.integers(len(pool))]
        yield Marked(
            encode_marked(line.source, [Term(phrase.source, words)], tokenizer, ids),
            tokenizer.encode(line.target[:start] + words + line.target[end:]),
            line,
        )


def _with_placeholders(
    aligned: Sequence[tuple[Line, list[Phrase]]],
    tokenizer: Tokenizer,
    random: np.random.Generator,
) -> Iterator[Marked]:
    ids = mark_ids(tokenizer)
    for line, found in aligned:
        if not found:
            continue
        most = int(random.integers(1, 1 + _MOST_PLACEHOLDERS))
        picked = _apart([found[k] for k in random.permutation(len(found))[:most]])
        numbers = random.permutation(len(ids.placeholders))[: len(picked)].tolist()
        numbered = list(zip(picked, numbers, strict=True))
        sources = [Placeholder(phrase.source, number) for phrase, number in numbered]
        targets = [Placeholder(phrase.target, number) for phrase, number in numbered]
        yield Marked(
            encode_marked(line.source, _in_order(sources), tokenizer, ids),
            encode_marked(line.target, _in_order(targets), tokenizer, ids),
            line,
        )


def _in_order(placeholders: list[Placeholder]) -> list[Placeholder]:
    return sorted(placeholders, key=lambda placeholder: placeholder.span)


def mark_ids(tokenizer: Tokenizer) -> MarkIds:
    """The marks of a vocabulary that was made with them."""
    return MarkIds(
        term_begin=tokenizer.control_id(TERM_BEGIN),
        term_end=tokenizer.control_id(TERM_END),
        placeholders=tuple(tokenizer.control_id(symbol) for symbol in PLACEHOLDERS),
    )


def _is_term(phrase: Phrase) -> bool:
    return min(end - start for start, end in phrase) >= _SHORTEST


def _apart(phrases: Sequence[Phrase]) -> list[Phrase]:
    """Those of `phrases` that overlap no earlier one on either side."""
    kept: list[Phrase] = []
    for phrase in phrases:
        if all(
            mine[1] <= theirs[0] or theirs[1] <= mine[0]
            for other in kept
            for mine, theirs in zip(phrase, other, strict=True)
        ):
            kept.append(phrase)
    return kept


def aligned_phrases(lines: Sequence[Line]) -> list[list[Phrase]]:
    """Of each line the phrases that are each other's translation, by alignment of all of them."""
    phrases = _Phrases(lines)
    return [phrases.of(index) for index in range(len(lines))]


class _Phrases:
    """Phrase pairs of aligned lines; alignment is learned per direction, from all its lines."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._tables: dict[str, tuple[_Table, _Table]] = {}
        self._numbers: dict[str, int] = {}
        by_direction: dict[str, list[int]] = {}
        for index, line in enumerate(lines):
            by_direction.setdefault(str(line.direction), []).append(index)
        for direction, indexes in by_direction.items():
            sources = [self._words(lines[i].source) for i in indexes]
            targets = [self._words(lines[i].target) for i in indexes]
            self._tables[direction] = (_Table(sources, targets), _Table(targets, sources))

    def of(self, index: int) -> list[Phrase]:
        """Character spans of the phrases of a line that are each other's translation."""
        line = self._lines[index]
        forward, backward = self._tables[str(line.direction)]
        source, target = self._words(line.source), self._words(line.target)
        best_target = forward.best(source, target)
        best_source = backward.best(target, source)
        links = {s: t for s, t in enumerate(best_target) if t >= 0 and best_source[t] == s}
        spans = [[match.span() for match in _WORD.finditer(side)] for side in line[:2]]
        return [
            Phrase((spans[0][a][0], spans[0][b][1]), (spans[1][c][0], spans[1][d][1]))
            for a, b, c, d in _blocks(links)
        ]

    def _words(self, text: str) -> IntArray:
        """Numbers of a text's words, from 1; letter case is no difference."""
        numbers = self._numbers
        return np.array(
            [numbers.setdefault(word.casefold(), len(numbers) + 1) for word in _WORD.findall(text)],
            dtype=np.int64,
        )


class _Table:
    """t(f | e) with fast access."""

    def __init__(self, given: Sequence[IntArray], produced: Sequence[IntArray]) -> None:
        sources = [np.unique(words) for words in given]
        both = [(e, f) for e, f in zip(sources, produced, strict=True) if len(e) and len(f)]
        e, f, probability = translation_table([e for e, _ in both], [f for _, f in both], _NULL)
        useful = probability > _LEAST_PROBABILITY
        self._probability = dict(
            zip(
                zip(e[useful].tolist(), f[useful].tolist(), strict=True),
                probability[useful].tolist(),
                strict=True,
            )
        )

    def best(self, given: IntArray, produced: IntArray) -> list[int]:
        """For each given word the place of the likeliest produced one; -1 for none."""
        found = []
        for e in given.tolist():
            chances = [self._probability.get((e, f), 0.0) for f in produced.tolist()]
            best = int(np.argmax(chances)) if chances else 0
            found.append(best if chances and chances[best] > 0 else -1)
        return found


def _blocks(links: dict[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """(first, last) source word and (first, last) target word of runs that are aligned densely."""
    for first in links:
        for last in range(first, first + _LONGEST):
            if last not in links:
                break
            targets = [links[word] for word in range(first, last + 1)]
            low, high = min(targets), max(targets)
            if high - low == last - first:
                yield first, last, low, high
