"""Speed is compared at a quality that both sides reach, against the fastest that reaches it."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.frontier import Comparison, Point, comparisons, fastest

SIDE = st.lists(
    st.builds(Point, st.text(max_size=3), st.sampled_from([30.0, 31.0, 32.5]), st.floats(1, 9)),
    min_size=1,
    max_size=4,
)

GREEDY, WIDE = Point("greedy", 33.0, 900.0), Point("wide", 35.0, 300.0)
THEIR_GREEDY, THEIR_WIDE = Point("their greedy", 31.0, 700.0), Point("their wide", 34.0, 200.0)


def test_each_quality_is_met_by_the_fastest_that_reaches_it() -> None:
    assert comparisons([GREEDY, WIDE], [THEIR_GREEDY, THEIR_WIDE]) == [
        Comparison(34.0, WIDE, THEIR_WIDE),  # 35 is nobody's on the other side
        Comparison(33.0, GREEDY, THEIR_WIDE),
        Comparison(31.0, GREEDY, THEIR_GREEDY),
    ]


def test_a_point_that_is_slower_and_worse_is_never_chosen() -> None:
    useless = Point("useless", 30.0, 100.0)
    # At 30 the same two would meet again.
    assert comparisons([GREEDY, useless], [THEIR_GREEDY]) == [
        Comparison(31.0, GREEDY, THEIR_GREEDY)
    ]


@given(ours=SIDE, theirs=SIDE)
def test_nobody_at_least_as_good_was_faster(ours: list[Point], theirs: list[Point]) -> None:
    found = comparisons(ours, theirs)
    # The highest quality that both reach is always compared: it is what is claimed.
    assert found[0].level == min(max(p.bleu for p in ours), max(p.bleu for p in theirs))
    for each in found:
        for point, side in ((each.ours, ours), (each.theirs, theirs)):
            assert point.bleu >= each.level
            assert point.speed == max(p.speed for p in side if p.bleu >= each.level)


def test_a_quality_beyond_everybody_is_nobodys() -> None:
    assert fastest([GREEDY, WIDE], 35.1) is None
