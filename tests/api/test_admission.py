"""Refused before it costs anything: the same refusal as the engine's, and nothing of it is read."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.errors import Draining, EngineDead, Overloaded, ServiceError
from service.settings import Settings
from tests.api.fakes import TRANSLATOR, FakeModels, FakePipeline
from tests.api.keyed import FIELDS, KeyedService
from tests.api.local import LocalClient, MakeClient
from tests.api.scraping import value
from tests.api.serving import serving
from tests.api.test_http import connect

FULL = Overloaded("2048 sources wait already", 2.5)
DOORS = [
    ("/translate", FIELDS),
    ("/summarize", {"text": "one two three"}),
    ("/v2/translate", {"text": ["hello"], "target_lang": "DE", "source_lang": "EN"}),
]


class Unread:
    """A body that notes whether anybody wanted it."""

    def __init__(self) -> None:
        self.is_read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.is_read = True
        yield b"{}"


@contextmanager
def shut(models: FakeModels, refusal: ServiceError = FULL) -> Iterator[None]:
    """While no engine takes anything."""
    engines = models.engines.values()
    for engine in engines:
        engine.refusal = refusal
    yield
    for engine in engines:
        engine.refusal = None


def told(answer: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """All that is in an answer but what is never the same twice."""
    body = {name: text for name, text in answer.json().items() if name != "request_id"}
    headers = {
        name: text
        for name, text in answer.headers.items()
        if name not in ("x-request-id", "content-length")
    }
    return answer.status_code, body, headers


@pytest.mark.parametrize("path", ["/translate", "/summarize", "/v2/translate", "/translate_file"])
def test_with_all_engines_full_nobody_reads_the_body(
    client: LocalClient, models: FakeModels, path: str
) -> None:
    body = Unread()
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    with shut(models):
        answer = client.post(path, content=body, headers=form)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "3"
        assert not body.is_read
    client.post(path, content=body, headers=form)
    assert body.is_read


@pytest.mark.parametrize(("path", "fields"), DOORS)
@pytest.mark.parametrize("refusal", [FULL, EngineDead("it died"), Draining("it stops")])
def test_the_refusal_is_the_engines_own_to_the_letter(
    make_client: MakeClient, path: str, fields: dict[str, Any], refusal: ServiceError
) -> None:
    def engine_refuses(_: object) -> ServiceError:
        raise refusal

    late = make_client(FakeModels(FakePipeline(engine_refuses), FakePipeline(engine_refuses)))
    models = FakeModels()
    early = make_client(models)
    with shut(models, refusal):
        answers = [each.post(path, json=fields) for each in (early, late)]
    assert told(answers[0]) == told(answers[1])
    task = "summarization" if path == "/summarize" else "translation"
    labels = {"route": path, "task": task, "code": refusal.code}
    assert [value(each, "seq2serve_requests_total", **labels) for each in (early, late)] == [1, 1]
    assert models.translator.asked == models.summarizer.asked == []


def test_where_one_of_the_models_has_room_the_body_says_which_is_asked(
    make_client: MakeClient,
) -> None:
    models = FakeModels()
    client = make_client(models)
    models.engines["shout-en-de"].refusal = FULL
    assert client.post("/translate", json=FIELDS).status_code == 429
    assert client.post("/summarize", json={"text": "one two"}).status_code == 200


def test_of_several_waits_the_shortest_is_named(make_client: MakeClient) -> None:
    other = TRANSLATOR.model_copy(update={"name": "yell-en-de"})
    models = FakeModels(manifests=(TRANSLATOR, other))
    client = make_client(models)
    models.engines["shout-en-de"].refusal = Overloaded("both", 9)
    models.engines["yell-en-de"].refusal = Overloaded("both", 4)
    body = Unread()
    assert client.post("/translate", content=body).headers["retry-after"] == "4"
    assert not body.is_read
    models.engines["yell-en-de"].refusal = None
    assert client.post("/translate", json=FIELDS).headers["retry-after"] == "9"
    assert client.post("/translate", json=FIELDS | {"model": "yell-en-de"}).status_code == 200


def test_texts_that_do_not_fit_together_are_not_planned(make_client: MakeClient) -> None:
    models = FakeModels()
    client = make_client(models)
    models.engines["shout-en-de"].most_sources = 2
    refused = client.post("/translate", json=FIELDS | {"q": ["one", "two", "three"]})
    assert refused.status_code == 429
    assert models.translator.asked == []
    assert client.post("/translate", json=FIELDS | {"q": ["one", "...", "two"]}).status_code == 200


def test_whoever_is_refused_can_ask_what_there_is(client: LocalClient, models: FakeModels) -> None:
    with shut(models):
        for path in ("/", "/health", "/livez", "/readyz", "/metrics", "/languages", "/models"):
            assert client.get(path).status_code == 200
        assert client.post("/detect", json={"q": "Guten Tag"}).status_code == 200


class TestKeys:
    def test_who_has_none_learns_nothing(self, tmp_path: Path, models: FakeModels) -> None:
        service = KeyedService(tmp_path / "keys.db", models)
        service.add()
        with service.client() as client, shut(models):
            for arguments in ({}, {"headers": {"X-API-Key": "wrong"}}):
                answer = client.post("/translate", json=FIELDS, **arguments)
                assert answer.status_code == 403
            assert client.post("/translate", json=FIELDS | {"api_key": "no"}).status_code == 403

    def test_who_has_one_is_refused_wherever_it_is(
        self, tmp_path: Path, models: FakeModels
    ) -> None:
        service = KeyedService(tmp_path / "keys.db", models)
        key = service.add(requests_per_minute=2, characters_per_month=100)
        with service.client() as client, shut(models):
            body = Unread()
            answer = client.post("/translate", content=body, headers={"X-API-Key": key.key})
            assert answer.json()["code"] == "overloaded"
            assert not body.is_read
            answer = client.post("/translate", json=FIELDS | {"api_key": key.key})
            assert answer.json()["code"] == "overloaded"
            # Refused or not, it asks as often as it asks.
            answer = client.post("/translate", content=body, headers={"X-API-Key": key.key})
            assert answer.json()["code"] == "rate_limited"
        assert service.kept(key.id).characters == 0


def test_a_refused_connection_goes_on_and_nothing_admitted_is_lost() -> None:
    models = FakeModels()
    small = b'{"q": "hello", "source": "en", "target": "de"}'
    head = b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    with serving(Settings(port=0), models) as server, connect(server) as connection:
        replies = connection.makefile("rb")

        def status() -> int:
            status = int(replies.readline().split()[1])
            length = 0
            while (line := replies.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            replies.read(length)
            return status

        def open_door(refusal: ServiceError | None) -> None:
            models.engines["shout-en-de"].refusal = refusal

        for _ in range(3):
            server.call(lambda: open_door(FULL))
            connection.sendall(head % 100_000)
            assert status() == 429  # before any of the body is there
            server.call(lambda: open_door(None))
            connection.sendall(b"x" * 100_000 + head % len(small) + small)
            assert status() == 200
    assert len(models.translator.asked) == 3
