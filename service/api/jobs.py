"""/jobs: texts of any length, for whoever comes back for the answer."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from service.api.access import KEY_FIELDS, charge, principal_of
from service.api.context import ApiContext
from service.api.errors import error_response
from service.api.job_documents import DELETE_JOB, JOB, JOB_RESULT, SUBMIT_JOB
from service.api.job_work import DOORS, open_work
from service.api.reading import read_fields
from service.api.record import record_of
from service.api.requests import WorkRequest, validated
from service.api.work import refuse_too_many
from service.errors import RequestError, TooLarge
from service.jobs.desk import JobDesk
from service.jobs.job import Job
from service.settings import Settings

# What is not kept: keys, and what is for who waits.
_NOT_KEPT = {*KEY_FIELDS, "secret", "priority"}


def job_routes(context: ApiContext, desk: JobDesk) -> APIRouter:
    """The routes of jobs."""
    router = APIRouter(tags=["jobs"])
    age_s = context.settings.job_age_s

    async def submit(request: Request) -> Response:
        with context.lifecycle.working():
            # In threads: what is nothing for a text takes a while for a book.
            kind, wanted = await asyncio.to_thread(_wanted, await read_fields(request))
            charge(request.scope, _length(wanted, context.settings))
            work = await open_work(context, DOORS[kind], wanted)
            await work.refuse_options()
            pieces = await asyncio.to_thread(work.pieces)
            kept = wanted.model_dump_json(by_alias=True, exclude_unset=True, exclude=_NOT_KEPT)
            job = await desk.submit(owner_of(request), kind, kept.encode(), pieces)
            place = {"Location": f"/jobs/{job.id}"}
            return JSONResponse(_shown(job, age_s), status_code=202, headers=place)

    async def status(request: Request) -> Response:
        job = await desk.job(request.path_params["id"], owner_of(request))
        return JSONResponse(_shown(job, age_s))

    async def result(request: Request) -> Response:
        job, body = await desk.result(request.path_params["id"], owner_of(request))
        if body is not None:
            return Response(body, media_type="application/json")
        assert job.status is not None, "a job without a result has failed"
        record_of(request.scope).code = code = job.code or ""
        return error_response(request.scope, job.status, code, job.message or "")

    async def delete(request: Request) -> Response:
        job = await desk.delete(request.path_params["id"], owner_of(request))
        shown = _shown(job, age_s) | {"status": "deleted"}
        shown.pop("deleted_at", None)  # when it would have been
        return JSONResponse(shown)

    router.post("/jobs", **SUBMIT_JOB)(submit)
    router.get("/jobs/{id}", **JOB)(status)
    router.get("/jobs/{id}/result", **JOB_RESULT)(result)
    router.delete("/jobs/{id}", **DELETE_JOB)(delete)
    return router


def owner_of(request: Request) -> str | None:
    """Whose jobs a request may see; None for all who have no key.

    Raises:
        Forbidden: A key is needed, and there is none.
    """
    return principal_of(request.scope).key_id


def _wanted(fields: Mapping[str, Any]) -> tuple[str, WorkRequest]:
    """What a job asks for.

    Raises:
        RequestError: Not exactly one thing, or not in the words of its route.
    """
    known = ", ".join(DOORS)
    asked = {name: value for name, value in fields.items() if name not in KEY_FIELDS}
    if len(asked) != 1:
        raise RequestError(f"a job is an object with one field; it can be: {known}")
    [(kind, own)] = asked.items()
    if kind not in DOORS:
        raise RequestError(f"a job cannot be that; it can be: {known}")
    if not isinstance(own, dict):
        raise RequestError(f"{kind} should be an object, the body of POST /{kind}")
    given = {name: value for name, value in own.items() if value is not None}
    wanted: WorkRequest = validated(DOORS[kind].schema, given)
    for name in ("stream", "timeout_s"):
        if getattr(wanted, name):
            raise RequestError(f"{kind}.{name} is for who waits; a job is fetched when it is done")
    return kind, wanted


def _length(wanted: WorkRequest, settings: Settings) -> int:
    """Characters of all texts.

    Raises:
        TooLarge: More, or more texts, than a job may have.
    """
    refuse_too_many(wanted.texts, wanted.texts_field, settings.max_texts)
    length = sum(map(len, wanted.texts))
    if length > settings.max_job_chars:
        raise TooLarge(f"the job has {length} characters; the limit is {settings.max_job_chars}")
    return length


def _shown(job: Job, age_s: float) -> dict[str, Any]:
    """A `service.api.responses.JobStatus`."""
    shown: dict[str, Any] = {
        "id": job.id,
        "task": job.kind,
        "status": job.state,
        "sentences": {"done": job.done, "total": job.total},
        "created_at": _time(job.created_s),
    }
    if job.finished_s is not None:
        shown["finished_at"] = _time(job.finished_s)
        shown["deleted_at"] = _time(job.finished_s + age_s)
    if job.code is not None:
        shown["error"] = {"error": job.message, "code": job.code}
    return shown


def _time(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
