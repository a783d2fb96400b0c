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
    left = sum(map(len, groups))
    if left == 0:
        return
    loop = asyncio.get_running_loop()
    settled = loop.create_future()
    lock = threading.Lock()

    def settle() -> None:
        if not settled.done():
            settled.set_result(None)

    def done(group: Futures, future: Future[DecodedSource]) -> None:
        """Runs in the thread that answered or cancelled."""
        nonlocal left
        if not future.cancelled() and future.exception() is not None:
            cancel(group)
        with lock:
            left -= 1
            is_last = left == 0
        if is_last and not loop.is_closed():
            loop.call_soon_threadsafe(settle)

    for group in groups:
        for future in group:
            future.add_done_callback(partial(done, group))
    await settled


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
