"""How good an answer can be expected to be, read from what the model thought of it.

A model's probabilities order its answers well and mean little by themselves. What they came to
on dev data (`python -m model_export calibrate`) turns them into an expected quality.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass

from service.domain import DecodedHypothesis, FinishReason


@dataclass(frozen=True, slots=True)
class Signs:
    """What confidence is read from.

    Attributes:
        typical_token: Geometric mean of the tokens' probabilities, 0..1; up is better, as for
            the next two. The end mark is a token here.
        mean_token: Arithmetic mean of them.
        worst_token: The least of them.
        problems: How many problems the guard sees; down is better.
    """

    typical_token: float
    mean_token: float
    worst_token: float
    problems: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Signs to expected quality: a weighted sum, then a curve that never falls.

    So an answer with a better sign and no worse one never has a lower confidence.

    Attributes:
        typical_token: Weight of the sign of that name, at least 0.
        mean_token: The same.
        worst_token: The same.
        problems: The same, at most 0.
        curve: (weighted sum, expected quality in 0..1), sums ascending, qualities not
            descending. Straight lines between, constant outside.
    """

    typical_token: float
    mean_token: float
    worst_token: float
    problems: float
    curve: tuple[tuple[float, float], ...]

    def weighted_sum(self, signs: Signs) -> float:
        """Where on the curve an answer lies."""
        return (
            self.typical_token * signs.typical_token
            + self.mean_token * signs.mean_token
            + self.worst_token * signs.worst_token
            + self.problems * signs.problems
        )

    def confidence(self, signs: Signs) -> float:
        """Expected quality."""
        place = self.weighted_sum(signs)
        right = bisect_right(self.curve, place, key=lambda knot: knot[0])
        if right == 0:
            return self.curve[0][1]
        if right == len(self.curve):
            return self.curve[-1][1]
        (x0, y0), (x1, y1) = self.curve[right - 1 : right + 1]
        return y0 + (y1 - y0) * (place - x0) / (x1 - x0)


def signs_of(hypothesis: DecodedHypothesis, problems: int) -> Signs:
    """The signs of a hypothesis in which the guard sees so many problems."""
    log_probs: list[float] = hypothesis.token_log_probs.tolist()
    if hypothesis.finish_reason is FinishReason.END:
        # Rounding may leave a little more than certainty.
        log_probs.append(min(hypothesis.log_prob - sum(log_probs), 0.0))
    return Signs(
        typical_token=math.exp(sum(log_probs) / len(log_probs)),
        mean_token=sum(map(math.exp, log_probs)) / len(log_probs),
        worst_token=math.exp(min(log_probs)),
        problems=problems,
    )
