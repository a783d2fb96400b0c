"""What is known of one request, for its log line and its metrics.

The middleware makes the record and puts it into the ASGI scope; the routes and the error
handlers fill it in; the middleware reads it when the answer is out. No user text in it.
"""

from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope

from service.metrics import OK

_KEY = "seq2serve.record"


@dataclass(slots=True)
class RequestRecord:
    """One request; fields keep their defaults when a request never got that far.

    Attributes:
        request_id: The client's `X-Request-ID`, or one of ours.
        task: The task of the model that answered, or "none".
        code: `OK` or the error's code.
        failure: What made it a 5xx answer, for the log.
        details: More keys for the log line: model, number of texts, tokens, stage seconds.
    """

    request_id: str
    task: str = "none"
    code: str = OK
    failure: BaseException | None = None
    details: dict[str, Any] = field(default_factory=dict)


def attach_record(scope: Scope, record: RequestRecord) -> None:
    """Let everything further in find the record."""
    scope[_KEY] = record


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request that this scope belongs to."""
    record = scope[_KEY]
    assert isinstance(record, RequestRecord)
    return record
