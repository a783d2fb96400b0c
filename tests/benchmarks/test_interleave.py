"""Everybody runs equally often, in every place, and ratios are taken within a round."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.interleave import Contestant, Spread, interleave, ratio, turns


@given(st.integers(1, 6), st.integers(0, 12))
def test_everybody_runs_once_a_round(contestants: int, rounds: int) -> None:
    schedule = turns(contestants, rounds)
    assert len(schedule) == rounds
    assert all(sorted(turn) == list(range(contestants)) for turn in schedule)


@given(st.integers(1, 6), st.integers(1, 3))
def test_everybody_stands_in_every_place_equally_often(contestants: int, times: int) -> None:
    schedule = turns(contestants, contestants * times)
    places = Counter((place, who) for turn in schedule for place, who in enumerate(turn))
    assert set(places.values()) == {times}


def test_figures_are_kept_in_the_order_of_the_rounds() -> None:
    log: list[str] = []

    def contestant(name: str) -> Contestant:
        def run() -> float:
            log.append(name)
            return float(log.count(name))

        return Contestant(name, run)

    spreads = interleave([contestant("a"), contestant("b")], 3)
    assert log == ["a", "b", "b", "a", "a", "b"]
    assert spreads == {"a": Spread((1.0, 2.0, 3.0)), "b": Spread((1.0, 2.0, 3.0))}
    assert (spreads["a"].median, spreads["a"].low, spreads["a"].high) == (2.0, 1.0, 3.0)


def test_a_ratio_is_taken_within_each_round() -> None:
    # The machine is ten times as slow in the second round, for both.
    spreads = {"a": Spread((2.0, 20.0, 2.0)), "b": Spread((1.0, 10.0, 1.0))}
    assert ratio(spreads, "a", "b") == 2.0
    # The medians' ratio would be 2/4.
    assert ratio({"a": Spread((1, 2, 9)), "b": Spread((4, 8, 3))}, "a", "b") == 0.25


def test_two_contestants_of_one_name_are_our_own_bug() -> None:
    with pytest.raises(AssertionError, match="share a name"):
        interleave([Contestant("a", float), Contestant("a", float)], 1)
