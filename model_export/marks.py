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
from model_export.config import PLACEHOLDERS, TERM_BEGIN, TERM_END, MarksConfig
from model_export.corpus import Line
from service.domain import IntArray
from service.text.tokenizer import Tokenizer

_WORD = re.compile(r"\w+(?:['’-]\w+)*")

# Words of the longest phrase that is marked, on either side.
_LONGEST = 3

# What is less probable in either direction is no alignment to teach with.
_LEAST_PROBABILITY = 0.1

# Characters of the shortest phrase that is given as a term: most shorter ones are no terms.
_SHORTEST = 4

_NULL = 0  # "no source word", in a word's place

Span = tuple[int, int]


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
    chosen = random.permutation(len(lines))
    terms = round(config.terms * len(lines))
    placeholders = round(config.placeholders * len(lines))
    phrases = _Phrases(lines)
    term_lines = [
        (lines[i], [each for each in phrases.of(i) if _is_term(*each)]) for i in chosen[:terms]
    ]
    others: dict[str, list[str]] = {}
    for line, found in term_lines:
        pool = others.setdefault(str(line.direction.target), [])
        pool += [line.target[slice(*target)] for _, target in found]
    write = _Writer(tokenizer)
    for line, found in term_lines:
        if found:
            source, target = found[random.integers(len(found))]
            words = line.target[slice(*target)]
            if random.random() < 0.5:
                pool = others[str(line.direction.target)]
                words = pool[random.integers(len(pool))]
            yield write.term(line, source, target, words)
    for i in chosen[terms : terms + placeholders]:
        if found := phrases.of(i):
            count = min(len(found), int(random.integers(1, 3)))
            picked = [found[k] for k in random.permutation(len(found))[:count]]
            yield write.placeholders(lines[i], _apart(picked), random)


class _Writer:
    """Pairs with marks as token ids.

    Each piece of text between marks is encoded on its own, without the spaces around it, as
    `service.text.marks` does when it serves.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._begin, self._end = tokenizer.control_id(TERM_BEGIN), tokenizer.control_id(TERM_END)
        self._placeholders = [tokenizer.control_id(symbol) for symbol in PLACEHOLDERS]

    def term(self, line: Line, source: Span, target: Span, words: str) -> Marked:
        encode = self._tokenizer.encode
        text = line.target[: target[0]] + words + line.target[target[1] :]
        mark = [self._begin, *encode(words), self._end]
        return Marked(self._with(line.source, [(source, mark)]), encode(text), line)

    def placeholders(
        self, line: Line, phrases: Sequence[tuple[Span, Span]], random: np.random.Generator
    ) -> Marked:
        ids = random.permutation(self._placeholders)[: len(phrases)].tolist()
        pairs = list(zip(phrases, ids, strict=True))
        return Marked(
            self._with(line.source, [(source, [id_]) for (source, _), id_ in pairs]),
            self._with(line.target, [(target, [id_]) for (_, target), id_ in pairs]),
            line,
        )

    def _with(self, text: str, marks: list[tuple[Span, list[int]]]) -> list[int]:
        ids: list[int] = []
        place = 0
        for (start, end), mark in sorted(marks):
            ids += [*self._tokenizer.encode(text[place:start].strip()), *mark]
            place = end
        return [*ids, *self._tokenizer.encode(text[place:].strip())]


def _is_term(source: Span, target: Span) -> bool:
    return min(source[1] - source[0], target[1] - target[0]) >= _SHORTEST


def _apart(phrases: Sequence[tuple[Span, Span]]) -> list[tuple[Span, Span]]:
    """Those of `phrases` that overlap no earlier one on either side."""
    kept: list[tuple[Span, Span]] = []
    for phrase in phrases:
        if all(
            mine[1] <= theirs[0] or theirs[1] <= mine[0]
            for other in kept
            for mine, theirs in zip(phrase, other, strict=True)
        ):
            kept.append(phrase)
    return kept


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

    def of(self, index: int) -> list[tuple[Span, Span]]:
        """Character spans of the phrases of a line that are each other's translation."""
        line = self._lines[index]
        forward, backward = self._tables[str(line.direction)]
        source, target = self._words(line.source), self._words(line.target)
        best_target = forward.best(source, target)
        best_source = backward.best(target, source)
        links = {s: t for s, t in enumerate(best_target) if t >= 0 and best_source[t] == s}
        spans = [[match.span() for match in _WORD.finditer(side)] for side in line[:2]]
        return [
            ((spans[0][a][0], spans[0][b][1]), (spans[1][c][0], spans[1][d][1]))
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
