"""Signs of an answer into an expected quality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import DecodedHypothesis, FinishReason
from service.trust.confidence import Calibration, Signs, signs_of

SHARES = st.floats(0, 1)
SIGNS = st.builds(Signs, SHARES, SHARES, SHARES, st.integers(0, 4))


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    places = sorted(draw(st.sets(st.integers(-20, 40), min_size=1, max_size=6)))
    qualities = sorted(draw(st.lists(SHARES, min_size=len(places), max_size=len(places))))
    curve = tuple((place / 20, quality) for place, quality in zip(places, qualities, strict=True))
    return Calibration(draw(SHARES), draw(SHARES), draw(SHARES), -draw(SHARES), curve)


@given(calibrations(), SIGNS, SIGNS)
def test_better_signs_are_never_worse(calibration: Calibration, signs: Signs, other: Signs) -> None:
    better = Signs(
        max(signs.typical_token, other.typical_token),
        max(signs.mean_token, other.mean_token),
        max(signs.worst_token, other.worst_token),
        min(signs.problems, other.problems),
    )
    # Rounding may part two sums that should be one.
    assert calibration.confidence(better) >= calibration.confidence(signs) - 1e-9


@given(calibrations(), SIGNS)
def test_the_curve_equals_its_slow_twin(calibration: Calibration, signs: Signs) -> None:
    places, qualities = zip(*calibration.curve, strict=True)
    expected = np.interp(calibration.weighted_sum(signs), places, qualities)
    assert calibration.confidence(signs) == pytest.approx(expected)
    assert 0 <= calibration.confidence(signs) <= 1


def hypothesis_of(log_probs: list[float], end: float | None) -> DecodedHypothesis:
    return DecodedHypothesis(
        token_ids=tuple(range(len(log_probs))),
        log_prob=sum(log_probs) + (end or 0.0),
        score=0.0,
        token_log_probs=np.array(log_probs, dtype=np.float32),
        attention=None,
        finish_reason=FinishReason.LENGTH if end is None else FinishReason.END,
    )


def test_the_end_mark_is_a_token_that_can_be_the_worst() -> None:
    quarter = float(np.log(0.25))
    signs = signs_of(hypothesis_of([0.0, 0.0, 0.0], quarter), problems=2)
    assert signs.worst_token == pytest.approx(0.25)
    assert signs.mean_token == pytest.approx(3.25 / 4)
    assert signs.typical_token == pytest.approx(0.25**0.25)
    assert signs.problems == 2


@given(st.lists(st.floats(-30, 0), min_size=1), st.one_of(st.none(), st.floats(-30, 0)))
def test_signs_are_shares_in_their_order(log_probs: list[float], end: float | None) -> None:
    signs = signs_of(hypothesis_of(log_probs, end), problems=0)
    eps = 1e-5
    assert -eps <= signs.worst_token <= signs.typical_token + eps
    assert signs.typical_token <= signs.mean_token + eps <= 1 + 2 * eps


def test_an_empty_answer_has_signs() -> None:
    assert signs_of(hypothesis_of([], -1.0), problems=1).worst_token == pytest.approx(np.exp(-1))
