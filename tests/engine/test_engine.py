"""Scenarios, stepped in the test's own thread: time is a number and a chunk is a call."""

import logging
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import FinishReason
from service.engine import Engine, EngineLimits
from service.engine.plan import GPU_COSTS
from service.engine.throughput import Throughput, retry_after_s
from service.errors import (
    DeadlineExceeded,
    DecodingFailed,
    Draining,
    Overloaded,
    TooLarge,
)
from tests.engine.scenes import (
    WIDE,
    BrokenModelError,
    Notes,
    WatchedModel,
    options,
    request,
    run,
)
from tests.fakes import FIRST_WORD, HandClock, TableModel, echo_table, random_table

POISON = FIRST_WORD + 7


def echo(words: int, steps_of_advance: int = 4) -> int:
    """Chunks that a model which echoes its source needs for so many words."""
    return -(-(words + 1) // steps_of_advance)


def test_answers_leave_as_soon_as_they_are_finished() -> None:
    model = WatchedModel(echo_table())
    engine = Engine(model, WIDE)
    long, short = engine.submit_many([request(40), request(2)])
    engine.workers[0].step()
    assert short.done()
    assert not long.done()
    run(engine)
    assert len(model.advanced) == echo(40)
    # The short one's row was not computed further, and its padding went with the long one.
    assert [B for B, _, _ in model.advanced] == [2] + [1] * (echo(40) - 1)


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


def test_a_long_text_does_not_delay_short_ones() -> None:
    model = WatchedModel(echo_table())
    engine = Engine(model, WIDE)
    long = engine.submit(request(59))
    engine.workers[0].step()
    for _ in range(5):
        shorts = [engine.submit(request(2)) for _ in range(4)]
        engine.workers[0].step()
        assert all(short.done() for short in shorts)
    assert not long.done()


def test_like_sources_share_a_lane_and_others_do_not_pay_for_them() -> None:
    model = WatchedModel(echo_table())
    engine = Engine(model, WIDE)
    for words, beam_size in [(9, 1)] * 8 + [(59, 1)] + [(9, 16)]:
        engine.submit(request(words, options(beam_size)))
    engine.workers[0].step()
    assert sorted(model.advanced) == [(1, 16, 16), (1, 64, 1), (8, 16, 1)]
    for words, beam_size in [(8, 1)] * 3:
        engine.submit(request(words, options(beam_size)))
    engine.workers[0].step()
    assert sorted(model.advanced[3:]) == [(1, 16, 16), (1, 64, 1), (11, 16, 1)]


def test_a_gpu_advances_all_together() -> None:
    model = WatchedModel(echo_table())
    engine = Engine(model, replace(WIDE, costs=GPU_COSTS))
    for words, beam_size in [(9, 1)] * 8 + [(59, 1)] + [(9, 16)]:
        engine.submit(request(words, options(beam_size)))
    engine.workers[0].step()
    assert model.advanced == [(10, 64, 16)]


def test_several_workers_share_what_waits() -> None:
    model = WatchedModel(echo_table())
    engine = Engine(model, EngineLimits(100, 1000, 16, 10_000, workers=2))
    for _ in range(16):
        engine.submit(request(9))
    first, second = engine.workers
    first.step()
    second.step()
    assert [B for B, _, _ in model.advanced] == [8, 8]


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


def test_a_deadline_can_pass_in_the_queue() -> None:
    clock, notes = HandClock(), Notes()
    model = WatchedModel(echo_table())
    engine = Engine(model, EngineLimits(9, 1000, 1, 1000, 1), clock=clock, observer=notes)
    busy = engine.submit(request(30))
    engine.workers[0].step()
    late = engine.submit(request(3, deadline_s=clock.now_s + 0.5))
    clock.now_s += 0.75
    engine.workers[0].step()
    with pytest.raises(
        DeadlineExceeded, match=r"still waiting after 0\.750 s; the limit was 0\.500 s"
    ):
        late.result(timeout=0)
    assert engine.queue_depth == 0
    run(engine)
    assert busy.result(timeout=0).hypotheses
    assert notes.failures == ["deadline_exceeded"]
    assert model.encoded == [[31]]


def test_a_deadline_can_pass_between_chunks() -> None:
    clock = HandClock()
    model = WatchedModel(echo_table())
    engine = Engine(model, WIDE, clock=clock)
    late = engine.submit(request(30, deadline_s=clock.now_s + 2))
    on_time = engine.submit(request(30, deadline_s=clock.now_s + 2.5))
    engine.workers[0].step()
    clock.now_s += 2
    engine.workers[0].step()
    with pytest.raises(DeadlineExceeded, match=r"not yet decoded after 2\.000 s; the limit"):
        late.result(timeout=0)
    assert [B for B, _, _ in model.advanced] == [2, 1]
    run(engine)
    assert on_time.result(timeout=0).hypotheses


def test_cancelling_frees_the_place_in_the_queue_at_once() -> None:
    notes = Notes()
    engine = Engine(WatchedModel(), EngineLimits(1, 1000, 1, 1000, 1), observer=notes)
    future = engine.submit(request(3))
    assert future.cancel()
    assert engine.queue_depth == 0
    engine.submit(request(3))
    assert notes.failures == ["cancelled"]


def test_cancelling_frees_the_rows_at_the_next_chunk() -> None:
    model, notes = WatchedModel(echo_table()), Notes()
    engine = Engine(model, WIDE, observer=notes)
    leaving, staying = engine.submit_many([request(40, options(4)), request(20)])
    engine.workers[0].step()
    assert leaving.cancel()
    engine.workers[0].step()
    assert model.advanced == [(2, 48, 4), (1, 32, 2)]
    run(engine)
    assert staying.result(timeout=0).hypotheses
    assert notes.failures == ["cancelled"]
    assert len(notes.answers) == 1


def test_an_answer_that_is_there_cannot_be_cancelled() -> None:
    engine = Engine(WatchedModel(echo_table()), WIDE)
    future = engine.submit(request(2))
    run(engine)
    assert not future.cancel()
    assert future.result(timeout=0).hypotheses


def test_a_bad_source_fails_alone() -> None:
    model, notes = WatchedModel(echo_table()), Notes()
    model.cannot_encode = lambda source: POISON in source
    engine = Engine(model, WIDE, observer=notes)
    resident = engine.submit(request(20))
    engine.workers[0].step()
    good, bad, fine = engine.submit_many([request(5), request([POISON] * 3), request(6)])
    run(engine)
    with pytest.raises(DecodingFailed, match="could not encode a source of 4 tokens") as failed:
        bad.result(timeout=0)
    assert isinstance(failed.value.__cause__, BrokenModelError)
    for future, words in ((resident, 20), (good, 5), (fine, 6)):
        assert len(future.result(timeout=0).hypotheses[0].token_ids) == words
    assert notes.failures == ["decoding_failed"]


def test_only_a_bad_source_in_an_otherwise_empty_engine_fails_too() -> None:
    model = WatchedModel(echo_table())
    model.cannot_encode = lambda source: POISON in source
    engine = Engine(model, WIDE)
    bad = engine.submit(request([POISON]))
    run(engine)
    with pytest.raises(DecodingFailed):
        bad.result(timeout=0)
    good = engine.submit(request(3))
    run(engine)
    assert good.result(timeout=0).hypotheses


def test_a_model_that_encodes_nothing_is_not_blamed_on_a_source() -> None:
    model = WatchedModel()
    model.cannot_encode = lambda source: True
    engine = Engine(model, WIDE)
    engine.submit(request(3))
    with pytest.raises(BrokenModelError):
        engine.workers[0].step()


def test_a_search_without_any_hypothesis_is_an_error_not_an_empty_answer() -> None:
    # Only the end mark is possible, and it would come too early.
    def only_the_end(source: tuple[int, ...], prefix: tuple[int, ...]):  # type: ignore[no-untyped-def]
        logits = random_table()(source, prefix).copy()
        logits[FIRST_WORD:] = float("-inf")
        return logits

    engine = Engine(WatchedModel(only_the_end), WIDE)
    future = engine.submit(request(3, options(min_decoding_length=1)))
    run(engine)
    with pytest.raises(DecodingFailed, match="no hypothesis"):
        future.result(timeout=0)


def test_a_search_that_never_finishes_is_a_dead_worker_not_a_stuck_row() -> None:
    class EndlessModel(WatchedModel):
        def advance(self, state):  # type: ignore[no-untyped-def]
            return state, super().advance(state)[1]

    engine = Engine(EndlessModel(echo_table()), WIDE)
    engine.submit(request(3, options(max_decoding_length=7)))
    engine.workers[0].step()
    engine.workers[0].step()
    with pytest.raises(RuntimeError, match=r"not finished after 8 steps; .* may have 8 tokens"):
        engine.workers[0].step()


def test_closing_fails_what_waits_and_what_is_decoded() -> None:
    engine = Engine(WatchedModel(echo_table()), EngineLimits(9, 1000, 1, 1000, 1))
    decoded, waiting = engine.submit_many([request(30), request(30)])
    engine.workers[0].step()
    engine.close()
    with pytest.raises(Draining):
        waiting.result(timeout=0)
    engine.workers[0].step()
    with pytest.raises(Draining):
        decoded.result(timeout=0)
    with pytest.raises(Draining):
        engine.submit(request(3))


def test_the_observer_hears_of_everything() -> None:
    clock, notes = HandClock(), Notes()
    model = WatchedModel(echo_table(), steps=4)
    engine = Engine(model, WIDE, clock=clock, observer=notes)
    engine.submit(request(2, options(3)))
    clock.now_s += 1.5
    engine.submit(request(20, options(3, max_decoding_length=6)))
    run(engine)
    assert notes.depths == [(1, 3), (2, 24), (0, 0)]
    assert [(e["sources"], e["source_tokens"], e["padded_tokens"]) for e in notes.encodes] == [
        (2, 24, 64)
    ]
    assert [(c["sources"], c["rows"], c["steps"]) for c in notes.chunks] == [(2, 6, 4), (1, 3, 4)]
    assert [(c["source_tokens"], c["padded_tokens"]) for c in notes.chunks] == [(24, 64), (21, 32)]
    short, long = notes.answers
    assert short["reason"] is FinishReason.END
    assert (short["source_tokens"], short["generated_tokens"]) == (3, 2)
    assert short["queue_s"] == 1.5
    assert long["reason"] is FinishReason.LENGTH
    assert (long["source_tokens"], long["generated_tokens"]) == (21, 7)
    assert long["queue_s"] == 0


def test_timings_and_steps_travel_with_the_answer() -> None:
    clock = HandClock()

    class TimedModel(WatchedModel):
        def encode(self, sources, options, slots):  # type: ignore[no-untyped-def]
            clock.now_s += 0.25
            return super().encode(sources, options, slots)

        def advance(self, state):  # type: ignore[no-untyped-def]
            clock.now_s += 2
            return super().advance(state)

    engine = Engine(TimedModel(echo_table()), WIDE, clock=clock)
    future = engine.submit(request(5))
    clock.now_s += 1
    run(engine)
    answer = future.result(timeout=0)
    assert (answer.queue_s, answer.encode_s, answer.decode_s) == (1, 0.25, 4)
    assert answer.decode_steps == 6  # five words and the end mark; the chunk had two more


def test_no_user_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    engine = Engine(WatchedModel(echo_table()), WIDE)
    engine.submit(request(5))
    run(engine)
    assert not caplog.records
