"""Many measurements as few figures: pure."""

from collections.abc import Sequence
from math import ceil


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank).

    Worked case: of 1, 2, 3, 4 the share 0.5 gives 2, and 0.99 gives 4.

    Args:
        values: At least one, in any order.
        share: In (0, 1].
    """
    assert values, "no values, no percentile"
    assert 0 < share <= 1, f"share is {share}; it lies in (0, 1]"
    return sorted(values)[ceil(share * len(values)) - 1]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much y grows per unit of x, by least squares.

    Args:
        points: (x, y), at least two of different x.
    """
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    assert spread > 0, "one instant shows no growth"
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
