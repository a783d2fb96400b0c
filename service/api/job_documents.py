"""What the OpenAPI document says of /jobs."""

from typing import Any

from service.api.openapi import WORK_ERRORS, documented
from service.api.requests import JobRequest
from service.api.responses import JobStatus

_ID = "Zk3vQ0c8mT1yR5wXb2nJ7uLh4sDf6gPa"
_RUNNING = {
    "id": _ID,
    "task": "translate",
    "status": "running",
    "sentences": {"done": 64, "total": 412},
    "created_at": "2026-11-23T09:30:00.000+00:00",
}
_UNKNOWN = {404: "There is no such job, or not any more."}
_PARAMETER = {
    "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
}


def _of_one_job(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"openapi_extra": _PARAMETER}


SUBMIT_JOB = documented(
    "Submit a job",
    JobStatus,
    _RUNNING | {"status": "queued", "sentences": {"done": 0, "total": 412}},
    request=JobRequest,
    request_example={
        "translate": {"q": "The dog is sleeping.\nThe cat is not.", "source": "en", "target": "de"}
    },
    errors={status: when for status, when in WORK_ERRORS.items() if status != 504},
    status=202,
)

JOB = _of_one_job(documented("See how a job stands", JobStatus, _RUNNING, errors=_UNKNOWN))

JOB_RESULT = _of_one_job(
    documented(
        "Fetch what a job came to",
        None,
        {"translatedText": "Der Hund schläft.\nDie Katze nicht."},
        errors={
            **_UNKNOWN,
            409: "It is not done yet.",
            500: "The job failed like that; or with another error of its request.",
        },
    )
)

DELETE_JOB = _of_one_job(
    documented(
        "Cancel a job, or delete what it came to",
        JobStatus,
        _RUNNING | {"status": "deleted"},
        errors=_UNKNOWN,
    )
)
