"""The same engine with its threads running; events instead of sleeping."""

import logging
import threading
from concurrent.futures import Future, wait

import pytest

from service.domain import DecodedSource
from service.engine import Engine, EngineLimits
from service.errors import Draining, EngineDead
from tests.engine.scenes import (
    BrokenModelError,
    HeldModel,
    Notes,
    WatchedModel,
    options,
    request,
    run,
    same,
)
from tests.fakes import TableModel, echo_table

TWO = EngineLimits(
    max_queue_items=500,
    max_queue_tokens=10_000,
    max_batch_sources=4,
    max_batch_tokens=2000,
    workers=2,
)
ONE = EngineLimits(500, 10_000, 4, 2000, workers=1)
PATIENCE_S = 60  # for a machine that is busy; never waited for when all is well


def test_many_clients_all_get_their_own_answer() -> None:
    searches = [options(1 + n % 3, max_decoding_length=1 + n % 9) for n in range(40)]
    asked = [
        request([4 + (n * word) % 8 for word in range(n % 17)], searches[n]) for n in range(40)
    ]
    alone = Engine(TableModel(), ONE)
    expected = [alone.submit(one) for one in asked]
    run(alone)

    engine = Engine(TableModel(), TWO)
    engine.start()
    assert engine.alive
    futures: dict[int, Future[DecodedSource]] = {}

    def client(numbers: range) -> None:
        for number in numbers:
            futures[number] = engine.submit(asked[number])

    clients = [threading.Thread(target=client, args=(range(n, 40, 4),)) for n in range(4)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    for number in range(40):
        found = futures[number].result(timeout=PATIENCE_S)
        assert same(found, expected[number].result(timeout=0))
    assert engine.drain(PATIENCE_S)
    engine.close()
    assert not engine.alive


def test_a_lone_request_wakes_an_idle_engine() -> None:
    engine = Engine(TableModel(echo_table()), TWO)
    engine.start()
    for _ in range(3):
        assert engine.submit(request(3)).result(timeout=PATIENCE_S).hypotheses
    engine.close()


def test_draining_finishes_what_is_in_and_takes_nothing_more() -> None:
    model = HeldModel(echo_table())
    engine = Engine(model, ONE)
    engine.start()
    futures = [engine.submit(request(9)) for _ in range(10)]
    assert model.arrived.acquire(timeout=PATIENCE_S)
    assert not engine.drain(0)
    with pytest.raises(Draining):
        engine.submit(request(3))
    assert engine.alive
    model.open()
    assert engine.drain(PATIENCE_S)
    assert all(future.result(timeout=0).hypotheses for future in futures)
    engine.close()


def test_closing_fails_the_rest() -> None:
    model = HeldModel(echo_table())
    engine = Engine(model, ONE)
    engine.start()
    futures = [engine.submit(request(30)) for _ in range(10)]
    assert model.arrived.acquire(timeout=PATIENCE_S)
    closing = threading.Thread(target=engine.close)
    closing.start()
    # Those that wait fail at once, those in the batch after the chunk.
    waiting = wait(futures, timeout=PATIENCE_S, return_when="FIRST_EXCEPTION")
    assert waiting.done
    model.open()
    closing.join(PATIENCE_S)
    for future in futures:
        with pytest.raises(Draining):
            future.result(timeout=0)


def test_a_dead_worker_fails_everyone_who_waits(caplog: pytest.LogCaptureFixture) -> None:
    model, notes = HeldModel(echo_table()), Notes()
    engine = Engine(model, TWO, observer=notes)
    engine.start()
    futures = [engine.submit(request(30)) for _ in range(20)]
    for _ in engine.workers:  # both are decoding
        assert model.arrived.acquire(timeout=PATIENCE_S)
    model.cannot_advance = True
    model.open()
    for future in futures:
        with pytest.raises(EngineDead):
            future.result(timeout=PATIENCE_S)
    assert not engine.drain(PATIENCE_S)
    assert not engine.alive
    with pytest.raises(EngineDead, match="the engine has died: BrokenModelError"):
        engine.submit(request(3))
    assert engine.queue_depth == 0
    assert all(isinstance(error, BrokenModelError) for error in notes.deaths)
    assert notes.deaths
    assert notes.failures == ["engine_dead"] * 20
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    engine.close()


def test_a_model_that_cannot_encode_kills_the_engine_too() -> None:
    model = WatchedModel()
    model.cannot_encode = lambda source: True
    engine = Engine(model, ONE)
    engine.start()
    with pytest.raises(EngineDead):
        engine.submit(request(3)).result(timeout=PATIENCE_S)
    assert not engine.alive
    engine.close()


class PreparedModel(WatchedModel):
    """Makes a model for each worker, and remembers in which thread."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__(echo_table())
        self.failure = failure
        self.threads: list[str] = []

    def for_worker(self) -> WatchedModel:  # type: ignore[override]  # another one, as devices do
        self.threads.append(threading.current_thread().name)
        if self.failure is not None:
            raise self.failure
        return WatchedModel(echo_table())


def test_each_worker_is_ready_with_a_model_made_in_its_thread_when_start_returns() -> None:
    model = PreparedModel()
    engine = Engine(model, TWO)
    engine.start()
    assert sorted(model.threads) == ["engine-0", "engine-1"]
    assert engine.submit(request(3)).result(timeout=PATIENCE_S).hypotheses
    assert model.advanced == []
    engine.close()


def test_a_worker_that_cannot_be_made_ready_kills_the_engine() -> None:
    engine = Engine(PreparedModel(BrokenModelError("capture")), ONE)
    engine.start()
    assert not engine.alive
    with pytest.raises(EngineDead):
        engine.submit(request(3))
    engine.close()


def test_cancelling_during_a_chunk_frees_the_rows_after_it() -> None:
    model, notes = HeldModel(echo_table()), Notes()
    engine = Engine(model, ONE, observer=notes)
    engine.start()
    leaving, staying = engine.submit_many([request(40), request(20)])
    assert model.arrived.acquire(timeout=PATIENCE_S)
    assert leaving.cancel()
    assert wait([leaving], timeout=PATIENCE_S).done  # whoever waits on it is told
    model.open()
    assert staying.result(timeout=PATIENCE_S).hypotheses
    assert [B for B, _, _ in model.advanced[:2]] == [2, 1]
    assert notes.failures == ["cancelled"]
    engine.close()


def test_a_callback_may_call_the_engine_back() -> None:
    engine = Engine(TableModel(echo_table()), TWO)
    engine.start()
    second: Future[Future[DecodedSource]] = Future()
    first = engine.submit(request(3))
    first.add_done_callback(lambda _: second.set_result(engine.submit(request(4))))
    assert second.result(timeout=PATIENCE_S).result(timeout=PATIENCE_S).hypotheses
    engine.close()
