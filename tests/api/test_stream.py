"""Server-Sent Events over a real socket, from a real engine that the test holds and lets go."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from service.api import stream
from service.settings import Settings
from service.text.tokenizer import Tokenizer
from tests.api.fakes import FakeModels, FakePipeline, shout
from tests.api.local import LocalClient
from tests.api.real import translating_with
from tests.api.serving import PATIENCE_S, Gate, ServerInThread, client_of, serving
from tests.engine.scenes import HeldModel
from tests.fakes import echo_table

TEXT = "the teacher is looking for a house. Tom!\n\n  - the dog bought keys, too.\n"
GREEDY = {"beam_size": 1}
FIELDS = {"q": TEXT, "source": "en", "target": "de", "options": GREEDY}
SETTINGS = Settings(port=0, max_queue_sources=4)


@dataclass
class Scene:
    """A server whose model stops before every chunk until it is let go."""

    server: ServerInThread
    client: httpx.Client
    model: HeldModel

    def metric(self, line: str) -> bool:
        return f"seq2serve_{line}" in self.client.get("/metrics").text

    def await_metric(self, line: str) -> None:
        assert any(self.metric(line) for _ in range(1000)), line


@pytest.fixture
def model(tokenizer: Tokenizer) -> Iterator[HeldModel]:
    model = HeldModel(echo_table(tokenizer.vocabulary_size), steps=2)
    yield model
    model.open()  # whatever went wrong, the engine's thread must not hang


@pytest.fixture
def scene(model: HeldModel, tokenizer: Tokenizer) -> Iterator[Scene]:
    with (
        serving(SETTINGS, translating_with(model, tokenizer)) as server,
        client_of(server) as client,
    ):
        yield Scene(server, client, model)
        model.open()


@contextmanager
def streaming(scene: Scene, **fields: Any) -> Iterator[tuple[httpx.Response, Iterator[Any]]]:
    """An answer that has begun, and its events as they come."""
    asked = FIELDS | {"stream": True} | fields
    with scene.client.stream("POST", "/translate", json=asked) as answer:
        yield answer, events_of(answer)


def events_of(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """(name, data) of each event; comments are left out, as browsers do."""
    frame: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            frame[name] = value
        elif frame:
            if "event" in frame:
                yield frame["event"], json.loads(frame["data"])
            frame = {}


def test_the_text_piece_by_piece_and_then_the_usual_answer(scene: Scene) -> None:
    scene.model.open()
    extras = {"alternatives": 1, "options": {"beam_size": 3}}
    usual = scene.client.post("/translate", json=FIELDS | extras).json()
    with streaming(scene, **extras) as (answer, events):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["x-model"] == "shout-en-de@1.2.0"
        assert len(answer.headers["x-request-id"]) == 32
        *sentences, (last, body) = events

    assert {name for name, _ in sentences} == {"sentence"}
    assert "".join(data["delta"] for _, data in sentences) == usual["translatedText"]
    assert sentences[-1][1] | {"delta": ""} == {"delta": "", "settled": 3, "total": 3}
    assert last == "done"
    assert body == usual
    scene.await_metric('requests_total{code="ok",route="/translate",task="translation"} 2.0')


def test_events_come_while_the_rest_is_still_to_be_decoded(scene: Scene) -> None:
    with streaming(scene) as (_, events):
        scene.model.gate.release()
        name, data = next(events)
        assert name == "sentence"
        assert data["settled"] == 0
        assert data["delta"]
        assert TEXT.startswith(data["delta"])
        scene.model.open()
        assert list(events)[-1][0] == "done"


def test_a_browser_can_ask_by_get(scene: Scene) -> None:
    scene.model.open()
    query = {"q": "Tom!", "source": "en", "target": "de", "stream": "true"}
    with scene.client.stream("GET", "/translate", params=query) as answer:
        assert list(events_of(answer))[-1] == ("done", {"translatedText": "Tom!"})


def test_a_text_that_needs_no_model(scene: Scene) -> None:
    with streaming(scene, source="de") as (_, events):
        assert list(events) == [
            ("sentence", {"delta": TEXT, "settled": 0, "total": 0}),
            ("done", {"translatedText": TEXT}),
        ]


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"q": ["a", "b"]}, 400, "stream takes one text; q is a list of 2"),
        ({"q": "Tom.\n" * 5}, 413, "request has 5 sources; the limit is 4"),
        ({"options": {"beam_size": 9}}, 400, "beam_size is 9; the limit is 8"),
        ({"stream": "perhaps"}, 400, "stream: input should be a valid boolean"),
    ],
)
def test_what_is_refused_is_no_stream(
    scene: Scene, fields: dict[str, Any], status: int, error: str
) -> None:
    answer = scene.client.post("/translate", json=FIELDS | {"stream": True} | fields)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"].startswith(error)
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_full_queue_is_said_before_the_stream_begins(scene: Scene) -> None:
    with streaming(scene) as (_, events):
        assert scene.model.arrived.acquire(timeout=PATIENCE_S)
        refused = scene.client.post("/translate", json=FIELDS | {"stream": True})
        assert refused.status_code == 429
        assert refused.json()["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        scene.model.open()
        assert list(events)[-1][0] == "done"


def test_a_client_that_leaves_frees_its_rows(scene: Scene) -> None:
    with streaming(scene):
        assert scene.model.arrived.acquire(timeout=PATIENCE_S)
        scene.await_metric('queue_depth_sources{model="shout-en-de"} 2.0')
    scene.await_metric('queue_depth_sources{model="shout-en-de"} 0.0')
    scene.model.open()
    # The row of the sentence that was being decoded is free: another one is answered in it.
    answer = scene.client.post("/translate", json=FIELDS | {"q": "Tom!"})
    assert answer.json() == {"translatedText": "Tom!"}
    scene.await_metric('failed_sources_total{code="cancelled",model="shout-en-de"} 3.0')
    scene.await_metric('requests_total{code="cancelled",route="/translate",task="translation"} 1.0')


def test_a_silent_connection_is_kept_alive(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.01)
    with streaming(scene) as (answer, _):
        lines = answer.iter_lines()
        assert [next(lines), next(lines)] == [": still here", ""]
        scene.model.open()
        assert [line for line in lines if line][-2] == "event: done"


class TestWhileItIsSearchedAgain:
    """All of the text has been given, and the answer is not there yet."""

    def test_the_connection_is_kept_alive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream, "HEARTBEAT_S", 0.01)
        gate = Gate()
        models = FakeModels(translator=FakePipeline(shout, gate))
        with (
            serving(SETTINGS, models) as server,
            client_of(server) as client,
            client.stream("POST", "/translate", json=FIELDS | {"stream": True}) as answer,
        ):
            lines = answer.iter_lines()
            assert [next(lines) for _ in range(5)][0::3] == ["event: sentence", ": still here"]
            gate.open()
            assert [line for line in lines if line][-2] == "event: done"

    def test_a_client_that_leaves_takes_it_back(self) -> None:
        gate = Gate()
        models = FakeModels(translator=FakePipeline(shout, gate))
        with serving(SETTINGS, models) as server, client_of(server) as client:
            with client.stream("POST", "/translate", json=FIELDS | {"stream": True}):
                assert gate.reached.wait(PATIENCE_S)
            assert gate.left.wait(PATIENCE_S)
        assert models.translator.cancelled == 1


class TestErrorsAfterTheBeginning:
    def test_the_deadline(self, scene: Scene) -> None:
        with streaming(scene, timeout_s=0.3) as (answer, events):
            *_, (name, body) = events
        assert name == "error"
        assert body["code"] == "deadline_exceeded"
        assert body["request_id"] == answer.headers["x-request-id"]

    def test_an_engine_that_dies(self, scene: Scene) -> None:
        with streaming(scene) as (_, events):
            assert scene.model.arrived.acquire(timeout=PATIENCE_S)
            del scene.model.table  # a bug, as far as the engine knows
            scene.model.open()
            *_, (name, body) = events
        assert (name, body["code"]) == ("error", "engine_dead")
        counted = 'requests_total{code="engine_dead",route="/translate",task="translation"} 1.0'
        scene.await_metric(counted)

    def test_the_end_of_a_drain(self, model: HeldModel, tokenizer: Tokenizer) -> None:
        at_once = SETTINGS.model_copy(update={"drain_timeout_s": 0.0})
        with (
            serving(at_once, translating_with(model, tokenizer)) as server,
            client_of(server) as client,
            streaming(Scene(server, client, model)) as (_, events),
        ):
            assert model.arrived.acquire(timeout=PATIENCE_S)
            server.signal(signal.SIGTERM)
            name, body = next(events)
            assert (name, body["code"]) == ("error", "draining")
            model.open()

    def test_a_drain_waits_for_the_stream(self, scene: Scene) -> None:
        with streaming(scene) as (_, events), ThreadPoolExecutor() as pool:
            assert scene.model.arrived.acquire(timeout=PATIENCE_S)
            scene.server.signal(signal.SIGTERM)
            assert scene.client.get("/readyz").json()["in_flight"] == 1
            rest = pool.submit(list, events)
            scene.model.open()
            assert rest.result(PATIENCE_S)[-1][0] == "done"


def test_a_summary(client: LocalClient) -> None:
    answer = client.post("/summarize", json={"text": "Oil is dear.", "stream": True})
    assert [name for name, _ in events_of(answer)] == ["sentence", "done"]
    usual = client.post("/summarize", json={"text": "Oil is dear."}).json()
    assert json.loads(answer.text.split("data: ")[-1]) == usual
