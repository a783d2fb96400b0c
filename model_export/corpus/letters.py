"""The toy corpus: strings of letters to be reversed.

Attention can solve it exactly and a fixed context vector cannot for long strings, so it
tests a whole pipeline in minutes: `d a c` becomes `c a d`.
"""

import random
from collections.abc import Iterator

from model_export.config import ReversedLetters
from model_export.corpus.reading import Pair


class LettersReader:
    """Pairs of a `ReversedLetters`, the same ones for the same purpose every time."""

    def __init__(self, letters: ReversedLetters, purpose: str) -> None:
        """Prepare to generate.

        Args:
            letters: The recipe's entry.
            purpose: Seeds the generator together with the entry's name, so that train, dev
                and test of one recipe differ.
        """
        self._letters = letters
        self._seed = f"{purpose}/{letters.name}"

    def __iter__(self) -> Iterator[Pair]:
        """Yield `count` pairs of 1 to `max_letters` letters, every length equally often."""
        # Strings seed through sha512: the same numbers on every machine and Python.
        numbers = random.Random(self._seed)  # noqa: S311 - a toy, not a secret
        for line in range(1, self._letters.count + 1):
            letters = numbers.choices("abcdefghij", k=numbers.randint(1, self._letters.max_letters))
            yield Pair(line, " ".join(letters), " ".join(reversed(letters)))

    def place(self, pair: Pair, *, target: bool) -> str:
        """Number of the generated pair."""
        return f"{self._seed}, pair {pair.line}, {'target' if target else 'source'}"
