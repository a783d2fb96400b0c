"""Heads of requests: whole, in time and not without end, or the connection is closed.

Uvicorn waits for a head however long it takes, and keeps all that comes of it: one client could
fill the memory, and some hundred that send a byte now and then take every connection there is.
Bodies have their limits where they are read, in `service.api.middleware`; one that goes on after
its answer has it here.
"""

import asyncio
import http
import json
import uuid

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from service.api.gathering import GatheringProtocol
from service.errors import RequestError

# More of an address the parser cannot tell the parts of.
MAX_ADDRESS_BYTES = 65_535
MAX_HEAD_BYTES = 2 * MAX_ADDRESS_BYTES

# For the rest of a body whose request has been refused. It is read and forgotten, because most
# clients read nothing before they have sent everything, and never see the answer on a connection
# that is closed meanwhile; but not for as long as somebody cares to send.
LINGER_S = 5.0


class BoundedHeadProtocol(GatheringProtocol):
    """Uvicorn's HTTP protocol, which asks for a whole head.

    Within the time that an idle connection is kept, and within `MAX_HEAD_BYTES`: of a request all
    that is not its body counts, the names and values behind a chunked one included. What is left
    of a body when its request is answered has to come within `LINGER_S`.
    """

    url = b""
    _timer: asyncio.TimerHandle | None = None
    _bytes_beside_body = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._await(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._bytes_beside_body += len(data)
        super().data_received(data)
        if self._is_idle and not self.transport.is_closing():  # seldom: most heads come whole
            self._await(self.timeout_keep_alive)
        if self._bytes_beside_body > MAX_HEAD_BYTES:
            self._refuse(
                http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the request's head has {self._bytes_beside_body} bytes or more; "
                f"the limit is {MAX_HEAD_BYTES}",
            )

    def on_message_begin(self) -> None:
        """The parser has seen the first byte of a request."""
        self._bytes_beside_body = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The parser has seen a whole head."""
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The parser has seen a stretch of a body."""
        self._bytes_beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser has seen the end of a body."""
        if self._is_idle:  # it was waited for, and now it is the next head's turn
            self._stop_waiting()
            self._await(self.timeout_keep_alive)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer has been written."""
        super().on_response_complete()
        if self._is_idle and self.cycle.more_body and not self.transport.is_closing():
            self._await(LINGER_S)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser cannot read, in the shape of all errors."""
        if len(self.url) > MAX_ADDRESS_BYTES:
            self._refuse(
                http.HTTPStatus.REQUEST_URI_TOO_LONG,
                f"the address has {len(self.url)} bytes; the limit is {MAX_ADDRESS_BYTES}; "
                "send fields in the body",
            )
        else:
            self._refuse(http.HTTPStatus.BAD_REQUEST, msg)

    @property
    def _is_idle(self) -> bool:
        """No request is being answered. What comes is a head, or a body that nobody wants."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _await(self, seconds: float) -> None:
        """Close in so many seconds, unless something is waited for already."""
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Close, without a word: browsers open connections that they never use."""
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: http.HTTPStatus, message: str) -> None:
        if self.transport.is_closing():
            return
        if self._is_idle:  # else an answer is under way, and a second one would garble it
            error = {"error": message, "code": RequestError.code, "request_id": uuid.uuid4().hex}
            body = json.dumps(error).encode()
            head = (
                b"content-type: application/json\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            )
            self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()
