"""The outer layers, pure ASGI: request id, security headers, limits of bodies, log line, metrics,
last resort, and the end of connections to a service that stops.

Not Starlette's BaseHTTPMiddleware: that one wraps `receive`, which hides the client's leaving
from the routes.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.errors import INTERNAL, handle_service_error, internal_error
from service.api.lifecycle import Lifecycle, Phase
from service.api.record import RequestRecord, attach_record
from service.api.security import headers_for
from service.errors import BodyTooSlow, Cancelled, TooLarge, UnsupportedEncoding
from service.logs import log_event
from service.metrics import OK, Metrics

logger = logging.getLogger("service.request")

# What goes into logs and headers as it came must not be able to break either.
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_ID_HEADER = b"x-request-id"
OTHER_ROUTE = "other"
# What servers of other kinds unpack; any other word there is a client's mistake that harms nobody.
_COMPRESSIONS = frozenset({b"br", b"compress", b"deflate", b"gzip", b"x-gzip", b"zstd"})
# Asked every few seconds by machines; a line each would bury the requests of people.
_QUIET_ROUTES = frozenset({"/livez", "/readyz", "/health", "/metrics"})


class RequestMiddleware:
    """Gives each request its id and record, and accounts for it when it is over.

    Args:
        app: What it wraps.
        metrics: Where the request is counted.
        lifecycle: While it drains, every answer says that its connection ends.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        lifecycle: Lifecycle,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._lifecycle = lifecycle
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of the ASGI server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = RequestRecord(request_id=_request_id(scope))
        attach_record(scope, record)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (_ID_HEADER, record.request_id.encode())]
                headers += headers_for(headers)
                if self._lifecycle.phase is Phase.DRAINING:  # a next request would be lost
                    headers.append((b"connection", b"close"))
                message["headers"] = headers
            await send(message)

        started = self._clock()
        self._metrics.requests.started()
        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            record.code, record.failure = INTERNAL, error
            if status:  # part of the answer is out; only cutting it off can say so
                raise
            await internal_error(scope)(scope, receive, send_with_id)
        finally:
            seconds = self._clock() - started
            route = _route(scope)
            self._metrics.requests.finished(route, record.task, record.code, seconds)
            _log(scope, record, route, status, seconds)


class BodyLimit:
    """Refuses a body that is compressed, too large or too slow, as soon as it is known to be.

    Args:
        app: What it wraps.
        max_body_bytes: Largest body allowed.
        max_body_s: Seconds in which all of it has to arrive.
        by_path: Largest body allowed on paths that have a limit of their own.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        max_body_s: float,
        by_path: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._max_body_s = max_body_s
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of the ASGI server.

        A body whose declared length is over the limit is refused before there is a route. Where
        a route reads one without a length, `receive` raises `TooLarge` as soon as it has read
        too much, and `BodyTooSlow` when time is up; the error then passes through the route's
        handlers.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._max_body_bytes)
        try:
            _check_encoding(scope)
            _check_length(_declared_length(scope), limit)
        except (TooLarge, UnsupportedEncoding) as error:
            response = await handle_service_error(Request(scope, receive, send), error)
            await response(scope, receive, send)
            return
        received = 0
        is_read = False
        until_s = asyncio.get_running_loop().time() + self._max_body_s

        async def limited_receive() -> Message:
            nonlocal received, is_read
            if is_read:  # what comes next is the client's leaving, at any time
                return await receive()
            try:
                async with asyncio.timeout_at(until_s):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow(
                    f"after {received} bytes the body was not all there; "
                    f"the limit is {self._max_body_s:g} s"
                ) from None
            received += len(message.get("body", b""))
            _check_length(received, limit)
            is_read = not message.get("more_body", False)
            return message

        await self._app(scope, limited_receive, send)


def _check_length(length: int, limit: int) -> None:
    if length > limit:
        raise TooLarge(f"the body has {length} bytes or more; the limit is {limit}")


def _check_encoding(scope: Scope) -> None:
    for name, value in scope["headers"]:
        if name == b"content-encoding" and value.strip().lower() in _COMPRESSIONS:
            encoding = value.decode("latin-1").strip().lower()
            raise UnsupportedEncoding(f"the body is compressed ({encoding}); send it as it is")


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)  # the ASGI server has refused what is not a number
    return 0


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _ID_HEADER:
            given = value.decode("latin-1")
            if _SANE_ID.fullmatch(given):
                return str(given)
    return f"{random.getrandbits(128):032x}"  # unique, not secret


def _route(scope: Scope) -> str:
    """The path as the routes declare it: a closed set, unlike the path that was asked for."""
    return getattr(scope.get("route"), "path", OTHER_ROUTE)


def _log(scope: Scope, record: RequestRecord, route: str, status: int, seconds: float) -> None:
    level = logging.INFO
    if record.failure is not None:
        level = logging.ERROR if record.code == INTERNAL else logging.WARNING
    elif route in _QUIET_ROUTES and record.code == OK:
        level = logging.DEBUG
    log_event(
        logger,
        level,
        "request",
        exception=record.failure,
        request_id=record.request_id,
        method=scope["method"],
        route=route,
        status=Cancelled.http_status if record.code == Cancelled.code else status,
        code=record.code,
        seconds=round(seconds, 6),
        **record.details,
    )
