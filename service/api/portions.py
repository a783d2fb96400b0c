"""Translating the many texts of a document, some at a time.

All at once would not fit the queue, one after the other would leave the model's batches empty.
"""

import asyncio
from collections.abc import Iterator, Sequence

from service.api.answers import Job
from service.api.work import run_jobs
from service.errors import Overloaded, ServiceError
from service.pipeline.response import TextResponse

# A portion is one call of the pipeline, and waits for its slowest text. So many of them side by
# side keep two batches of 16 sentences full on a CPU, and one of 64 on a GPU.
_PORTIONS_AT_ONCE = 6
_MAX_TEXTS = 16
# Some paragraphs: fifty sentences, a fraction of the queue.
_MAX_CHARACTERS = 4_000


async def run_in_portions(jobs: Sequence[Job]) -> list[TextResponse]:
    """Answer all texts, in order. Cancelling it cancels every text.

    Raises:
        Overloaded: There is no room in the queue to begin with. Later on it is waited for.
        ServiceError: A text failed.
    """
    portions = _portions(jobs)
    answers: list[TextResponse] = []
    first = next(portions, None)
    if first is None:
        return answers
    by_start: dict[int, list[TextResponse]] = {}

    async def run_next() -> None:
        for start, portion in portions:  # shared: each portion goes to one of us
            by_start[start] = await _patiently(portion)

    async def run_first() -> None:
        start, portion = first
        by_start[start] = _all_good(await run_jobs(portion, keep_going=False))
        await run_next()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(run_first())
            for _ in range(_PORTIONS_AT_ONCE - 1):
                group.create_task(run_next())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    for start in sorted(by_start):
        answers += by_start[start]
    return answers


def _portions(jobs: Sequence[Job]) -> Iterator[tuple[int, Sequence[Job]]]:
    """Neighbours, with the place of the first; at least one each."""
    start = 0
    while start < len(jobs):
        end = start
        characters = 0
        while end < len(jobs) and end - start < _MAX_TEXTS:
            characters += len(jobs[end].request.text)
            if end > start and characters > _MAX_CHARACTERS:
                break
            end += 1
        yield start, jobs[start:end]
        start = end


async def _patiently(portion: Sequence[Job]) -> list[TextResponse]:
    """The answers, once there was room for the portion."""
    while True:
        try:
            return _all_good(await run_jobs(portion, keep_going=False))
        except Overloaded as error:
            await asyncio.sleep(error.retry_after_s or 0)


def _all_good(answers: Sequence[TextResponse | ServiceError]) -> list[TextResponse]:
    good = [answer for answer in answers if isinstance(answer, TextResponse)]
    assert len(good) == len(answers), "without keep_going, one failure fails all"
    return good
