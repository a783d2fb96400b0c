"""Running a request's texts side by side."""

import asyncio
import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from service.api.admission import refuse_unplanned
from service.api.answers import Job, headers_of, unchanged
from service.api.requests import WorkRequest
from service.api.responses import Answer
from service.errors import RequestError, ServiceError, TooLarge
from service.pipeline.response import TextResponse
from service.settings import Settings

# With the details of more, others would notice that they wait for the event loop.
_FEW_HYPOTHESES = 64


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


def refuse_too_many(texts: Sequence[str], name: str, max_texts: int) -> None:
    """Refuse a list that is too long.

    Raises:
        TooLarge: There are more texts than allowed.
    """
    if len(texts) > max_texts:
        raise TooLarge(f"{name} has {len(texts)} texts; the limit is {max_texts}")


def json_answer(body: bytes, jobs: Sequence[Job]) -> Response:
    """A 200.

    Args:
        body: JSON.
        jobs: What it answers.
    """
    return Response(body, headers=headers_of(jobs), media_type="application/json")


async def spelt(
    body: Callable[[], Answer], wanted: WorkRequest, answers: Sequence[TextResponse | ServiceError]
) -> bytes:
    """The JSON of an answer; with many details it is made in a thread.

    Args:
        body: Makes the answer.
        wanted: The request.
        answers: To its texts.
    """
    sentences = sum(
        len(answer.sentences)
        for answer in answers
        if wanted.details and isinstance(answer, TextResponse)
    )
    if sentences * (wanted.num_hypotheses or 1) > _FEW_HYPOTHESES:
        return await asyncio.to_thread(lambda: body().to_json())
    return body().to_json()


async def run_jobs(jobs: Sequence[Job], *, keep_going: bool) -> list[TextResponse | ServiceError]:
    """Answer every text of a request. Cancelling it cancels every text.

    Args:
        jobs: The texts.
        keep_going: Whether the answers are wanted when some text failed.

    Returns:
        One answer per text, in order; errors only with `keep_going`, and never only errors.

    Raises:
        ServiceError: A text failed without `keep_going`, or all failed; the message names
            the text when there are several.
    """
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
        requests = [jobs[index].request for index in indexes]
        refuse_unplanned(model, requests)
        outcomes = await model.pipeline.run_many(requests)
        answers.update(zip(indexes, outcomes, strict=True))

    if len(by_model) <= 1:  # nearly always; a task of its own would gain nothing
        for indexes in by_model.values():
            await run_all(indexes)
    else:
        try:
            async with asyncio.TaskGroup() as group:
                for indexes in by_model.values():
                    group.create_task(run_all(indexes))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    return _kept([answers[index] for index in range(len(jobs))], keep_going=keep_going)


def _kept(
    answers: Sequence[TextResponse | ServiceError], *, keep_going: bool
) -> list[TextResponse | ServiceError]:
    """The answers, errors named by their place; or the first error, when it fails all."""
    named = [
        _named(answer, index) if isinstance(answer, ServiceError) and len(answers) > 1 else answer
        for index, answer in enumerate(answers)
    ]
    failed = [answer for answer in named if isinstance(answer, ServiceError)]
    if failed and (not keep_going or len(failed) == len(named)):
        raise failed[0]
    return named


def _named(error: ServiceError, index: int) -> ServiceError:
    # A copy: an engine that died may give the same error to everyone.
    named = copy.copy(error)
    named.args = (f"text {index}: {error}",)
    return named
