"""At the engine's door: what the queue has room for, and what would come too late."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import Engine, EngineLimits
from service.engine.throughput import Throughput, retry_after_s
from service.errors import DeadlineExceeded, Draining, Overloaded, ServiceError, TooLarge
from tests.engine.scenes import WIDE, Notes, WatchedModel, options, request, run
from tests.fakes import HandClock, TableModel, echo_table


def test_what_is_searched_again_has_room_in_a_full_queue() -> None:
    engine = Engine(TableModel(echo_table()), replace(WIDE, max_queue_items=1))
    first = engine.submit(request(3))
    with pytest.raises(Overloaded):
        engine.submit(request(3))
    [again] = engine.submit_many([request(3)], again=True)
    run(engine)
    assert first.done()
    assert again.done()
    engine.close()
    with pytest.raises(Draining):
        engine.submit_many([request(3)], again=True)


def test_the_queue_is_bounded_in_items_and_says_so() -> None:
    engine = Engine(WatchedModel(), EngineLimits(3, 1000, 4, 1000, 1))
    engine.submit_many([request(1), request(1)])
    expected = (
        "2 sources with 4 tokens wait already; 2 more with 4 do not fit: "
        "the limits are 3 sources and 1000 tokens"
    )
    with pytest.raises(Overloaded, match=expected) as refused:
        engine.submit_many([request(1), request(1)])
    assert refused.value.retry_after_s is not None
    assert refused.value.retry_after_s >= 1
    assert engine.queue_depth == 2  # nothing of the group was taken
    engine.submit(request(1))
    assert engine.queue_depth == engine.queue_capacity == 3


def test_the_queue_is_bounded_in_tokens() -> None:
    engine = Engine(WatchedModel(), EngineLimits(100, 50, 4, 1000, 1))
    engine.submit(request(39))
    with pytest.raises(Overloaded, match="1 sources with 40 tokens wait already"):
        engine.submit(request(10))
    engine.submit(request(9))


def test_what_would_never_fit_is_too_large_instead_of_overloaded() -> None:
    engine = Engine(WatchedModel(), EngineLimits(2, 50, 4, 100, 1))
    with pytest.raises(TooLarge, match="request has 3 sources; the limit is 2"):
        engine.submit_many([request(1)] * 3)
    with pytest.raises(TooLarge, match="request has 51 source tokens; the limit is 50"):
        engine.submit(request(50))
    with pytest.raises(TooLarge, match=r"40 tokens with beam size 3 takes 144 .* limit is 100"):
        engine.submit(request(39, options(3)))
    assert engine.queue_depth == 0


class SlowModel(WatchedModel):
    """Takes two seconds for a chunk."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(echo_table(), steps=64)
        self.clock = clock

    def advance(self, state):  # type: ignore[no-untyped-def]
        self.clock.now_s += 2.0
        return super().advance(state)


def test_retry_after_follows_the_measured_speed() -> None:
    clock = HandClock()
    engine = Engine(SlowModel(clock), replace(WIDE, max_batch_sources=1), clock=clock)
    engine.submit(request(9))
    run(engine)
    engine.submit_many([request(9)] * 8)
    assert engine.retry_after_s() == 1  # nobody has waited yet: the speed is not known
    engine.workers[0].step()  # 10 tokens in 2 s, and somebody waits
    assert engine.retry_after_s() == pytest.approx(14)


def test_what_would_come_too_late_is_refused_at_once_and_the_rest_comes_in_time() -> None:
    clock, notes = HandClock(), Notes()
    engine = Engine(
        SlowModel(clock), replace(WIDE, max_batch_sources=1), clock=clock, observer=notes
    )
    accepted = [engine.submit(request(9, deadline_s=clock.now_s + 99)) for _ in range(4)]
    engine.workers[0].step()  # 2 s each, one by one
    with pytest.raises(
        Overloaded,
        match=r"30 source tokens wait ahead, .* about 8\.0 s; .* within 5\.0 s.* 2\.5 s",
    ) as refused:
        engine.submit(request(9, deadline_s=clock.now_s + 5))
    assert refused.value.retry_after_s == pytest.approx(5.5)
    # At twice what it can do, every client gives up after 9 s; nobody accepted does.
    refusals = 0
    for _ in range(50):
        for _ in range(2):
            try:
                accepted.append(engine.submit(request(9, deadline_s=clock.now_s + 9)))
            except Overloaded:
                refusals += 1
        engine.workers[0].step()
    run(engine)
    assert notes.failures == []
    assert all(future.result(timeout=0).hypotheses for future in accepted)
    assert len(accepted) + refusals == 104
    assert len(accepted) >= 50  # never idle


def test_nobody_is_refused_for_being_late_when_nobody_waits() -> None:
    clock = HandClock()
    engine = Engine(SlowModel(clock), replace(WIDE, max_batch_sources=1), clock=clock)
    engine.submit_many([request(9)] * 3)
    run(engine)
    clock.now_s += 3600
    hopeless = engine.submit(request(9, deadline_s=clock.now_s + 0.1))
    run(engine)
    assert isinstance(hopeless.exception(timeout=0), DeadlineExceeded | None)


def refusal_of(ask: Callable[[], object]) -> type[ServiceError] | None:
    try:
        ask()
    except ServiceError as refusal:
        return type(refusal)
    return None


@settings(max_examples=60, deadline=None)
@given(
    waiting=st.lists(st.integers(0, 1), min_size=4, max_size=9),
    mean=st.integers(1, 8),
    sources=st.integers(1, 4),
    priority=st.integers(0, 1),
    left_s=st.one_of(st.none(), st.integers(1, 20)),
)
def test_a_look_through_the_door_sees_what_asking_would_find(
    waiting: list[int], mean: int, sources: int, priority: int, left_s: int | None
) -> None:
    """Of sources as long as those that wait; and looking changes nothing."""
    clock = HandClock()
    limits = replace(WIDE, max_batch_sources=1, max_queue_items=9, max_queue_tokens=40)
    engine = Engine(SlowModel(clock), limits, clock=clock)
    engine.submit_many([request(9)] * 3)
    while engine.queue_depth:  # 2 s each, one by one: the speed becomes known
        engine.workers[0].step()
    for patience in waiting:
        with suppress(Overloaded):
            engine.submit(request(mean - 1, priority=patience))
    depth, deadline_s = engine.queue_depth, left_s and clock.now_s + left_s
    seen = refusal_of(lambda: engine.check_room(sources, priority=priority, deadline_s=deadline_s))
    assert engine.queue_depth == depth
    asked = [request(mean - 1, deadline_s=deadline_s, priority=priority)] * sources
    assert seen == refusal_of(lambda: engine.submit_many(asked))


def test_nobody_is_turned_away_by_a_look_where_nobody_waits() -> None:
    Engine(WatchedModel(), EngineLimits(9, 100, 4, 1000, 1)).check_room(9, deadline_s=0)


def test_short_texts_are_not_taken_for_as_long_as_those_that_wait() -> None:
    engine = Engine(WatchedModel(), EngineLimits(9, 100, 4, 1000, 1))
    engine.submit_many([request(29)] * 3)
    with pytest.raises(Overloaded, match=r"3 sources with 90 tokens wait .* 1 more with about 30"):
        engine.check_room()
    engine.check_room(most_tokens=10)
    with pytest.raises(Overloaded, match="1 more with about 11"):
        engine.check_room(most_tokens=11)


def test_what_would_never_fit_is_not_called_overloaded_by_a_look() -> None:
    engine = Engine(WatchedModel(), EngineLimits(2, 10, 4, 1000, 1))
    engine.check_room(3)
    with pytest.raises(TooLarge):
        engine.submit_many([request(1)] * 3)


def test_looking_first_costs_no_answer() -> None:
    """At twice what it can do, as many are answered as without the look, and in time."""

    def answered(*, looks: bool) -> tuple[int, int]:
        clock, notes = HandClock(), Notes()
        limits = replace(WIDE, max_batch_sources=1)
        engine = Engine(SlowModel(clock), limits, clock=clock, observer=notes)
        accepted = asked = 0
        for turn in range(200):
            for number in range(2):
                deadline_s = clock.now_s + 30
                words = 4 + (turn * 7 + number * 5) % 11
                with suppress(Overloaded):
                    if looks:
                        engine.check_room(deadline_s=deadline_s)
                    asked += 1
                    engine.submit(request(words, deadline_s=deadline_s))
                    accepted += 1
            engine.workers[0].step()
        run(engine)
        assert notes.failures == []
        return accepted, asked

    (kept, planned), (before, everybody) = answered(looks=True), answered(looks=False)
    assert everybody == 400
    assert kept >= before - 3  # who is shorter than the others' mean finds room at the very edge
    assert planned - kept < (everybody - before) / 4


@given(
    work=st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 100)), max_size=20),
    tokens=st.integers(0, 10**6),
    seconds=st.floats(0, 1000),
)
def test_what_the_door_says_is_always_sensible(
    work: list[tuple[int, float]], tokens: int, seconds: float
) -> None:
    throughput = Throughput(workers=2)
    for taken, busy_s in work:
        throughput.add(taken, busy_s)
    wait_s = throughput.seconds_for(tokens)
    assert 1 <= retry_after_s(wait_s) <= 60
    in_time = throughput.tokens_within(seconds)
    assert in_time >= 0
    if sum(busy_s for _, busy_s in work) < 1 or not any(taken for taken, _ in work):
        assert wait_s is None
        assert in_time == math.inf
    if wait_s is not None:
        assert throughput.tokens_within(wait_s) == pytest.approx(tokens)
