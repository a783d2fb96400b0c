"""The toy corpus: strings of digits to be reversed.

Attention can solve it exactly and a fixed context vector cannot for long strings, so it
tests a whole pipeline in minutes: `3 1 4` becomes `4 1 3`.
"""

import random
from collections.abc import Iterator

from model_export.config import ReversedDigits
from model_export.corpus.reading import Pair


class DigitsReader:
    """Pairs of a `ReversedDigits`, the same ones for the same purpose every time."""

    def __init__(self, digits: ReversedDigits, purpose: str) -> None:
        """Prepare to generate.

        Args:
            digits: The recipe's entry.
            purpose: Seeds the generator together with the entry's name, so that train, dev
                and test of one recipe differ.
        """
        self._digits = digits
        self._seed = f"{purpose}/{digits.name}"

    def __iter__(self) -> Iterator[Pair]:
        """Yield `count` pairs of 1 to `max_digits` digits, every length equally often."""
        # Strings seed through sha512: the same numbers on every machine and Python.
        numbers = random.Random(self._seed)  # noqa: S311 - a toy, not a secret
        for line in range(1, self._digits.count + 1):
            digits = numbers.choices("0123456789", k=numbers.randint(1, self._digits.max_digits))
            yield Pair(line, " ".join(digits), " ".join(reversed(digits)))

    def place(self, pair: Pair, *, target: bool) -> str:
        """Number of the generated pair."""
        return f"{self._seed}, pair {pair.line}, {'target' if target else 'source'}"
