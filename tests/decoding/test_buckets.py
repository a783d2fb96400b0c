"""Shapes on a device: few, and none too small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decoding.buckets import Bucket, read_buckets

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


@given(shapes=st.lists(st.builds(Bucket, counts, widths, slots), min_size=1))
def test_what_is_written_is_read(shapes: list[Bucket]) -> None:
    assert read_buckets(" ,".join(map(str, shapes))) == tuple(shapes)


def test_none_is_no_bucket() -> None:
    assert read_buckets("none") == ()


@pytest.mark.parametrize("text", ["", "16x64", "16x64x4,", "16x64x0", "16x64x-4", "axbxc"])
def test_what_is_no_shape_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no shape"):
        read_buckets(text)
