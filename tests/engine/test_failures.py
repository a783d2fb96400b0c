"""Deadlines, clients that leave, sources and models that fail: who fails, and who goes on."""

import pytest

from service.engine import Engine, EngineLimits
from service.errors import DeadlineExceeded, DecodingFailed, Draining
from tests.engine.scenes import WIDE, BrokenModelError, Notes, WatchedModel, options, request, run
from tests.fakes import FIRST_WORD, HandClock, echo_table, random_table

POISON = FIRST_WORD + 7


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
