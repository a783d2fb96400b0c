"""Lists of candidates: one source's depend on that source alone."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decoding.shortlist import (
    CANDIDATE_MULTIPLE,
    NO_CANDIDATE,
    Shortlist,
    candidate_width,
)
from service.errors import BundleDamaged

# Token 0 brings 7 and 9, token 1 brings 9, token 2 brings nothing.
LEXICAL = np.array([[7, 9], [9, NO_CANDIDATE], *[[NO_CANDIDATE, NO_CANDIDATE]] * 8])
SHORTLIST = Shortlist(np.array([3, 4]), LEXICAL)


@pytest.mark.parametrize(
    ("source", "expected"),
    [([0], [7, 9]), ([1, 0, 1], [7, 9]), ([2, 2], []), ([2, 1], [9])],
)
def test_candidates_are_what_the_sources_tokens_bring(
    source: list[int], expected: list[int]
) -> None:
    assert SHORTLIST.candidates(source).tolist() == expected


V = 300


@given(
    sources=st.lists(
        st.lists(st.integers(0, V - 1), min_size=1, max_size=40), min_size=1, max_size=5
    ),
    seed=st.integers(0, 1000),
)
def test_rows_are_the_candidates_of_each_source_and_padding(
    sources: list[list[int]], seed: int
) -> None:
    lexical = np.random.default_rng(seed).integers(NO_CANDIDATE, V, (V, 6))
    shortlist = Shortlist(np.array([3]), lexical)
    padded = shortlist.rows(sources)
    assert padded.shape[1] % CANDIDATE_MULTIPLE == 0
    for row, source in zip(padded.tolist(), sources, strict=True):
        own = shortlist.candidates(source).tolist()
        assert row[: len(own)] == own
        assert set(row[len(own) :]) <= {NO_CANDIDATE}


def test_a_source_without_candidates_has_a_row_of_padding() -> None:
    assert SHORTLIST.rows([[2], [0]]).tolist() == [
        [NO_CANDIDATE] * CANDIDATE_MULTIPLE,
        [7, 9, *[NO_CANDIDATE] * (CANDIDATE_MULTIPLE - 2)],
    ]


def test_rows_are_no_wider_than_they_need_to_be() -> None:
    assert [candidate_width(np.array([0, n])) for n in (0, 1, 64, 65)] == [64, 64, 64, 128]


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    SHORTLIST.save(tmp_path / "list.npz")
    loaded = Shortlist.load(tmp_path / "list.npz")
    assert np.array_equal(loaded.frequent, SHORTLIST.frequent)
    assert np.array_equal(loaded.lexical, SHORTLIST.lexical)


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.npz").write_bytes(content)
    with pytest.raises(BundleDamaged, match=r"list\.npz cannot be read"):
        Shortlist.load(tmp_path / "list.npz")


def test_a_file_of_other_arrays_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "list.npz", other=np.zeros(3))
    with pytest.raises(BundleDamaged, match=r"list\.npz cannot be read"):
        Shortlist.load(tmp_path / "list.npz")
