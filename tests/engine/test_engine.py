"""Scenarios, stepped in the test's own thread: time is a number and a chunk is a call."""

import logging
from dataclasses import replace

import pytest

from service.domain import FinishReason
from service.engine import Engine, EngineLimits
from service.engine.plan import GPU_COSTS
from tests.engine.scenes import WIDE, Notes, WatchedModel, options, request, run
from tests.fakes import HandClock, echo_table


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
