"""Signs of confidence fitted to qualities."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.fitting import (
    Group,
    calibration_error,
    fit,
    pool_adjacent_violators,
    rank_correlation,
    reliability,
)
from model_export.reliability import Panel, reliability_plot
from service.trust.confidence import Signs

SHARES = st.floats(0, 1)
MANY_SIGNS = st.lists(
    st.tuples(st.builds(Signs, SHARES, SHARES, SHARES, st.integers(0, 2)), SHARES),
    min_size=1,
    max_size=60,
)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=8))
def test_pooling_equals_its_slow_twin(points: list[tuple[int, int]]) -> None:
    values, weights = zip(*points, strict=True)

    def mean(first: int, last: int) -> float:
        return float(np.average(values[first : last + 1], weights=weights[first : last + 1]))

    # Isotonic regression by its min-max formula.
    expected = [
        max(min(mean(first, last) for last in range(at, len(values))) for first in range(at + 1))
        for at in range(len(values))
    ]
    assert pool_adjacent_violators(values, weights) == pytest.approx(expected)


@given(MANY_SIGNS)
def test_what_is_fitted_rises_with_every_sign(points: list[tuple[Signs, float]]) -> None:
    signs, qualities = zip(*points, strict=True)
    calibration = fit(signs, qualities)
    assert min(calibration.typical_token, calibration.mean_token, calibration.worst_token) >= 0
    assert calibration.problems <= 0
    places = [place for place, _ in calibration.curve]
    heights = [height for _, height in calibration.curve]
    assert places == sorted(set(places))
    assert heights == sorted(heights)
    assert min(qualities) - 1e-9 <= heights[0] <= heights[-1] <= max(qualities) + 1e-9


def test_what_the_signs_say_is_found_again() -> None:
    draw = np.random.default_rng(1)
    signs = [Signs(a, b, c, int(4 * d)) for a, b, c, d in draw.random((4000, 4)).tolist()]
    truth = [
        0.2 + 0.5 * each.typical_token + 0.2 * each.worst_token - 0.1 * each.problems
        for each in signs
    ]
    noisy = (np.array(truth) + draw.normal(0, 0.1, len(truth))).tolist()
    calibration = fit(signs[::2], noisy[::2])
    assert calibration.typical_token == pytest.approx(0.5, abs=0.05)
    assert calibration.problems == pytest.approx(-0.1, abs=0.03)
    found = [calibration.confidence(each) for each in signs[1::2]]
    assert calibration_error(reliability(found, noisy[1::2])) < 0.02
    assert rank_correlation(found, truth[1::2]) > 0.95


def test_a_sign_that_points_the_wrong_way_is_left_out() -> None:
    draw = np.random.default_rng(2)
    signs = [Signs(a, b, c, 0) for a, b, c in draw.random((500, 3)).tolist()]
    calibration = fit(signs, [each.typical_token * (1 - each.worst_token) for each in signs])
    assert calibration.worst_token == 0
    assert calibration.typical_token > 0


@given(MANY_SIGNS)
def test_groups_hold_every_answer_once(points: list[tuple[Signs, float]]) -> None:
    qualities = [quality for _, quality in points]
    groups = reliability([signs.mean_token for signs, _ in points], qualities)
    sizes = [len(part) for part in np.array_split(qualities, len(groups))]
    assert np.average([group.quality for group in groups], weights=sizes) == pytest.approx(
        np.mean(qualities)
    )
    confidences = [group.confidence for group in groups]
    assert confidences == sorted(confidences)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([1, 2, 3], [2, 4, 9], 1), ([1, 2, 3], [3, 2, 1], -1), ([1, 1, 1], [1, 2, 3], 0)],
)
def test_rank_correlation(one: list[float], other: list[float], expected: float) -> None:
    assert rank_correlation(one, other) == pytest.approx(expected)


def test_equal_values_share_their_rank() -> None:
    # (0.5, 0.5, 2) with (0, 1, 2): r = 1.5 / sqrt(1.5 * 2)
    assert rank_correlation([1, 1, 5], [1, 2, 3]) == pytest.approx(1.5 / np.sqrt(3))


def test_the_plot_is_a_picture_with_every_group() -> None:
    groups = [Group(0.2, 0.25, 0.01), Group(0.8, 0.75, 0.02)]
    panels = [Panel("en de", "sentence chrF", groups), Panel("a < b", "x", groups[:1])]
    picture = ET.fromstring(reliability_plot(panels))
    circles = picture.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(circles) == 3
    assert float(circles[0].attrib["cx"]) < float(circles[1].attrib["cx"])
    assert float(circles[0].attrib["cy"]) > float(circles[1].attrib["cy"]), "up is better"
