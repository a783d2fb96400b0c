"""The bucket against a slow twin in fractions, and the promise that it makes."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from service.access.bucket import Bucket

PER_MINUTE = st.integers(1, 100_000)
# Seconds since the last attempt, in sixteenths, which floats hold exactly; and how much.
ATTEMPTS = st.lists(st.tuples(st.integers(0, 16 * 120), st.integers(0, 150)), max_size=30)


def taken(per_minute: int, attempts: list[tuple[int, int]]) -> list[tuple[float, int, bool]]:
    """When each attempt was, how much it wanted, and whether it got it."""
    bucket, now_s, outcomes = Bucket(per_minute, per_minute, 0.0), 0.0, []
    for pause, percent in attempts:
        now_s += pause / 16
        amount = max(1, per_minute * percent // 150)
        got = bucket.wait_s(amount, now_s) == 0
        if got:
            bucket.take(amount, now_s)
        outcomes.append((now_s, amount, got))
    return outcomes


@given(PER_MINUTE, ATTEMPTS)
def test_it_decides_as_its_slow_twin(per_minute: int, attempts: list[tuple[int, int]]) -> None:
    level, at = Fraction(per_minute), Fraction(0)
    for now_s, amount, got in taken(per_minute, attempts):
        level = min(Fraction(per_minute), level + (Fraction(now_s) - at) * per_minute / 60)
        at = Fraction(now_s)
        assert got == (level >= amount)
        if got:
            level -= amount


@given(PER_MINUTE, ATTEMPTS)
def test_no_stretch_of_time_has_more_than_its_share_and_a_burst(
    per_minute: int, attempts: list[tuple[int, int]]
) -> None:
    outcomes = taken(per_minute, attempts)
    for first in range(len(outcomes)):
        for last in range(first, len(outcomes)):
            stretch = outcomes[first : last + 1]
            seconds = stretch[-1][0] - stretch[0][0]
            total = sum(amount for _, amount, got in stretch if got)
            assert total <= per_minute * (1 + seconds / 60) + 0.01


@given(PER_MINUTE, st.floats(0, 1), st.integers(1, 100))
def test_it_can_be_had_after_the_wait_and_not_before(
    per_minute: int, fullness: float, percent: int
) -> None:
    amount = max(1, per_minute * percent // 100)
    wait_s = Bucket(per_minute, per_minute * fullness, 0.0).wait_s(amount, 0.0)
    assert Bucket(per_minute, per_minute * fullness, 0.0).wait_s(amount, wait_s) == 0
    if wait_s > 0.01:
        assert Bucket(per_minute, per_minute * fullness, 0.0).wait_s(amount, wait_s * 0.99) > 0


def test_a_clock_that_is_set_back_refills_nothing() -> None:
    bucket = Bucket(60, 0.0, 1000.0)
    assert bucket.wait_s(1, 0.0) == 1.0
    assert bucket.wait_s(1, 1000.5) == 0.5
