"""What a client sent, wherever it put it: JSON, form, query string, merged into one mapping.

Existing clients do all of these: JSON without a Content-Type, JSON that curl labels as a
form, everything in the query string above an empty body, urlencoded and multipart forms.
The body wins over the query string.
"""

import json
import urllib.parse
from collections.abc import Iterable
from typing import Any, NoReturn

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from service.api.access import identify
from service.errors import RequestError

MAX_FORM_FIELDS = 1000
# Fields where nothing is a value; elsewhere an empty form field means "not given".
_TEXT_FIELDS = frozenset({"q", "text"})
# Fields that JSON gives structure and forms have to spell.
_JSON_FIELD = "options"
_NAME_OR_JSON_FIELD = "glossary"
_LIST_FIELD = "return"


async def read_fields(request: Request) -> dict[str, Any]:
    """The request's fields, not yet validated.

    A form field that is repeated becomes a list; `options` in a form is JSON, and
    `glossary` if it is no name; `return` in a
    form may be repeated or separated by commas. A JSON null counts as not given.

    Raises:
        RequestError: The body is not what its Content-Type says, or not a JSON object.
        Forbidden: There is a key in them that is not good, or none where one is needed.
        RateLimited: The key in it asks faster than it may.
    """
    fields = await _body_fields(request)
    query = request.scope["query_string"]
    if query:
        pairs = _pairs(_decoded(query, "the query string"), "the query string")
        fields = form_fields(pairs) | fields
    identify(request.scope, fields)
    return fields


async def _body_fields(request: Request) -> dict[str, Any]:
    content_type = content_type_of(request)
    if content_type == b"multipart/form-data":
        return form_fields(await _multipart_pairs(request))
    body = await _body(request.receive)
    if not body.strip():
        return {}
    is_form = content_type == b"application/x-www-form-urlencoded"
    # `curl -d '{"q": ...}'` says urlencoded; no urlencoded form begins with a brace.
    if is_form and not body.lstrip().startswith(b"{"):
        return form_fields(_pairs(_decoded(body, "the form"), "the form"))
    return _json_fields(body)


def content_type_of(request: Request) -> bytes:
    """The body's media type, in lower case, without parameters; empty when there is none."""
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            return bytes(value).partition(b";")[0].strip().lower()
    return b""


async def _body(receive: Receive) -> bytes:
    """The whole body: `Request.body` without its generator, which costs more than reading.

    Raises:
        ClientDisconnect: The client left while it sent.
    """
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _json_fields(body: bytes) -> dict[str, Any]:
    try:
        fields = _JSON.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except UnicodeDecodeError:
        raise RequestError("the body is not valid UTF-8") from None
    except json.JSONDecodeError as error:
        raise RequestError(
            f"the body is not valid JSON: {error.msg} at line {error.lineno} "
            f"column {error.colno}; send a JSON object, a form, or a query string"
        ) from None
    except RecursionError:
        raise RequestError("the body's JSON is nested too deeply") from None
    except ValueError as error:  # NaN, an integer of thousands of digits
        message = str(error).partition(";")[0]
        raise RequestError(f"the body is not valid JSON: {message}") from None
    if not isinstance(fields, dict):
        kind = "an array" if isinstance(fields, list) else "a single value"
        raise RequestError(f"the body is {kind}; it has to be a JSON object")
    return {name: value for name, value in fields.items() if value is not None}


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def _decoded(raw: bytes, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise RequestError(f"{what} is not valid UTF-8") from None


def _pairs(encoded: str, what: str) -> list[tuple[str, str]]:
    try:
        return urllib.parse.parse_qsl(
            encoded, keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
        )
    except UnicodeDecodeError:
        raise RequestError(f"{what} is not valid UTF-8") from None
    except ValueError:
        raise RequestError(f"{what} has more than {MAX_FORM_FIELDS} fields") from None


async def _multipart_pairs(request: Request) -> list[tuple[str, str]]:
    # The body as a whole is limited by the middleware, so a part needs no limit of its own.
    size = int(request.headers.get("content-length", 0)) or 2**31
    form = await request.form(max_files=1, max_fields=MAX_FORM_FIELDS, max_part_size=size)
    pairs = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            await form.close()
            raise RequestError(f"{name!r} is a file; only text fields are taken")
        pairs.append((name, value))
    return pairs


def form_fields(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What a form or a query string says; see `read_fields`.

    Raises:
        RequestError: A field that should be JSON is not.
    """
    collected: dict[str, list[str]] = {}
    for name, value in pairs:
        if value or name in _TEXT_FIELDS:
            collected.setdefault(name, []).append(value)
    return {name: _form_value(name, values) for name, values in collected.items()}


def _form_value(name: str, values: list[str]) -> Any:
    if name == _LIST_FIELD:
        return [word.strip() for value in values for word in value.split(",") if word.strip()]
    is_object = name == _NAME_OR_JSON_FIELD and values[-1].lstrip().startswith("{")
    if name == _JSON_FIELD or is_object:
        try:
            return _JSON.decode(values[-1])
        except (ValueError, RecursionError):
            raise RequestError(f"{name} is not valid JSON") from None
    return values[0] if len(values) == 1 else values
