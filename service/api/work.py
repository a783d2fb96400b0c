"""Running a request's texts: side by side, until the deadline, while the client waits."""

import asyncio
import copy
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse

from service.api.answers import Job, account, headers_of, unchanged
from service.api.lifecycle import Lifecycle
from service.api.record import record_of
from service.api.responses import Answer
from service.errors import (
    Cancelled,
    DeadlineExceeded,
    Draining,
    RequestError,
    ServiceError,
    TooLarge,
)
from service.pipeline.response import TextResponse
from service.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """When an answer is too late.

    Attributes:
        timeout_s: Seconds, as the request or the settings say.
        instant_s: The same on `time.monotonic`, which is the engine's clock.
    """

    timeout_s: float
    instant_s: float


def deadline_of(timeout_s: float | None, settings: Settings) -> Deadline:
    """The deadline of a request that arrives now.

    Raises:
        RequestError: It asks for more than is allowed.
    """
    if timeout_s is None:
        timeout_s = settings.default_timeout_s
    if timeout_s > settings.max_timeout_s:
        raise RequestError(f"timeout_s is {timeout_s:g}; the limit is {settings.max_timeout_s:g}")
    return Deadline(timeout_s, time.monotonic() + timeout_s)


def texts_of(given: str | list[str], name: str, max_texts: int) -> list[str]:
    """One text or several, as a list.

    Raises:
        TooLarge: There are more than allowed.
    """
    texts = [given] if isinstance(given, str) else given
    if len(texts) > max_texts:
        raise TooLarge(f"{name} has {len(texts)} texts; the limit is {max_texts}")
    return texts


def json_answer(body: Answer, jobs: Sequence[Job]) -> JSONResponse:
    """A 200; fields of `body` that were not set are left out."""
    return JSONResponse(body.model_dump(exclude_unset=True), headers=headers_of(jobs))


async def answer_jobs(
    request: Request,
    lifecycle: Lifecycle,
    jobs: Sequence[Job],
    deadline: Deadline,
    *,
    keep_going: bool,
) -> list[TextResponse | ServiceError]:
    """Answer every text of a request whose body has been read.

    Args:
        request: Whose client has to stay connected.
        lifecycle: Of the service.
        jobs: Its texts.
        deadline: When to give up.
        keep_going: Whether the answers are wanted when some text failed.

    Returns:
        One answer per text, in order; errors only with `keep_going`, and never only errors.

    Raises:
        ServiceError: A text failed without `keep_going`, or all failed; the message names
            the text when there are several. `DeadlineExceeded`, `Cancelled` or
            `Draining` for all.
    """
    work = before_deadline(run_jobs(jobs, keep_going=keep_going), deadline.timeout_s)
    answers = await while_wanted(request, lifecycle, work)
    account(record_of(request.scope), jobs, answers)
    return answers


async def run_jobs(jobs: Sequence[Job], *, keep_going: bool) -> list[TextResponse | ServiceError]:
    """`answer_jobs` without deadline and client. Cancelling it cancels every text."""
    answers: dict[int, TextResponse | ServiceError] = {}
    by_model: dict[int, list[int]] = {}
    for index, job in enumerate(jobs):
        if job.model is None:
            answers[index] = unchanged(job.request.text)
        else:
            by_model.setdefault(id(job.model), []).append(index)

    async def run_all(indexes: Sequence[int]) -> None:
        model = jobs[indexes[0]].model
        assert model is not None
        outcomes = await model.pipeline.run_many([jobs[index].request for index in indexes])
        answers.update(zip(indexes, outcomes, strict=True))

    try:
        async with asyncio.TaskGroup() as group:
            for indexes in by_model.values():
                group.create_task(run_all(indexes))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None

    if len(jobs) > 1:
        for index, answer in answers.items():
            if isinstance(answer, ServiceError):
                answers[index] = _named(answer, index)
    failed = [index for index in range(len(jobs)) if isinstance(answers[index], ServiceError)]
    if failed and (not keep_going or len(failed) == len(jobs)):
        first = answers[failed[0]]
        assert isinstance(first, ServiceError)
        raise first
    return [answers[index] for index in range(len(jobs))]


def _named(error: ServiceError, index: int) -> ServiceError:
    # A copy: an engine that died may give the same error to everyone.
    named = copy.copy(error)
    named.args = (f"text {index}: {error}",)
    return named


async def before_deadline(work: Coroutine[None, None, T], timeout_s: float) -> T:
    """Await `work` for `timeout_s` at most.

    The engine drops what waits past its deadline; this is for the rest of the way.

    Raises:
        DeadlineExceeded: It took longer; `work` was cancelled.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except TimeoutError:
        raise DeadlineExceeded(f"no answer within timeout_s, which is {timeout_s:g}") from None


async def while_wanted(request: Request, lifecycle: Lifecycle, work: Coroutine[None, None, T]) -> T:
    """Await `work` unless the client leaves or the service stops first.

    The request's body must have been read.

    Raises:
        Cancelled: The client closed the connection; `work` was cancelled.
        Draining: The time to drain is over; `work` was cancelled.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(request))
    stopping = asyncio.ensure_future(lifecycle.until_cut_off())
    tasks = (working, leaving, stopping)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            if stopping.done():
                raise Draining("the service stopped before the answer was there")
            raise Cancelled("the client closed the connection")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return working.result()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
