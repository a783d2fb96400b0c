"""States on a device: the same answers as with arrays of the host's, whatever moves.

The slow and obvious twin is `OnnxModel`, whose states are NumPy arrays.
"""

import logging
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.config import AttentionKind, EncoderKind
from service.bundle.manifest import Precision
from service.decoding.buckets import Bucket
from service.decoding.contract import BatchState, Chunk, Part
from service.decoding.device import DeviceModel, DeviceState
from service.decoding.runtime import OnnxModel
from service.domain import SearchOptions
from tests.decoding.devices import GRU, SessionNotes, device_graphs
from tests.export.graphs import exported
from tests.export.test_company import SOURCES, answers
from tests.networks import COPYING, IDS, Architecture, random_sources, search_options

ARCHITECTURES = [
    GRU,
    Architecture(EncoderKind.GRU, AttentionKind.NONE),
    Architecture(EncoderKind.CONV, AttentionKind.DOT),
    Architecture(EncoderKind.SELF_ATTENTION, AttentionKind.ADDITIVE),
    COPYING[0],
]
# From nothing that fits to something for all of what is drawn below.
BUCKETS: list[tuple[Bucket, ...]] = [
    (),
    (Bucket(1, 32, 1), Bucket(4, 32, 4)),
    (Bucket(4, 64, 4), Bucket(16, 128, 8)),
]


@cache
def host_model(architecture: Architecture) -> OnnxModel:
    return exported(*architecture).model(Precision.FLOAT)


@cache
def device_model(architecture: Architecture, buckets: tuple[Bucket, ...]) -> DeviceModel:
    return DeviceModel(device_graphs(architecture), IDS, buckets).for_worker()


def assert_same(expected: tuple[BatchState, Chunk], actual: tuple[BatchState, Chunk]) -> None:
    """Everything that an answer is made of; what a slot without a hypothesis holds is free."""
    (host, host_chunk), (device, device_chunk) = expected, actual
    for name in ("finished", "log_probs", "source_lengths", "max_length"):
        np.testing.assert_array_equal(getattr(host, name), getattr(device, name), name)
    occupied = np.isfinite(host.log_probs)
    for name in ("ended", "lengths", "last_ids"):
        one, other = getattr(host, name), getattr(device, name)
        np.testing.assert_array_equal(one[occupied], other[occupied], name)
        assert one.dtype == other.dtype
    np.testing.assert_array_equal(host_chunk.log_probs, device_chunk.log_probs)
    occupied = np.isfinite(host_chunk.log_probs)
    for name in ("tokens", "parents"):
        one, other = getattr(host_chunk, name), getattr(device_chunk, name)
        np.testing.assert_array_equal(one[occupied], other[occupied], name)
    assert (host_chunk.attention is None) == (device_chunk.attention is None)
    if host_chunk.attention is None or device_chunk.attention is None:
        return
    for step, b, k in np.argwhere(occupied):
        parent, S = host_chunk.parents[step, b, k], host.source_lengths[b]
        np.testing.assert_array_equal(
            host_chunk.attention[step, b, parent, :S], device_chunk.attention[step, b, parent, :S]
        )


newcomers = st.lists(st.tuples(st.integers(1, 70), st.integers(1, 5)), max_size=3)


@pytest.mark.parametrize("buckets", BUCKETS, ids=len)
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
@settings(max_examples=8, deadline=None)
@given(turns=st.lists(newcomers, min_size=1, max_size=5), seed=st.integers(0, 2**16))
def test_a_batch_lives_the_same_life_on_a_device(
    architecture: Architecture,
    buckets: tuple[Bucket, ...],
    turns: list[list[tuple[int, int]]],
    seed: int,
) -> None:
    """Sources come, in groups that were encoded apart, go at random, and change places."""
    random = np.random.default_rng(seed)
    host, device = host_model(architecture), device_model(architecture, buckets)
    states: tuple[BatchState, BatchState] | None = None
    beams: list[int] = []
    for new in [*turns, [], []]:
        parts: list[tuple[Part, Part]] = []
        if states is not None:
            stay = np.flatnonzero(~states[0].finished & (random.random(len(beams)) < 0.8))
            stay = random.permutation(stay)
            beams = [beams[position] for position in stay]
            if len(stay):
                parts.append((Part(states[0], stay), Part(states[1], stay)))
        slots = max([*beams, *(beam for _, beam in new)], default=0)
        for length, beam in new:
            source = random_sources([length], seed=int(random.integers(2**16)))
            options = [search_options(beam, max_decoding_length=20)]
            parts.append(
                (
                    Part.whole(host.encode(source, options, slots)),
                    Part.whole(device.encode(source, options, slots)),
                )
            )
            beams.append(beam)
        if not parts:
            states = None
            continue
        expected = host.advance(host.rearrange([one for one, _ in parts], slots))
        actual = device.advance(device.rearrange([other for _, other in parts], slots))
        assert_same(expected, actual)
        states = (expected[0], actual[0])


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_the_engine_answers_the_same_bytes_on_a_device(
    architecture: Architecture,
) -> None:
    """Alone, all at once, and one by one: tokens, scores and attention."""
    host = host_model(architecture)
    device = device_model(architecture, BUCKETS[2])
    everyone = list(range(len(SOURCES)))
    alone: dict[int, list[bytes]] = {}
    for position in everyone:
        alone |= answers(host, [position])
    assert answers(device, everyone) == alone
    assert answers(device, everyone[::-1], [1] * len(SOURCES)) == alone


def test_finished_sources_that_stay_are_left_as_they_are() -> None:
    architecture = ARCHITECTURES[0]
    host, device = host_model(architecture), device_model(architecture, ())
    sources = random_sources([4, 30, 12, 7], seed=5)
    options = [search_options(beam, num_hypotheses=1) for beam in (1, 4, 2, 4)]
    expected, actual = host.encode(sources, options, 4), device.encode(sources, options, 4)
    while not expected.finished.all():
        one, other = host.advance(expected), device.advance(actual)
        assert_same(one, other)
        expected, actual = one[0], other[0]
    assert_same(host.advance(expected), device.advance(actual))


def searching(model: DeviceModel, seed: int, options: SearchOptions) -> BatchState:
    source = random_sources([9], seed=seed)
    return model.encode(source, [options], options.beam_size)


def test_workers_share_no_buffer() -> None:
    """Two searches, chunk about, come to what each comes to alone."""
    whole = DeviceModel(device_graphs(), IDS, [Bucket(4, 32, 4)])
    first, second = whole.for_worker(), whole.for_worker()
    options = search_options(4, max_decoding_length=30)
    pools = [worker._captured[Bucket(4, 32, 4)] for worker in (first, second)]
    assert not set(pools[0].addresses.values()) & set(pools[1].addresses.values())

    def alone(seed: int) -> list[BatchState]:
        state: BatchState = searching(second, seed, options)
        lived: list[BatchState] = []
        for _ in range(3):
            state, _ = second.advance(state)
            lived.append(state)
        return lived

    expected = [alone(1), alone(2)]
    states = [searching(first, 1, options), searching(second, 2, options)]
    for chunk in range(3):
        for number, worker in enumerate((first, second)):
            states[number], lived = worker.advance(states[number])
            assert lived.captured is (worker is first)  # `expected` sits in the other's pool
            np.testing.assert_array_equal(
                states[number].log_probs, expected[number][chunk].log_probs
            )


def test_two_searches_of_one_worker_do_not_sit_in_one_pool() -> None:
    options = search_options(4, max_decoding_length=30)
    model = DeviceModel(device_graphs(), IDS, [Bucket(4, 32, 4)]).for_worker()
    lone, _ = model.advance(searching(model, 1, options))
    expected, _ = model.advance(lone)
    one, _ = model.advance(searching(model, 1, options))
    other, _ = model.advance(searching(model, 2, options))
    one, chunk = model.advance(one)
    np.testing.assert_array_equal(one.log_probs, expected.log_probs)
    assert not chunk.captured  # `expected` still sits in the captured pool
    assert not np.array_equal(one.log_probs, model.advance(other)[0].log_probs)


def home_of(state: BatchState) -> tuple[Bucket, bool]:
    """The shape of the pool that a state sits in, and whether it is captured."""
    assert isinstance(state, DeviceState)
    pool = state.rows[0].pool
    assert pool is not None
    return pool.bucket, pool.captured


def test_who_finds_a_captured_pool_taken_sits_in_a_larger_one() -> None:
    options = search_options(4, max_decoding_length=30)
    buckets = [Bucket(4, 64, 4), Bucket(1, 32, 4)]
    model = DeviceModel(device_graphs(), IDS, buckets).for_worker()
    states = [searching(model, seed, options) for seed in (1, 2, 3)]
    for _ in range(2):
        states = [model.advance(state)[0] for state in states]
    assert [home_of(state) for state in states] == [
        (Bucket(1, 32, 4), True),
        (Bucket(4, 64, 4), True),
        (Bucket(1, 32, 4), False),
    ]


def test_a_captured_pool_is_made_once_and_keeps_its_addresses() -> None:
    notes = SessionNotes()
    buckets = [Bucket(1, 32, 4), Bucket(4, 64, 4)]
    whole = DeviceModel(device_graphs(open_session=notes.open), IDS, buckets)
    assert notes.captured == []
    model = whole.for_worker()
    assert notes.captured == [{"B": 1, "S": 32, "K": 4}, {"B": 4, "S": 64, "K": 4}]
    assert notes.runs == [3, 3]
    addresses = [model._captured[bucket].addresses for bucket in buckets]
    for lengths in ([3], [3, 40], [60, 50, 2, 1], [5], [20, 9]):
        options = [search_options(3)] * len(lengths)
        state = model.encode(random_sources(lengths), options, 3)
        for _ in range(2):
            state, chunk = model.advance(state)
            assert chunk.captured is True
        del state
    assert notes.runs == [3 + 2 * 2, 3 + 3 * 2]
    assert [model._captured[bucket].addresses for bucket in buckets] == addresses
    assert len(notes.captured) == 2


def test_a_shape_that_was_not_captured_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    model = DeviceModel(device_graphs(), IDS, [Bucket(1, 32, 1)]).for_worker()
    state = model.encode(random_sources([5, 6]), [search_options(2)] * 2, 2)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            state, chunk = model.advance(state)
            assert chunk.captured is False
    assert [record.getMessage() for record in caplog.records] == [
        "no CUDA graph for a batch of shape 4x32x4: it runs slower"
    ]


def test_a_state_is_used_once() -> None:
    model = device_model(ARCHITECTURES[0], ())
    state, _ = model.advance(searching(model, 3, search_options(2)))
    model.advance(state)
    with pytest.raises(RuntimeError, match="used again"):
        model.advance(state)
    with pytest.raises(RuntimeError, match="used again"):
        model.rearrange([Part.whole(state)], 2)
