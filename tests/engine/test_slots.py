"""Batch states under gather, concatenation and change of K: rows never mix."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.decoding.contract import BatchState
from service.decoding.host import concatenate, take, with_slots
from service.domain import DecodeRequest
from tests.engine.scenes import options, request, requests
from tests.fakes import TableModel

MODEL = TableModel()


def state_of(asked: list[DecodeRequest], chunks: int = 1, more_slots: int = 0) -> BatchState:
    slots = max(one.options.beam_size for one in asked) + more_slots
    state = MODEL.encode([one.source_ids for one in asked], [one.options for one in asked], slots)
    for _ in range(chunks):
        state, _ = MODEL.advance(state)
    return state


def assert_equal(first: BatchState, second: BatchState) -> None:
    for field in fields(BatchState):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            for name in a:
                np.testing.assert_array_equal(a[name], b[name])
        else:
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype


groups = st.lists(requests(), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(asked=groups, chunks=st.integers(0, 2), more=st.integers(1, 4))
def test_widening_and_narrowing_again_changes_nothing(
    asked: list[DecodeRequest], chunks: int, more: int
) -> None:
    state = state_of(asked, chunks)
    wider = with_slots(state, state.slots + more)
    assert wider.slots == state.slots + more
    assert np.isneginf(wider.log_probs[:, state.slots :]).all()
    narrowed = with_slots(wider, state.slots)
    for name in ("log_probs", "ended", "lengths", "last_ids"):
        np.testing.assert_array_equal(getattr(narrowed, name), getattr(state, name))
    assert_equal(narrowed, state)


@settings(max_examples=40, deadline=None)
@given(asked=groups, more=st.integers(1, 4))
def test_a_wider_state_is_advanced_to_the_same_answer(
    asked: list[DecodeRequest], more: int
) -> None:
    state = state_of(asked)
    plain, chunk = MODEL.advance(state)
    widened, wider_chunk = MODEL.advance(with_slots(state, state.slots + more))
    K = state.slots
    np.testing.assert_array_equal(wider_chunk.tokens[:, :, :K], chunk.tokens)
    np.testing.assert_array_equal(wider_chunk.log_probs[:, :, :K], chunk.log_probs)
    np.testing.assert_array_equal(with_slots(widened, K).log_probs, plain.log_probs)


def test_a_slot_in_use_is_not_cut_off() -> None:
    with pytest.raises(AssertionError, match="a slot in use would be lost"):
        with_slots(state_of([request(3, options(4)), request(3, options(2))]), 3)


@settings(max_examples=40, deadline=None)
@given(first=groups, second=groups, chunks=st.integers(0, 2))
def test_taking_a_part_out_of_a_concatenation_gives_the_part(
    first: list[DecodeRequest], second: list[DecodeRequest], chunks: int
) -> None:
    a, b = state_of(first, chunks), state_of(second, chunks)
    slots = max(a.slots, b.slots)
    a, b = with_slots(a, slots), with_slots(b, slots)
    both = concatenate([a, b])
    assert_equal(take(both, np.arange(a.sources)), a)
    assert_equal(take(both, np.arange(a.sources, both.sources)), b)
