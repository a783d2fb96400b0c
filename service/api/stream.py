"""Server-Sent Events: a text's answer as it is written.

    event: sentence   {"delta": "Der Hund", "settled": 0, "total": 2}   any number of them
    event: done       the body of the answer without `stream`
    event: error      the body of any error, when it comes after the first event

All deltas together are what the first searches give; `done` has what came of second ones, too.
Before the first event, an error is an answer with its own status, as ever.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.api.answers import Job, account, headers_of, unchanged
from service.api.errors import INTERNAL, handle_service_error, internal_error
from service.api.lifecycle import Lifecycle
from service.api.record import record_of
from service.api.wanted import WhileWanted
from service.api.work import Deadline
from service.errors import Cancelled, RequestError, ServiceError
from service.pipeline.following import Following, Progress
from service.pipeline.response import TextResponse

# Proxies take a connection that is silent for 30 to 60 s for dead.
HEARTBEAT_S = 10.0
_HEARTBEAT = b": still here\n\n"

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep it all until the end
}


def refuse_list(given: str | list[str], name: str) -> None:
    """Refuse to stream more than one text.

    Raises:
        RequestError: It is a list.
    """
    if isinstance(given, list):
        raise RequestError(f"stream takes one text; {name} is a list of {len(given)}")


class EventStream(Response):
    """Answers a request by a stream of events.

    Args:
        request: Whose body has been read, and whose client has to stay connected.
        lifecycle: Of the service.
        job: Its text.
        deadline: When to give up.
        body: The JSON of the answer, as it is without a stream.
    """

    def __init__(
        self,
        request: Request,
        lifecycle: Lifecycle,
        job: Job,
        deadline: Deadline,
        body: Callable[[TextResponse], Awaitable[bytes]],
    ) -> None:
        super().__init__(headers=_HEADERS | headers_of([job]))
        # The length is not known; without one, HTTP/1.1 sends chunks.
        del self.headers["content-length"]
        self._request = request
        self._lifecycle = lifecycle
        self._job = job
        self._deadline = deadline
        self._body = body
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send everything, and never raise for what went wrong with the work."""
        record = record_of(scope)
        try:
            with (
                self._lifecycle.working(),
                WhileWanted(self._request.receive, self._lifecycle, self._deadline.timeout_s),
            ):
                answer = await self._send_text(send)
            account(record, [self._job], [answer])
            await self._send(send, _event("done", await self._body(answer)))
        except ServiceError as error:
            response = await handle_service_error(self._request, error)
            if not self._has_begun:
                await response(scope, receive, send)
                return
            if not isinstance(error, Cancelled):
                await self._send(send, _event("error", bytes(response.body)))
        except Exception as error:
            if not self._has_begun:
                raise
            record.code, record.failure = INTERNAL, error
            await self._send(send, _event("error", bytes(internal_error(scope).body)))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_text(self, send: Send) -> TextResponse:
        """Send the text, stretch by stretch; gives the whole answer."""
        if self._job.model is None:
            answer = unchanged(self._job.request.text)
            await self._send(send, _progress(Progress(answer.text, settled=0, total=0)))
            return answer
        following = await self._job.model.pipeline.follow(self._job.request)
        try:
            await self._begin(send)
            is_over = False
            while not is_over:
                has_changed = await following.changed(HEARTBEAT_S)
                is_over = following.is_over  # before the rest is taken: it may end meanwhile
                progress = following.take()
                if progress.delta:
                    await self._send(send, _progress(progress))
                elif not has_changed:
                    await self._send(send, _HEARTBEAT)
            return await self._whole(following, send)
        finally:
            following.close()

    async def _whole(self, following: Following, send: Send) -> TextResponse:
        """The whole answer, for which sentences may have to be searched a second time."""
        answer = asyncio.create_task(following.answer())
        try:
            while not (await asyncio.wait([answer], timeout=HEARTBEAT_S))[0]:
                await self._send(send, _HEARTBEAT)
            return await answer
        finally:
            answer.cancel()

    async def _begin(self, send: Send) -> None:
        self._has_begun = True
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

    async def _send(self, send: Send, frame: bytes) -> None:
        if not self._has_begun:
            await self._begin(send)
        await send({"type": "http.response.body", "body": frame, "more_body": True})


def _progress(progress: Progress) -> bytes:
    fields = {name: getattr(progress, name) for name in Progress.__slots__}
    return _event("sentence", json.dumps(fields, ensure_ascii=False).encode())


def _event(name: str, data: bytes) -> bytes:
    """JSON has no line breaks, so it is one `data` field."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
