"""Signs of confidence fitted to the quality that answers turned out to have.

Two steps, both so constrained that a better sign never lowers the confidence: least squares
with signed weights, then isotonic regression by pooling adjacent violators (Ayer et al. 1955),
as Zadrozny and Elkan (2002) calibrate classifiers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from service.trust.confidence import Calibration, Signs

Doubles = npt.NDArray[np.float64]

# Groups that the curve is fitted through, and that calibration is judged by.
_CURVE_GROUPS = 20
GROUPS = 10

# Answers with equal signs may fill several groups; rounding sets these apart.
_SAME_PLACE = 1e-9

# How a better sign shows: higher, or for problems, lower.
_DIRECTIONS = np.array([1.0, 1.0, 1.0, -1.0])


@dataclass(frozen=True, slots=True)
class Group:
    """Answers of like confidence.

    Attributes:
        confidence: Its mean, 0..1.
        quality: Mean of what they were worth, 0..1.
        error: Standard error of that mean.
    """

    confidence: float
    quality: float
    error: float


def fit(signs: Sequence[Signs], qualities: Sequence[float]) -> Calibration:
    """The calibration that explains these qualities best.

    Args:
        signs: Of at least one answer.
        qualities: What each was worth, 0..1.
    """
    features, target = _features(signs), np.array(qualities)
    weights = _signed_least_squares(features, target)
    sums = features @ weights
    groups = np.array_split(np.argsort(sums, kind="stable"), min(_CURVE_GROUPS, len(sums)))
    pooled = pool_adjacent_violators(
        [float(target[group].mean()) for group in groups], [len(group) for group in groups]
    )
    places = [float(sums[group].mean()) for group in groups]
    typical, mean, worst, problems = weights.tolist()
    return Calibration(typical, mean, worst, problems, _curve(places, pooled))


def _curve(places: Sequence[float], qualities: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """The points that the curve needs: no two of one place, none within a flat stretch."""
    points: list[tuple[float, float]] = []
    for place, quality in zip(places, qualities, strict=True):
        if points and place - points[-1][0] < _SAME_PLACE:
            continue
        if [y for _, y in points[-2:]] == [quality] * 2:
            points.pop()
        points.append((place, quality))
    return tuple(points)


def pool_adjacent_violators(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The sequence that never falls and is nearest to `values` in weighted squares.

    Worked case: 1, 3, 2, 4 with equal weights -> 1, 2.5, 2.5, 4.
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many values
    for value, weight in zip(values, weights, strict=True):
        mean, total, count = float(value), float(weight), 1
        while pools and pools[-1][0] > mean:
            before, its_total, its_count = pools.pop()
            mean = (before * its_total + mean * total) / (its_total + total)
            total, count = its_total + total, its_count + count
        pools.append((mean, total, count))
    return [mean for mean, _, count in pools for _ in range(count)]


def reliability(confidences: Sequence[float], qualities: Sequence[float]) -> list[Group]:
    """Groups of equal size by confidence, lowest first."""
    order = np.argsort(confidences, kind="stable")
    expected, found = np.array(confidences), np.array(qualities)
    return [
        Group(
            confidence=float(expected[group].mean()),
            quality=float(found[group].mean()),
            error=float(found[group].std() / np.sqrt(len(group))),
        )
        for group in np.array_split(order, min(GROUPS, len(order)))
    ]


def calibration_error(groups: Sequence[Group]) -> float:
    """Mean distance of a group's confidence from its quality."""
    return float(np.mean([abs(group.confidence - group.quality) for group in groups]))


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's, equal values sharing their mean rank; 0 where one side is constant."""
    first, second = _ranks(one), _ranks(other)
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _features(signs: Sequence[Signs]) -> Doubles:
    """One row per answer, [answers, 4]."""
    return np.array(
        [[each.typical_token, each.mean_token, each.worst_token, each.problems] for each in signs]
    )


def _signed_least_squares(features: Doubles, target: Doubles) -> Doubles:
    """Weights of the right sign that explain `target` best, beside a constant.

    The best ones are plain least squares over those that are not 0, so all choices of these are
    tried: there are 16.
    """
    best, least = np.zeros(len(_DIRECTIONS)), float(np.var(target) * len(target))
    for size in range(1, len(_DIRECTIONS) + 1):
        for chosen in map(list, combinations(range(len(_DIRECTIONS)), size)):
            inputs = np.column_stack([features[:, chosen], np.ones(len(target))])
            found, *_ = np.linalg.lstsq(inputs, target, rcond=None)
            cost = float(((inputs @ found - target) ** 2).sum())
            if (found[:-1] * _DIRECTIONS[chosen] > 0).all() and cost < least:
                best, least = np.zeros(len(_DIRECTIONS)), cost
                best[chosen] = found[:-1]
    return best


def _ranks(values: Sequence[float]) -> Doubles:
    """Ranks from 0, equal values sharing their mean."""
    _, inverse, counts = np.unique(np.array(values), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Doubles = (ends - (counts + 1) / 2)[inverse]
    return means
