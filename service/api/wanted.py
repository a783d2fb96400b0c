"""Work that ends early when nobody wants its result any more."""

import asyncio
from types import TracebackType

from starlette.types import Receive

from service.api.lifecycle import Lifecycle
from service.errors import Cancelled, DeadlineExceeded, Draining, ServiceError

# Most requests are answered sooner, and to look out for a client's leaving takes a task of its
# own; work of this long for nobody is no loss.
_WATCH_AFTER_S = 0.25


class WhileWanted:
    """Cancels the task inside it when time is up, the client leaves or the service stops.

    A context manager like `asyncio.timeout`; what is inside sees a `CancelledError`, what is
    outside the reason. The engine drops what waits past its deadline by itself; this one is
    for the rest of the way.

    Raises:
        DeadlineExceeded: It took longer than `timeout_s`.
        Cancelled: The client closed the connection.
        Draining: The time to drain is over.
    """

    def __init__(self, receive: Receive, lifecycle: Lifecycle, timeout_s: float) -> None:
        """Nothing runs yet.

        Args:
            receive: The request's, whose body has been read: what comes next is the end.
            lifecycle: Of the service.
            timeout_s: Seconds from entering.
        """
        self._receive = receive
        self._lifecycle = lifecycle
        self._timeout_s = timeout_s
        self._reason: ServiceError | None = None
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "only a task can be cancelled"
        self._task = task
        self._cancelling = task.cancelling()
        loop = asyncio.get_running_loop()
        self._until_s = loop.time() + self._timeout_s
        self._watch: asyncio.Task[None] | None = None
        first_s = min(_WATCH_AFTER_S, self._timeout_s)
        self._timer = loop.call_later(first_s, self._still_wanted, loop)
        self._lifecycle.on_cut_off(self._cut_off)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._lifecycle.off_cut_off(self._cut_off)
        # The watch ends by itself, with the answer. To cancel it makes a circle of objects for
        # each request, which garbage collection has to find.
        self._watch = None
        if self._reason is None:
            self._is_over = True
            return
        # Somebody else may have cancelled the task as well: that goes on.
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._reason from None

    def _still_wanted(self, loop: asyncio.AbstractEventLoop) -> None:
        """Time for a closer look: is it too late, and is the client there?"""
        left_s = self._until_s - loop.time()
        if left_s <= 0:
            error = f"no answer within timeout_s, which is {self._timeout_s:g}"
            self._give_up(DeadlineExceeded(error))
            return
        self._timer = loop.call_later(left_s, self._still_wanted, loop)
        if self._watch is None:
            self._watch = loop.create_task(self._until_client_leaves())

    def _cut_off(self) -> None:
        self._give_up(Draining("the service stopped before the answer was there"))

    async def _until_client_leaves(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._give_up(Cancelled("the client closed the connection"))

    def _give_up(self, reason: ServiceError) -> None:
        if self._reason is None and not self._is_over:
            self._reason = reason
            self._task.cancel()
