"""Contestants in turn, so that what the machine does meanwhile falls on all of them alike.

A machine's speed drifts: heat, neighbours, a turbo that ends. Whoever runs first or right after
the heaviest contestant is favoured or wronged, so each round begins one contestant later, and
ratios are taken within a round before the median is taken over the rounds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Contestant:
    """Somebody to measure.

    Attributes:
        name: Unique within a contest.
        run: Does the work once and returns the figure: seconds, or sentences a second.
    """

    name: str
    run: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """A contestant's figures, one a round, in the order of the rounds."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle figure."""
        return median(self.samples)

    @property
    def low(self) -> float:
        """The smallest figure."""
        return min(self.samples)

    @property
    def high(self) -> float:
        """The largest figure."""
        return max(self.samples)


def turns(contestants: int, rounds: int) -> list[list[int]]:
    """Who runs when: numbers of the contestants, round by round.

    Worked case: 3 contestants, 4 rounds -> [0 1 2], [1 2 0], [2 0 1], [0 1 2].
    """
    return [
        [(first + place) % contestants for place in range(contestants)] for first in range(rounds)
    ]


def interleave(contestants: Sequence[Contestant], rounds: int) -> dict[str, Spread]:
    """Let every contestant run once in each of `rounds` rounds.

    Contestants are warmed up by whoever made them; every run counts.

    Returns:
        What each came to, by name.
    """
    names = [contestant.name for contestant in contestants]
    assert len(set(names)) == len(names), f"two contestants share a name: {names}"
    samples: dict[str, list[float]] = {name: [] for name in names}
    for turn in turns(len(contestants), rounds):
        for number in turn:
            samples[names[number]].append(contestants[number].run())
    return {name: Spread(tuple(figures)) for name, figures in samples.items()}


def ratio(spreads: Mapping[str, Spread], one: str, other: str) -> float:
    """Median over the rounds of `one`'s figure divided by `other`'s of the same round."""
    pairs = zip(spreads[one].samples, spreads[other].samples, strict=True)
    return median(first / second for first, second in pairs)
