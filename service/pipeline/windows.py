"""Many texts through a pipeline, a few windows of them at a time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from service.errors import ServiceError
from service.pipeline.request import TextRequest
from service.pipeline.response import TextResponse

Outcome = TextResponse | ServiceError

# Texts that are planned, and written, in one go: a few milliseconds.
_TEXTS = 64
# Enough for the workers of a large machine to find their next sentences waiting, also while a
# window waits for its last sentence or for what is searched a second time.
_AT_ONCE = 8


class Asked(Protocol):
    """What answers a window; `service.pipeline.Pipeline`."""

    async def run_many(self, requests: Sequence[TextRequest]) -> list[Outcome]: ...


async def run_in_windows(
    pipeline: Asked, requests: Sequence[TextRequest], take: Callable[[list[Outcome]], None]
) -> None:
    """Answer any number of texts; the next ones are planned while others are decoded.

    Args:
        pipeline: Asked for a window of texts at once, and for several windows side by side.
        requests: The texts.
        take: Called with outcomes as soon as they and all before them are there. What it
            raises ends everything.

    Raises:
        Overloaded: The engine had no room for what is in flight.
        Unavailable: The engine takes no work.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def answered(window: Sequence[TextRequest]) -> list[Outcome]:
        async with room:
            return await pipeline.run_many(window)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(answered(requests[first : first + _TEXTS]))
                for first in range(0, len(requests), _TEXTS)
            ]
            for task in tasks:
                take(await task)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
