"""Sends traffic from a process of its own, at as little cost as it can."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Self, cast

from benchmarks.load.traffic import (
    Closed,
    Open,
    Outcome,
    Stream,
    Traffic,
    Window,
    poisson_arrivals,
)
from benchmarks.load.wire import Reply, ReplyReader, post

# A server that does not answer within this is not slow but stuck.
_GIVE_UP_S = 60.0

# What a request's end is reported to; None when the connection was lost.
Ended = Callable[[Reply | None], None]


class Client:
    """The process that sends; a context manager that ends it."""

    def __init__(self, port: int) -> None:
        """Start it.

        Args:
            port: Where the service listens on the loopback interface.
        """
        self._port = port
        self._process = ProcessPoolExecutor(1, get_context("spawn"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.shutdown()

    def send(self, streams: Sequence[Stream], window: Window) -> Traffic:
        """Send all the streams side by side and wait for the last answer."""
        return self.sending(streams, window).result()

    def sending(self, streams: Sequence[Stream], window: Window) -> Future[Traffic]:
        """Begin to send, and do not wait."""
        return self._process.submit(_send, self._port, tuple(streams), window)


def _send(port: int, streams: Sequence[Stream], window: Window) -> Traffic:
    import uvloop

    return uvloop.run(_Sender(port, window).send(streams))


class _Connection(asyncio.Protocol):
    """One connection; carries one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reader = ReplyReader()
        self._ended: Ended | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def ask(self, request: bytes, ended: Ended) -> None:
        assert self._transport is not None
        assert self._ended is None, "one request at a time"
        self._ended = ended
        self._transport.write(request)

    def leave(self) -> None:
        """Close without waiting for the answer."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        reply = self._reader.feed(data)
        if reply is not None:
            self._end(reply)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._transport = None
        self._end(None)

    def _end(self, reply: Reply | None) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(reply)


@dataclass(frozen=True, slots=True)
class _Request:
    """One request on its way.

    Attributes:
        sent: Its bytes.
        outcome: Where its end is counted.
        due_s: When it should be sent.
        then: Called when it is over.
    """

    stream: Stream
    sent: bytes
    outcome: Outcome
    due_s: float
    then: Callable[[], None] | None


class _Sender:
    """All the streams of one run."""

    def __init__(self, port: int, window: Window) -> None:
        self._port = port
        self._window = window
        self._idle: list[_Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._connections = 0
        self._open = 0  # what has begun and not ended
        self._all_ended = asyncio.Event()

    async def send(self, streams: Sequence[Stream]) -> Traffic:
        self._begin_s = time.perf_counter()
        began_cpu_s = time.process_time()
        self._from_s = self._begin_s + self._window.warm_up_s
        self._until_s = self._from_s + self._window.seconds
        outcomes = [Outcome(self._window.seconds) for _ in streams]
        for stream, outcome in zip(streams, outcomes, strict=True):
            self._start(stream, outcome)
        await asyncio.sleep(self._until_s - time.perf_counter())
        async with asyncio.timeout(_GIVE_UP_S):
            while self._open:
                self._all_ended.clear()
                await self._all_ended.wait()
        wall_s = time.perf_counter() - self._begin_s
        cpu_s = time.process_time() - began_cpu_s
        for connection in self._idle:
            connection.leave()
        return Traffic(outcomes, cpu_s, wall_s, self._connections)

    def _start(self, stream: Stream, outcome: Outcome) -> None:
        requests = itertools.cycle([post(stream.path, body) for body in stream.bodies])
        match stream.pace:
            case Closed(clients):
                for _ in range(clients):
                    self._ask_again(stream, requests, outcome)
            case Open() as pace:
                seconds = self._window.warm_up_s + self._window.seconds
                arrivals = [self._begin_s + at for at in poisson_arrivals(pace, seconds)]
                self._ask_when_due(stream, requests, outcome, iter(arrivals))

    def _ask_again(self, stream: Stream, requests: Iterator[bytes], outcome: Outcome) -> None:
        now_s = time.perf_counter()
        if now_s < self._until_s:
            again = partial(self._ask_again, stream, requests, outcome)
            self._ask(_Request(stream, next(requests), outcome, now_s, again))

    def _ask_when_due(
        self, stream: Stream, requests: Iterator[bytes], outcome: Outcome, arrivals: Iterator[float]
    ) -> None:
        """Send what is due, then sleep until something is: one turn of the loop for all."""
        loop = asyncio.get_running_loop()
        self._begin()  # the stream itself, until all is sent

        def turn(due_s: float | None) -> None:
            now_s = time.perf_counter()
            while due_s is not None and due_s <= now_s:
                if due_s >= self._from_s:
                    outcome.late_s.append(now_s - due_s)
                self._ask(_Request(stream, next(requests), outcome, due_s, None))
                due_s = next(arrivals, None)
            if due_s is None:
                self._end()
            else:
                loop.call_later(due_s - now_s, turn, due_s)

        turn(next(arrivals, None))

    def _ask(self, request: _Request) -> None:
        self._begin()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                self._ask_on(connection, request)
                return

        async def connect() -> None:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
            self._connections += 1
            self._ask_on(connection, request)

        task = asyncio.ensure_future(connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _ask_on(self, connection: _Connection, request: _Request) -> None:
        leaving: asyncio.TimerHandle | None = None

        def ended(reply: Reply | None) -> None:
            self._count(request, reply)
            if leaving is not None:
                leaving.cancel()
            if connection.is_open:
                self._idle.append(connection)
            if request.then is not None:
                request.then()
            self._end()

        connection.ask(request.sent, ended)
        if request.stream.leave_after_s is not None:
            loop = asyncio.get_running_loop()
            leaving = loop.call_later(request.stream.leave_after_s, connection.leave)

    def _begin(self) -> None:
        self._open += 1

    def _end(self) -> None:
        self._open -= 1
        if not self._open:
            self._all_ended.set()

    def _count(self, request: _Request, reply: Reply | None) -> None:
        outcome, now_s = request.outcome, time.perf_counter()
        status = reply.status if reply else 0
        if status == 200 and self._from_s <= now_s < self._until_s:
            outcome.answered += 1
        if not self._from_s <= request.due_s < self._until_s:
            return
        outcome.counts[status] += 1
        if status == 200:
            outcome.ok_s.append(now_s - request.due_s)
        elif reply and status in (429, 503):
            outcome.refused_s.append(now_s - request.due_s)
            if reply.retry_after_s is not None:
                outcome.retry_after_s.append(reply.retry_after_s)
