"""Over a real socket: clients that leave, bodies that do not end, and the way out."""

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from service.api.server import check_address
from service.errors import SettingsError
from service.settings import Settings
from tests.api.fakes import FakeModels, FakePipeline, shout
from tests.api.scraping import value
from tests.api.serving import PATIENCE_S, Gate, ServerInThread, client_of, serving

FIELDS = {"q": "hello", "source": "en", "target": "de"}
SETTINGS = Settings(port=0, max_body_bytes=10_000)


def post(server: ServerInThread) -> httpx.Response:
    with client_of(server) as client:
        return client.post("/translate", json=FIELDS)


def connect(server: ServerInThread) -> socket.socket:
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 0), timeout=PATIENCE_S)


def knock_for_ever(address: tuple[str, int]) -> None:
    while True:
        socket.create_connection(address, timeout=PATIENCE_S).close()


def held() -> tuple[FakeModels, Gate]:
    gate = Gate()
    return FakeModels(translator=FakePipeline(shout, hold=gate)), gate


def test_it_serves() -> None:
    models = FakeModels()
    with serving(SETTINGS, models) as server:
        assert post(server).json() == {"translatedText": "HELLO"}
        assert all(engine.alive for engine in models.engines.values())
    assert all(engine.closed for engine in models.engines.values())


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("nowhere.invalid", 0, "not known|No address"),
        ("192.0.2.1", 0, "Cannot assign requested address"),
        ("127.0.0.1", None, "in use"),
    ],
)
def test_where_it_cannot_listen_is_said_before_models_are_loaded(
    host: str, port: int | None, reason: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if port is None else port
        settings = SETTINGS.model_copy(update={"host": host, "port": port})
        place = f"SEQ2SERVE_HOST and SEQ2SERVE_PORT say, which is {host}:{port}: .*({reason})"
        with pytest.raises(SettingsError, match=place):
            check_address(settings)
    check_address(SETTINGS.model_copy(update={"port": 0}))


def test_a_client_that_leaves_takes_its_work_along() -> None:
    models, gate = held()
    with serving(SETTINGS, models) as server:
        body = json.dumps(FIELDS).encode()
        head = f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        with connect(server) as connection:
            connection.sendall(head.encode() + body)
            assert gate.reached.wait(PATIENCE_S)

        assert gate.left.wait(PATIENCE_S)
        labels = {"route": "/translate", "task": "translation", "code": "cancelled"}
        with client_of(server) as client:
            # The request is accounted for a moment after its work was dropped.
            assert any(value(client, "seq2serve_requests_total", **labels) for _ in range(100))
    assert models.translator.cancelled == 1


def test_a_body_that_is_declared_too_large_is_refused_before_it_is_sent() -> None:
    with serving(SETTINGS, FakeModels()) as server, connect(server) as connection:
        connection.sendall(
            b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    settings = SETTINGS.model_copy(update={"default_timeout_s": 0.05, "max_timeout_s": 0.05})
    with serving(settings, FakeModels()) as server, connect(server) as connection:
        connection.sendall(b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        refusal = connection.makefile("rb").read()  # which ends: the connection is closed
    assert refusal.startswith(b"HTTP/1.1 408 ")
    assert b"after 1 bytes the body was not all there; the limit is 0.05 s" in refusal


def test_a_body_that_is_too_large_is_refused_by_routes_that_want_none() -> None:
    with serving(SETTINGS, FakeModels()) as server, client_of(server) as client:
        body = b"x" * (SETTINGS.max_body_bytes + 1)
        answer = client.request("GET", "/docs/assets/swagger-ui.css", content=body)
        assert answer.status_code == 413
        client.post("/translate", content=body)
        labels = {"route": "/translate", "task": "none", "code": "too_large"}
        assert value(client, "seq2serve_requests_total", **labels) == 1


class TestDrain:
    def test_what_is_in_flight_finishes_and_new_requests_are_told_to_come_back(self) -> None:
        models, gate = held()
        with serving(SETTINGS, models) as server, ThreadPoolExecutor() as pool:
            in_flight = pool.submit(post, server)
            assert gate.reached.wait(PATIENCE_S)

            server.signal(signal.SIGTERM)

            with client_of(server) as client:
                assert client.get("/livez").status_code == 200
                readiness = client.get("/readyz")
                assert readiness.status_code == 503
                assert readiness.json()["phase"] == "draining"
                assert readiness.json()["in_flight"] == 1
                assert client.get("/health").status_code == 503
                refused = client.post("/translate", json=FIELDS)
                assert refused.status_code == 503
                assert refused.json()["code"] == "draining"
                assert refused.headers["retry-after"] == "5"
                assert refused.headers["connection"] == "close"

            gate.open()
            assert in_flight.result(PATIENCE_S).json() == {"translatedText": "HELLO"}
            server.thread.join(PATIENCE_S)
            assert not server.thread.is_alive()
        assert models.engines["shout-en-de"].closed

    def test_who_is_still_connected_is_told_that_the_connection_ends(self) -> None:
        models, gate = held()
        with serving(SETTINGS, models) as server, ThreadPoolExecutor() as pool:
            with client_of(server) as idle:
                assert idle.get("/livez").headers.get("connection") != "close"
                address = server.servers[0].sockets[0].getsockname()
                in_flight = pool.submit(post, server)
                assert gate.reached.wait(PATIENCE_S)
                server.signal(signal.SIGTERM)
                gate.open()
                answer = in_flight.result(PATIENCE_S)
                assert answer.status_code == 200
                assert answer.headers["connection"] == "close"

                # Listens no more, but has not hung up.
                with pytest.raises(ConnectionRefusedError):
                    knock_for_ever(address)
                refused = idle.post("/translate", json=FIELDS)
                assert refused.json()["code"] == "draining"
                assert refused.headers["connection"] == "close"
            server.thread.join(PATIENCE_S)
            assert not server.thread.is_alive()

    def test_whom_the_kernel_has_let_in_is_answered(self) -> None:
        models, gate = held()
        with serving(SETTINGS, models) as server, ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor())
            in_flight = pool.submit(post, server)
            assert gate.reached.wait(PATIENCE_S)
            server.signal(signal.SIGTERM)
            ask = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
            knocking: list[socket.socket] = []

            def knock() -> None:  # on the event loop's thread, which accepts none of them meanwhile
                for _ in range(40):
                    knocking.append(stack.enter_context(connect(server)))
                    knocking[-1].sendall(ask)
                gate.open()

            server.call(knock)
            assert in_flight.result(PATIENCE_S).status_code == 200
            for each in knocking:
                assert each.recv(15) == b"HTTP/1.1 200 OK"

    def test_when_time_is_up_the_rest_is_refused_not_cut(self) -> None:
        models, gate = held()
        settings = SETTINGS.model_copy(update={"drain_timeout_s": 0.0})
        with serving(settings, models) as server, ThreadPoolExecutor() as pool:
            in_flight = pool.submit(post, server)
            assert gate.reached.wait(PATIENCE_S)

            server.signal(signal.SIGTERM)

            response = in_flight.result(PATIENCE_S)
            assert response.status_code == 503
            assert response.json()["error"] == "the service stopped before the answer was there"
            server.thread.join(PATIENCE_S)
        assert models.translator.cancelled == 1

    def test_with_nothing_in_flight_it_stops(self) -> None:
        with serving(SETTINGS, FakeModels()) as server:
            server.signal(signal.SIGINT)
            server.thread.join(PATIENCE_S)
            assert not server.thread.is_alive()
