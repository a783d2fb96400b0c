"""Waiting on the event loop for what worker threads answer."""

import asyncio
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial

from service.domain import DecodedSource
from service.errors import Cancelled

Futures = Sequence[Future[DecodedSource]]


async def until_settled(groups: Sequence[Futures]) -> None:
    """Wait until every future is done; one that fails takes the others of its group back.

    The event loop is woken once, by whoever is last. To wait for each future by itself costs a
    message between threads and several callbacks a sentence.

    Args:
        groups: Futures that are wanted together or not at all: the sentences of a text.
    """
    if any(groups):
        await _Settling(groups).until_over()


class _Settling:
    """What the futures' callbacks share."""

    def __init__(self, groups: Sequence[Futures]) -> None:
        self._groups = groups
        self._left = sum(map(len, groups))
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._over = self._loop.create_future()

    async def until_over(self) -> None:
        for number, group in enumerate(self._groups):
            for future in group:
                future.add_done_callback(partial(self._done, number))
        try:
            await self._over
        finally:
            # Futures keep their callbacks: they and their groups would wait for the garbage
            # collector, with all they hold.
            self._groups = ()

    def _done(self, number: int, future: Future[DecodedSource]) -> None:
        """Runs in the thread that answered or cancelled."""
        groups = self._groups
        if groups and not future.cancelled() and future.exception() is not None:
            cancel(groups[number])
        with self._lock:
            self._left -= 1
            is_last = self._left == 0
        if is_last and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if not self._over.done():
            self._over.set_result(None)


def cancel(futures: Iterable[Future[DecodedSource]]) -> None:
    """Take back those that are not answered yet."""
    for future in futures:
        future.cancel()


def answers(group: Futures) -> list[DecodedSource]:
    """What the futures of a settled group hold.

    Raises:
        ServiceError: The error of the first one that failed by itself.
        Cancelled: None failed, but the engine dropped one.
    """
    try:
        return [future.result() for future in group]
    except CancelledError:
        for future in group:
            # The others were taken back because of this one.
            if not future.cancelled() and (error := future.exception()):
                raise error from None
        raise Cancelled("the engine dropped the work") from None
