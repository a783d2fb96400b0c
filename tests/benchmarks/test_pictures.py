"""The pictures of docs/results.md show what they were given."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.heat_map import heat_map
from benchmarks.length_plot import Curve, Point, _apart, length_plot

SVG = "{http://www.w3.org/2000/svg}"

PLAIN = Curve("none", [Point(8, 12, 10, 14), Point(13, 6, 5, 7), Point(24, 2, 1, 3)])
ATTENDING = Curve("a < b", [Point(8, 25, 22, 28), Point(13, 24, 22, 26), Point(24, 23, 20, 26)])


def test_every_point_is_where_its_length_and_bleu_are() -> None:
    picture = ET.fromstring(length_plot([("Attention", [PLAIN, ATTENDING])]))
    circles = picture.findall(f".//{SVG}circle")
    assert len(circles) == 6
    x = [float(circle.attrib["cx"]) for circle in circles]
    y = [float(circle.attrib["cy"]) for circle in circles]
    # Curves stand side by side; within one, both axes are linear, and up is better.
    assert (x[1] - x[0]) / (x[2] - x[1]) == pytest.approx(5 / 11, abs=0.01)
    assert (y[0] - y[1]) / (y[1] - y[2]) == pytest.approx(-6 / -4, abs=0.01)
    assert y[3] < y[0]
    assert max(y) < 34 + 220, "inside of the frame"


def test_panels_share_their_scale_and_name_their_curves() -> None:
    picture = ET.fromstring(length_plot([("one", [PLAIN, ATTENDING]), ("two", [PLAIN])]))
    one, two = picture.findall(f"{SVG}g")
    assert [c.attrib["cy"] for c in two.iter(f"{SVG}circle")] == [
        c.attrib["cy"] for c in list(one.iter(f"{SVG}circle"))[:3]
    ]
    assert {"one", "none", "a < b"} <= {each.text for each in one.iter(f"{SVG}text")}


@given(st.lists(st.floats(0, 300), max_size=4))
def test_names_do_not_lie_on_each_other_and_keep_their_order(places: list[float]) -> None:
    moved = _apart(places)
    order = sorted(range(len(places)), key=places.__getitem__)
    assert all(here >= before for here, before in zip(moved, places, strict=True))
    for above, below in pairwise(order):
        assert moved[below] - moved[above] >= 13 - 1e-9


def test_a_heat_map_is_as_dark_as_its_weights() -> None:
    attention = np.array([[0.9, 0.1, 0.0], [0.25, 0.75, 0.0]], np.float32)
    picture = ET.fromstring(heat_map(attention, ["a", "<b>", "(end)"], ["x", "y"]))
    cells = picture.findall(f".//{SVG}rect[@class='weight']")
    assert [float(cell.attrib["fill-opacity"]) for cell in cells] == [0.9, 0.1, 0.25, 0.75]
    assert len({cell.attrib["y"] for cell in cells}) == 2, "a row a target token"
    texts = [each.text for each in picture.iter(f"{SVG}text")]
    assert texts == ["a", "<b>", "(end)", "x", "y"]
    assert not re.search(r"nan|inf", ET.tostring(picture, "unicode"))
