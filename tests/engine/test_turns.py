"""Laws of a worker's turn: what is decoded goes on, and whoever waits is served.

The clock is moved by hand and the model answers at once: a turn is a call of `Worker.step`.
"""

from collections.abc import Sequence
from concurrent.futures import Future

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.decoding.contract import BatchState, Chunk, padded_width
from service.domain import DecodedSource, DecodeRequest, SearchOptions
from service.engine import Engine, EngineLimits
from service.engine.plan import CPU_COSTS, GPU_COSTS, TOKEN_S, Candidate, Costs
from service.engine.waiting import MAX_PASSES
from tests.engine.scenes import WatchedModel, options, request
from tests.fakes import HandClock, echo_table


class CountingModel(WatchedModel):
    """Counts, for one turn at a time.

    Attributes:
        encoded_tokens: Padding included.
        encoded_sources: In all calls.
        advanced_sources: In all calls.
    """

    def __init__(self) -> None:
        super().__init__(echo_table(), steps=4)
        self.begin()

    def begin(self) -> None:
        """A turn begins."""
        self.encoded_tokens = self.encoded_sources = self.advanced_sources = 0

    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> BatchState:
        state = super().encode(sources, options, slots)
        self.encoded_tokens += len(sources) * padded_width(state.source_lengths)
        self.encoded_sources += len(sources)
        return state

    def advance(self, state: BatchState) -> tuple[BatchState, Chunk]:
        self.advanced_sources += state.sources
        return super().advance(state)


asked = st.builds(
    lambda words, beam_size, priority: request(
        words, options(beam_size, max_decoding_length=12), priority=priority
    ),
    words=st.one_of(st.integers(0, 20), st.integers(0, 100)),
    beam_size=st.sampled_from([1, 1, 2, 4, 4, 16]),
    priority=st.integers(0, 1),
)
bounds = st.builds(
    EngineLimits,
    max_queue_items=st.just(1000),
    max_queue_tokens=st.just(100_000),
    max_batch_sources=st.integers(1, 8),
    max_batch_tokens=st.integers(112 * 16, 4000),
    workers=st.integers(1, 2),
    max_encode_tokens=st.integers(1, 300),
    costs=st.sampled_from([CPU_COSTS, GPU_COSTS, Costs(0, 1, 64)]),
)


@settings(max_examples=60, deadline=None)
@given(
    arrivals=st.lists(st.lists(asked, max_size=5), min_size=1, max_size=10),
    limits=bounds,
    second_s=st.sampled_from([0.0, 0.01, 1.0]),
)
def test_a_turn_encodes_little_advances_everybody_and_serves_everybody(
    arrivals: list[list[DecodeRequest]], limits: EngineLimits, second_s: float
) -> None:
    clock = HandClock()
    model = CountingModel()
    engine = Engine(model, limits, clock=clock)
    futures: list[Future[DecodedSource]] = []
    everyone = sum(len(group) for group in arrivals)
    # Twelve tokens and the end mark are four chunks. While the door is held it takes as long
    # until the batch has run out.
    most_turns = everyone * (MAX_PASSES + 4) + len(arrivals) + 5
    turns = 0
    while turns < len(arrivals) or not all(future.done() for future in futures):
        if turns < len(arrivals) and arrivals[turns]:
            futures += engine.submit_many(arrivals[turns])
        for worker in engine.workers:
            before = worker.load.sources
            model.begin()
            worker.step()
            assert model.encoded_tokens <= limits.max_encode_tokens or model.encoded_sources == 1
            assert model.advanced_sources == before + model.encoded_sources
            assert worker.load.sources <= limits.max_batch_sources
            assert worker.load.cells <= limits.max_batch_tokens
        clock.now_s += second_s
        turns += 1
        assert turns <= most_turns, "somebody is starved"
    assert sum(len(group) for group in model.encoded) == everyone  # nobody lost or repeated
    assert all(future.result(timeout=0).hypotheses for future in futures)


@pytest.mark.parametrize(
    "disadvantaged",
    [request(100, options(4)), request(3, options(16)), request(3, options(4), priority=1)],
    ids=["long", "wide beam", "patient"],
)
@pytest.mark.parametrize("costs", [CPU_COSTS, GPU_COSTS], ids=["lanes", "one batch"])
def test_nobody_is_starved_by_a_stream_that_is_always_preferred(
    disadvantaged: DecodeRequest, costs: Costs
) -> None:
    clock = HandClock()
    model = CountingModel()
    # Four short sources arrive in a turn, and two can leave.
    limits = EngineLimits(100_000, 1_000_000, 4, 1792, 1, max_encode_tokens=128, costs=costs)
    engine = Engine(model, limits, clock=clock)
    wanted = engine.submit(disadvantaged)
    turns = 0
    while not wanted.done():
        engine.submit_many([request(5, options(4)) for _ in range(4)])
        engine.workers[0].step()
        clock.now_s += 0.1
        turns += 1
        assert turns < 10 * 5 + 4 * 50 + MAX_PASSES + 30


def test_what_is_short_goes_before_what_is_long_when_rows_are_scarce() -> None:
    model = CountingModel()
    engine = Engine(model, EngineLimits(100, 10_000, 2, 10_000, 1), clock=HandClock())
    lengths = [80, 5, 90, 6, 7, 8]
    for length in lengths:
        engine.submit(request(length))
    while engine.queue_depth:
        engine.workers[0].step()
    order = [length - 1 for group in model.encoded for length in group]
    assert [length for length in order if length < 10] == [5, 6, 7, 8]
    assert order.index(80) > order.index(7)
    assert order[-1] == 90


def test_a_request_of_many_texts_leaves_room_for_one_of_a_sentence() -> None:
    clock = HandClock()
    engine = Engine(CountingModel(), EngineLimits(999, 99_999, 2, 10_000, 1), clock=clock)
    many = engine.submit_many([request(9) for _ in range(50)])
    for _ in range(4):
        engine.workers[0].step()
    clock.now_s += 3 * 10 * TOKEN_S
    one = engine.submit(request(9))
    turns = 0
    while not one.done():
        engine.workers[0].step()
        turns += 1
    assert turns <= 2 * 3  # what is decoded now has to leave, then its own three chunks
    assert sum(future.done() for future in many) < 15


def test_widths_of_candidates_are_those_of_batches() -> None:
    for length in range(1, 100):
        source = request(length - 1).source_ids
        state = WatchedModel().encode([source], [options()], 2)
        assert Candidate(length, 2).width == padded_width(state.source_lengths)
