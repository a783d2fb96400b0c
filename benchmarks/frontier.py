"""Speed at equal or better quality, of points that have both: pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """One way to translate.

    Attributes:
        name: Unique among the points.
        bleu: Quality.
        speed: Sentences a second.
    """

    name: str
    bleu: float
    speed: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The fastest of each side whose BLEU is at least `level`."""

    level: float
    ours: Point
    theirs: Point


def fastest(points: Sequence[Point], level: float) -> Point | None:
    """The fastest point whose BLEU is at least `level`; None where there is none."""
    good = [point for point in points if point.bleu >= level]
    return max(good, key=lambda point: point.speed, default=None)


def comparisons(ours: Sequence[Point], theirs: Sequence[Point]) -> list[Comparison]:
    """Who meets whom at every quality that both sides reach, the highest first.

    Of levels at which the same two meet, the highest stands for all.
    """
    found: list[Comparison] = []
    for level in sorted({point.bleu for point in (*ours, *theirs)}, reverse=True):
        own, other = fastest(ours, level), fastest(theirs, level)
        if own is None or other is None:
            continue
        if not found or (own, other) != (found[-1].ours, found[-1].theirs):
            found.append(Comparison(level, own, other))
    return found
