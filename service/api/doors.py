"""A front door that runs a model: what the ways through /translate, /summarize and jobs share."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from service.api.access import charge
from service.api.admission import refuse_unread
from service.api.answers import Job, account
from service.api.context import ApiContext
from service.api.reading import read_fields
from service.api.record import record_of
from service.api.requests import WorkRequest, validated
from service.api.responses import Answer
from service.api.stream import EventStream, refuse_list
from service.api.wanted import WhileWanted
from service.api.work import deadline_of, json_answer, refuse_too_many, run_jobs, spelt
from service.domain import Task
from service.errors import ServiceError
from service.pipeline.response import TextResponse

W = TypeVar("W", bound=WorkRequest)


@dataclass(frozen=True, slots=True)
class Door(Generic[W]):
    """How its requests read, what they ask of whom, and how they are answered.

    Attributes:
        task: What its models do.
        schema: Of its requests.
        jobs: What the texts of a request ask of whom, with the deadline on the engine's clock;
            raises `RequestError` where nobody can do it.
        body: The answer, of the request, its jobs and an outcome for each.
    """

    task: Task
    schema: type[W]
    jobs: Callable[[ApiContext, W, float], Awaitable[list[Job]]]
    body: Callable[[W, Sequence[Job], Sequence[TextResponse | ServiceError]], Answer]


def endpoint(door: Door[W], context: ApiContext) -> Callable[[Request], Awaitable[Response]]:
    """What answers a request to `door` at once, as a whole or as a stream."""

    async def answer(request: Request) -> Response:
        record_of(request.scope).task = door.task
        with context.lifecycle.working():
            refuse_unread(request.scope, context.catalogue, door.task)
            wanted = validated(door.schema, await read_fields(request))
            refuse_too_many(wanted.texts, wanted.texts_field, context.settings.max_texts)
            charge(request.scope, sum(map(len, wanted.texts)))
            deadline = deadline_of(wanted.timeout_s, context.settings)
            with WhileWanted(request.receive, context.lifecycle, deadline.timeout_s):
                jobs = await door.jobs(context, wanted, deadline.instant_s)
                if wanted.stream:
                    refuse_list(wanted.given, wanted.texts_field)
                    return EventStream(
                        request,
                        context.lifecycle,
                        jobs[0],
                        deadline,
                        lambda answer: body(wanted, jobs, [answer]),
                    )
                answers = await run_jobs(jobs, keep_going=bool(wanted.details))
            account(record_of(request.scope), jobs, answers)
            return json_answer(await body(wanted, jobs, answers), jobs)

    async def body(
        wanted: W, jobs: Sequence[Job], answers: Sequence[TextResponse | ServiceError]
    ) -> bytes:
        return await spelt(lambda: door.body(wanted, jobs, answers), wanted, answers)

    return answer
