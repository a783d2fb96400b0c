"""Errors of the service, as HTTP, log line and metric alike."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from service.errors import (
    DeadlineExceeded,
    DecodingFailed,
    Draining,
    EngineDead,
    Overloaded,
    ServiceError,
)
from service.logs import JsonFormatter
from service.pipeline.request import TextRequest
from service.pipeline.response import TextResponse
from tests.api.fakes import FakeModels, FakePipeline, shout
from tests.api.local import LocalClient, MakeClient
from tests.api.scraping import value

SECRET = "Grüße an Tante Hedwig"
FIELDS = {"q": SECRET, "source": "en", "target": "de"}


class LogLines(logging.Handler):
    """What the service logs, as the lines that go to stderr."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore")):  # the client's own
            self.lines.append(self.format(record))

    @property
    def requests(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.lines]
        return [line for line in lines if line["event"] == "request"]


@pytest.fixture
def logs() -> Iterator[LogLines]:
    handler = LogLines()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def failing(error: Exception) -> FakeModels:
    def answering(request: TextRequest) -> TextResponse | ServiceError:
        raise error

    return FakeModels(translator=FakePipeline(answering))


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Overloaded("3000 sentences wait; the limit is 2048", 2.2), 429, "3"),
        (Overloaded("3000 sentences wait; the limit is 2048", 0.01), 429, "1"),
        (Draining("shutting down"), 503, "5"),
        (EngineDead("the engine died"), 503, "5"),
        (DeadlineExceeded("too late"), 504, None),
        (DecodingFailed("the model failed on this sentence"), 500, None),
    ],
)
def test_each_error_has_its_status_and_code(
    error: ServiceError,
    status: int,
    retry_after: str | None,
    make_client: MakeClient,
    logs: LogLines,
) -> None:
    client = make_client(failing(error))
    response = client.post("/translate", json=FIELDS, headers={"X-Request-ID": "r-1"})

    assert response.status_code == status
    assert response.json() == {"error": str(error), "code": error.code, "request_id": "r-1"}
    assert response.headers.get("retry-after") == retry_after
    [line] = logs.requests
    assert (line["status"], line["code"], line["request_id"]) == (status, error.code, "r-1")
    labels = {"route": "/translate", "task": "translation", "code": error.code}
    assert value(client, "seq2serve_requests_total", **labels) == 1


def test_an_unexpected_error_says_nothing_of_what_is_inside(
    make_client: MakeClient, logs: LogLines
) -> None:
    client = make_client(failing(KeyError(SECRET)))
    response = client.post("/translate", json=FIELDS)

    assert response.status_code == 500
    assert response.json()["code"] == "internal"
    assert "KeyError" not in response.text
    assert SECRET not in response.text
    [line] = logs.requests
    assert line["level"] == "error"
    assert line["exception"]["type"] == "builtins.KeyError"
    assert any("test_failures.py" in frame for frame in line["exception"]["frames"])
    assert SECRET not in "\n".join(logs.lines)


def test_no_log_line_holds_user_text(client: LocalClient, logs: LogLines) -> None:
    client.post("/translate", json=FIELDS)
    client.post("/translate", json=FIELDS | {SECRET: 1})
    client.post("/translate", json=FIELDS | {"source": SECRET, "format": SECRET})
    client.post("/translate", content=SECRET.encode())
    client.get("/translate", params=FIELDS)
    client.get(f"/{SECRET}", headers={"X-Request-ID": SECRET.encode()})
    client.post("/summarize", json={"text": SECRET, "model": SECRET})
    client.post("/detect", json={"q": SECRET})

    assert len(logs.requests) == 8
    for word in ("Gr", "Tante", "Hedwig"):
        assert word not in "\n".join(logs.lines)


def test_the_log_line_of_a_translation(client: LocalClient, logs: LogLines) -> None:
    client.post("/translate", json=FIELDS | {"q": ["a", "b"]})

    [line] = logs.requests
    seconds = line.pop("seconds")
    assert 0 < seconds < 60
    del line["time"], line["request_id"]
    assert line == {
        "level": "info",
        "logger": "service.request",
        "event": "request",
        "method": "POST",
        "route": "/translate",
        "status": 200,
        "code": "ok",
        "texts": 2,
        "texts_failed": 0,
        "sentences": 2,
        "source_tokens": 6,
        "generated_tokens": 8,
        "tokenise_s": 0.001,
        "queue_s": 0.002,
        "encode_s": 0.003,
        "decode_s": 0.004,
        "detokenise_s": 0.005,
    }


def test_probes_are_quiet(client: LocalClient, logs: LogLines) -> None:
    client.get("/livez")
    assert logs.requests[0]["level"] == "debug"


class TestRequestId:
    def test_a_sane_one_is_kept(self, client: LocalClient) -> None:
        response = client.get("/livez", headers={"X-Request-ID": "a1-b2:c3/d4"})
        assert response.headers["x-request-id"] == "a1-b2:c3/d4"

    @pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"b', "ü"])
    def test_any_other_is_replaced(self, client: LocalClient, given: str) -> None:
        response = client.get("/nowhere", headers={"X-Request-ID": given.encode()})

        made = response.headers["x-request-id"]
        assert len(made) == 32
        assert response.json()["request_id"] == made


class TestDeadline:
    def test_a_request_that_takes_too_long_is_given_up(self, make_client: MakeClient) -> None:
        models = FakeModels(translator=FakePipeline(shout, hold=asyncio.Event().wait))
        response = make_client(models).post("/translate", json=FIELDS | {"timeout_s": 0.01})

        assert response.status_code == 504
        assert response.json()["error"] == "no answer within timeout_s, which is 0.01"
        assert response.json()["code"] == "deadline_exceeded"
        assert models.translator.cancelled == 1

    def test_the_engine_knows_it_too(self, client: LocalClient, models: FakeModels) -> None:
        client.post("/translate", json=FIELDS)
        client.post("/translate", json=FIELDS | {"timeout_s": 60})

        usual, long = models.translator.asked
        assert usual.deadline_s is not None
        assert long.deadline_s is not None
        # 30 s by default; each counts from its own arrival.
        assert long.deadline_s - usual.deadline_s >= 30


class TestBodyLimit:
    def test_a_declared_length_is_refused(self, client: LocalClient, logs: LogLines) -> None:
        response = client.post("/translate", json=FIELDS | {"q": "x" * 20_000})

        assert response.status_code == 413
        assert response.json()["code"] == "too_large"
        assert "the limit is 20000" in response.json()["error"]
        assert logs.requests[0]["route"] == "/translate"

    def test_an_undeclared_one_is_refused_before_it_is_all_read(self, client: LocalClient) -> None:
        sent = 0

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal sent
            while sent < 1_000_000:
                sent += 1000
                yield b"x" * 1000

        response = client.post("/translate", content=chunks())

        assert response.status_code == 413
        assert 20_000 < sent < 25_000

    def test_a_compressed_one_is_refused_by_name(self, client: LocalClient) -> None:
        body = gzip.compress(json.dumps(FIELDS).encode())
        for path, message in (("/translate", "error"), ("/v2/translate", "message")):
            response = client.post(path, content=body, headers={"Content-Encoding": "GZip"})
            assert response.status_code == 415
            assert response.json()[message] == "the body is compressed (gzip); send it as it is"

    def test_an_encoding_that_is_none_passes(self, client: LocalClient) -> None:
        for encoding in ("identity", "utf-8"):  # some clients mix it up with the charset
            headers = {"Content-Encoding": encoding}
            assert client.post("/translate", json=FIELDS, headers=headers).status_code == 200

    def test_a_body_at_the_limit_passes(self, client: LocalClient) -> None:
        room = 20_000 - len(json.dumps(FIELDS | {"q": ""}))
        body = json.dumps(FIELDS | {"q": "x" * room}).encode()
        assert len(body) == 20_000
        assert client.post("/translate", content=body).status_code == 200
