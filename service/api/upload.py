"""A form with one file in it."""

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from service.api.access import identify
from service.api.reading import MAX_FORM_FIELDS, content_type_of, form_fields
from service.errors import RequestError, TooLarge

_FILE = "file"


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file in a form.

    Attributes:
        name: As the client called it.
        content: Its bytes.
    """

    name: str
    content: bytes


async def read_upload(
    request: Request, *, max_file_bytes: int, max_field_bytes: int
) -> dict[str, Any]:
    """The fields of a multipart form and of the query string, not yet validated.

    They are spelled as in `service.api.reading`; `file`, where there is one, is a `SentFile`.

    Raises:
        RequestError: The body is no such form, or a field that should be text is a file.
        TooLarge: The file is over the limit.
        Forbidden: There is a key in it that is not good, or none where one is needed.
        RateLimited: The key in it asks faster than it may.
    """
    if content_type_of(request) != b"multipart/form-data":
        raise RequestError(f"send a form (multipart/form-data) with a file in its field {_FILE!r}")
    form = await request.form(
        max_files=1, max_fields=MAX_FORM_FIELDS, max_part_size=max_field_bytes
    )
    texts: list[tuple[str, str]] = []
    file: SentFile | None = None
    try:
        for name, value in form.multi_items():
            if isinstance(value, str):
                texts.append((name, value))
            elif name == _FILE:
                file = await _sent(value, max_file_bytes)
            else:
                raise RequestError(f"{name[:80]!r} is a file; the file's field is {_FILE!r}")
    finally:
        await form.close()
    fields = form_fields(request.query_params.multi_items()) | form_fields(texts)
    identify(request.scope, fields)
    if file is not None:
        return fields | {_FILE: file}
    if _FILE in fields:
        raise RequestError(f"{_FILE!r} is text; send a file, which has a name")
    return fields


async def _sent(file: UploadFile, max_file_bytes: int) -> SentFile:
    if (file.size or 0) > max_file_bytes:
        raise TooLarge(f"the file has {file.size} bytes; the limit is {max_file_bytes}")
    return SentFile(file.filename or "", await file.read())
