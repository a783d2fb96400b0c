"""The course of a training that has a budget of seconds instead of a number of steps.

The learning rate climbs, stays and falls to nothing (Hägele et al. 2024): unlike a cosine, it
can be told late how long the training is going to be.
"""

import math

PEAK_RATE = 2e-3
WARMUP_STEPS = 500

# Share of the budget in which the rate falls.
_FALL = 0.3


def rate(step: int, spent: float) -> float:
    """Learning rate of update `step`, from 0, after a share `spent` of the budget.

    Worked cases: (0, 0.0) -> a five hundredth of the peak, (5000, 0.5) -> the peak,
    (5000, 0.85) -> half of it, (5000, 1.0) -> 0.
    """
    climb = min((step + 1) / WARMUP_STEPS, 1.0)
    fall = min(max(1.0 - spent, 0.0) / _FALL, 1.0)
    return PEAK_RATE * climb * fall


def next_look(spent: float, looks: int) -> float:
    """Share of the budget at which the next of `looks` evenly spaced looks is due.

    Worked cases for 4 looks: 0.0 -> 0.25, 0.24 -> 0.25, 0.25 -> 0.5, 0.9 -> 1.0.
    """
    return min((math.floor(spent * looks) + 1) / looks, 1.0)
