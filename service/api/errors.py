"""Every failure as `{"error", "code", "request_id"}`, or as DeepL says it, whatever raised it.

Clients of other services read `error` as a text (a list there crashes some), so it is one
sentence always, validation errors included.
"""

import math
from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Scope

from service.api.deepl.errors import is_deepl, not_offered, status_of
from service.api.record import record_of
from service.errors import BodyTooSlow, RequestError, ServiceError

# Codes that are HTTP's, not the service's. With the tree of `service.errors` and "ok" these
# are all the values of the metric label `code`.
NOT_FOUND = "not_found"
METHOD_NOT_ALLOWED = "method_not_allowed"
INTERNAL = "internal"

_HTTP_CODES = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED}
# All that some route has.
_METHODS = ("GET", "HEAD", "POST", "DELETE")
_INTERNAL_MESSAGE = "the server failed on this request; the log has the details"


def error_codes() -> list[str]:
    """Every code an answer over HTTP can have, sorted."""
    return sorted({NOT_FOUND, METHOD_NOT_ALLOWED, INTERNAL, *_tree(ServiceError)})


def _tree(kind: type[ServiceError]) -> Iterable[str]:
    if kind.code not in ("bad_settings", "bad_bundle"):  # raised before there is an HTTP
        yield kind.code
        for leaf in kind.__subclasses__():
            yield from _tree(leaf)


def error_response(
    scope: Scope,
    status: int,
    code: str,
    message: str,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """The one shape of an error behind the front door that was taken."""
    body = {"error": message, "code": code, "request_id": record_of(scope).request_id}
    if is_deepl(scope["path"]):
        body = {"message": message}
    return JSONResponse(body, status_code=status, headers=headers)


def internal_error(scope: Scope) -> JSONResponse:
    """The answer to a bug of ours: a 500 that says nothing of what is inside."""
    return error_response(scope, 500, INTERNAL, _INTERNAL_MESSAGE)


def service_error(scope: Scope, error: ServiceError) -> JSONResponse:
    """The answer to an expected failure, `Retry-After` included where trying again helps."""
    headers = None
    if error.retry_after_s is not None:
        headers = {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    if isinstance(error, BodyTooSlow):  # who trickles on would hold the connection
        headers = (headers or {}) | {"Connection": "close"}
    status = status_of(error) if is_deepl(scope["path"]) else error.http_status
    return error_response(scope, status, error.code, str(error), headers)


async def handle_service_error(request: Request, error: Exception) -> Response:
    """FastAPI's exception handler for `ServiceError`."""
    assert isinstance(error, ServiceError)
    record = record_of(request.scope)
    record.code = error.code
    if error.http_status >= 500:
        record.failure = error
    return service_error(request.scope, error)


async def handle_http_error(request: Request, error: Exception) -> Response:
    """FastAPI's exception handler for what Starlette raises: no such route, wrong method."""
    assert isinstance(error, HTTPException)
    record = record_of(request.scope)
    record.code = _HTTP_CODES.get(error.status_code, RequestError.code)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = _allowed(request)
    place = f"{request.method} {request.url.path}"
    if error.status_code in _HTTP_CODES and is_deepl(request.url.path):
        message = not_offered(request.method, request.url.path)
    elif error.status_code == 404:
        message = f"there is no {place}"
    elif error.status_code == 405:
        message = f"no {place}; allowed: {headers.get('Allow', 'other methods')}"
    else:
        message = str(error.detail)
    return error_response(request.scope, error.status_code, record.code, message, headers)


def _allowed(request: Request) -> str:
    """Every method that the path has: Starlette knows those of its first route alone."""

    def is_there(method: str) -> bool:
        asked = {**request.scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)

    return ", ".join(filter(is_there, _METHODS))
