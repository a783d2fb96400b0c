"""Shapes on a device: few, and none too small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decoding.buckets import Bucket, usual_buckets

counts = st.integers(1, 300)
widths = st.integers(1, 600)
slots = st.integers(1, 16)


@given(B=counts, S=widths, K=slots)
def test_a_bucket_holds_what_it_is_of_and_little_more(B: int, S: int, K: int) -> None:
    bucket = Bucket.of(B, S, K)
    assert bucket.holds(Bucket(B, S, K))
    assert bucket.sources < 4 * B
    assert bucket.width < 2 * max(S, 17)
    assert bucket.slots < 2 * max(K, 2.5)
    assert Bucket.of(bucket.sources, bucket.width, bucket.slots) == bucket


@given(B=counts, S=widths, K=slots, more=st.tuples(counts, widths, slots))
def test_more_of_anything_never_takes_a_smaller_bucket(
    B: int, S: int, K: int, more: tuple[int, int, int]
) -> None:
    larger = Bucket.of(B + more[0], S + more[1], K + more[2])
    assert larger.holds(Bucket.of(B, S, K))


def test_a_bucket_too_small_on_one_axis_does_not_hold() -> None:
    for larger in (Bucket(5, 32, 4), Bucket(4, 33, 4), Bucket(4, 32, 5)):
        assert not Bucket(4, 32, 4).holds(larger)


@pytest.mark.parametrize("most", [1, 3, 16, 17, 64])
def test_the_usual_buckets_hold_every_usual_batch(most: int) -> None:
    found = usual_buckets(most, widths=[32, 100], slots=[4])
    for B in range(1, most + 1):
        for S in (1, 32, 33, 100, 128):
            for K in (1, 2, 4):
                assert any(each.holds(Bucket(B, S, K)) for each in found)
    assert len(found) == len(set(found))
    assert found == tuple(sorted(found))
