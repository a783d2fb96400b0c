"""Heads that never end, in bytes or in time, take neither memory nor a connection for long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
import uvicorn
from uvicorn.server import ServerState

from service.api.heads import LINGER_S, MAX_ADDRESS_BYTES, MAX_HEAD_BYTES, BoundedHeadProtocol
from tests.api.test_gathering import Wire

IDLE_S = 75
LINE = b"X-Padding: " + b"a" * 20_000 + b"\r\n"
HEAD = b"POST /translate HTTP/1.1\r\nHost: x\r\n"


class SlowLoop:
    """What a protocol wants of a loop, with timers that run when a test says so."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, asyncio.TimerHandle]] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(0, call, (), asyncio.get_running_loop())
        self.timers.append((seconds, timer))
        return timer

    def create_task(self, work: Awaitable[None]) -> "asyncio.Future[None]":
        return asyncio.ensure_future(work)

    def pass_time(self, until_s: float = IDLE_S) -> None:
        """Until everything that was asked for by then has come."""
        timers, self.timers = self.timers, []
        for seconds, timer in timers:
            assert seconds in (IDLE_S, LINGER_S)
            if seconds <= until_s and not timer.cancelled():
                timer._run()


async def answer(scope: object, receive: object, send: Callable[[object], Awaitable[None]]) -> None:
    """An app that says yes before it has read anything."""
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body"})


class Readable(Wire):
    """A wire that can be told to wait, as the protocol does with large bodies."""

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Outcome(NamedTuple):
    """What became of a connection."""

    sent: list[bytes]
    closed_at_once: bool
    closed_in_time: bool


def outcome_of(*received: bytes, app: object = answer, after_s: float = IDLE_S) -> Outcome:
    """Of a connection on which some data comes, and then nothing for some time."""

    async def scene() -> Outcome:
        loop, wire, state = SlowLoop(), Readable(), ServerState()
        config = uvicorn.Config(app, timeout_keep_alive=IDLE_S, log_config=None)  # type: ignore[arg-type]
        protocol = BoundedHeadProtocol(config, state, {}, loop)  # type: ignore[arg-type]
        protocol.connection_made(wire)
        for data in received:
            protocol.data_received(data)
            for _ in range(5):  # the app's task, and the transport that gathers
                await asyncio.sleep(0)
        closed_at_once = wire.closed
        loop.pass_time(after_s)
        outcome = Outcome(list(wire.sent), closed_at_once, wire.closed)
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return outcome

    return asyncio.run(scene())


def test_a_connection_that_says_nothing_is_closed_in_time() -> None:
    assert outcome_of() == ([], False, True)


def test_a_head_that_does_not_end_is_too() -> None:
    assert outcome_of(HEAD, b"X: ", b"y") == ([], False, True)


@pytest.mark.parametrize("rest", [b"\r\n", HEAD])
def test_so_is_what_comes_between_requests(rest: bytes) -> None:
    answered = outcome_of(HEAD + b"Content-Length: 0\r\n\r\n", rest)
    assert (len(answered.sent), *answered[1:]) == (1, False, True)


@pytest.mark.parametrize("rest", [(), (b"abc",), (b"abc", b"def")])
def test_a_body_that_goes_on_after_its_answer_has_less_time(rest: tuple[bytes, ...]) -> None:
    answered = outcome_of(HEAD + b"Content-Length: 9\r\n\r\n", *rest, after_s=LINGER_S)
    assert (len(answered.sent), *answered[1:]) == (1, False, True)


def test_a_body_that_ends_after_its_answer_leaves_the_connection_as_it_was() -> None:
    refused = HEAD + b"Content-Length: 9\r\n\r\n"
    answered = outcome_of(refused, b"abc", b"defghi", after_s=LINGER_S)
    assert (len(answered.sent), *answered[1:]) == (1, False, False)
    again = outcome_of(refused, b"abc", b"defghi" + HEAD + b"Content-Length: 0\r\n\r\n")
    assert (len(again.sent), *again[1:]) == (2, False, True)


def test_half_a_head_behind_a_request_has_the_time_of_a_head() -> None:
    answered = outcome_of(HEAD + b"Content-Length: 0\r\n\r\n" + HEAD, after_s=LINGER_S)
    assert (len(answered.sent), *answered[1:]) == (1, False, False)


def test_a_request_that_is_being_answered_is_left_alone() -> None:
    async def think(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    outcome = outcome_of(HEAD + b"Content-Length: 9\r\n\r\n", b"abc", app=think)
    assert outcome == ([], False, False)


def test_a_head_without_end_is_refused() -> None:
    lines = [LINE] * (MAX_HEAD_BYTES // len(LINE))
    assert outcome_of(HEAD, *lines) == ([], False, True)
    outcome = outcome_of(HEAD, *lines, LINE)
    [refusal] = outcome.sent
    assert outcome.closed_at_once
    assert refusal.startswith(b"HTTP/1.1 431 ")
    assert b'"code": "bad_request"' in refusal


def test_names_and_values_behind_a_chunked_body_count() -> None:
    request = HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n"
    lines = [LINE] * (MAX_HEAD_BYTES // len(LINE))
    assert not outcome_of(request, *lines).closed_at_once
    assert outcome_of(request, *lines, LINE).closed_at_once


def test_an_address_that_is_too_long_is_told_where_to_send_it() -> None:
    path = b"/translate?q="
    fitting = path + b"a" * (MAX_ADDRESS_BYTES - len(path))
    [answered] = outcome_of(b"GET " + fitting + b" HTTP/1.1\r\n\r\n").sent
    assert answered.startswith(b"HTTP/1.1 200 ")

    outcome = outcome_of(b"GET " + fitting + b"a HTTP/1.1\r\n\r\n")
    [refusal] = outcome.sent
    assert outcome.closed_at_once
    assert refusal.startswith(b"HTTP/1.1 414 ")
    assert b"the address has 65536 bytes; the limit is 65535; send fields in" in refusal


def test_what_is_no_http_is_refused_in_the_shape_of_all_errors() -> None:
    outcome = outcome_of(b"\x16\x03\x01 I speak TLS\r\n\r\n")
    [refusal] = outcome.sent
    assert outcome.closed_at_once
    assert refusal.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'"error": "Invalid HTTP request received."' in refusal
