"""POST /translate_file and GET /download_file/{name}, as LibreTranslate has them."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.access import charge
from service.api.admission import refuse_unread
from service.api.answers import account
from service.api.context import ApiContext
from service.api.file_work import characters_of, open_work
from service.api.openapi import DOWNLOAD_FILE, TRANSLATE_FILE
from service.api.portions import run_in_portions
from service.api.record import record_of
from service.api.requests import FileRequest, validated
from service.api.responses import TranslateFileResponse
from service.api.results import Result, Results
from service.api.upload import read_upload
from service.api.wanted import WhileWanted
from service.api.work import deadline_of, json_answer
from service.domain import Direction, Task
from service.errors import Overloaded
from service.files import FileLimits, extension_of, open_document

_MEDIA_TYPES = {
    ".txt": "text/plain",
    ".srt": "application/x-subrip",
    ".html": "text/html",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".epub": "application/epub+zip",
}


class Seats:
    """How many documents are worked on at the same time; each takes memory until it is done.

    Args:
        count: Most of them.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0

    def check(self) -> None:
        """See whether one is free, before more is read.

        Raises:
            Overloaded: All are taken.
        """
        if self._taken >= self._count:
            raise Overloaded(
                f"files being translated: {self._taken}; the limit is {self._count}",
                retry_after_s=5,
            )

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Have a seat.

        Raises:
            Overloaded: All are taken.
        """
        self.check()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


def file_routes(context: ApiContext, results: Results) -> APIRouter:
    """The route that translates a file; `download_routes` gives it back."""
    router = APIRouter(tags=["files"])
    settings = context.settings
    seats = Seats(settings.max_files)
    limits = FileLimits(settings.max_unpacked_bytes, settings.max_file_chars)

    async def translate_file(request: Request) -> Response:
        record_of(request.scope).task = Task.TRANSLATION
        with context.lifecycle.working():
            seats.check()
            refuse_unread(request.scope, context.catalogue, Task.TRANSLATION)
            fields = await read_upload(
                request,
                max_file_bytes=settings.max_file_bytes,
                max_field_bytes=settings.max_body_bytes,
            )
            # Only now: who sends slowly would keep others from their work.
            with seats.taken():
                return await translated(request, validated(FileRequest, fields))

    async def translated(request: Request, wanted: FileRequest) -> Response:
        sent = wanted.file
        extension = extension_of(sent.name)
        deadline = deadline_of(wanted.timeout_s or settings.max_timeout_s, settings)
        with WhileWanted(request.receive, context.lifecycle, deadline.timeout_s):
            document = await asyncio.to_thread(open_document, extension, sent.content, limits)
            charge(request.scope, characters_of(document, settings.max_text_chars))
            work = await open_work(context, wanted, document, deadline.instant_s)
            answers = await run_in_portions(work.jobs)
            content = await asyncio.to_thread(work.written, answers)
        account(record_of(request.scope), work.jobs, answers)
        saved_as = _saved_as(sent.name, work.assigned.direction)
        name = results.put(Result(content, saved_as), extension)
        # Dropped in time even when nobody comes any more.
        asyncio.get_running_loop().call_later(settings.max_kept_s, results.expire)
        body: dict[str, object] = {"translatedFileUrl": _address(request, name)}
        if work.assigned.detected is not None:
            body["detectedLanguage"] = work.assigned.detected
        if wanted.asks_for_terms:
            body["terms"] = work.terms(answers)
        return json_answer(TranslateFileResponse.model_validate(body).to_json(), work.jobs)

    router.post("/translate_file", **TRANSLATE_FILE)(translate_file)
    return router


def download_routes(results: Results) -> APIRouter:
    """The route that gives translated files."""
    router = APIRouter(tags=["files"])

    @router.get("/download_file/{name}", **DOWNLOAD_FILE)
    async def download_file(request: Request) -> Response:
        name = request.path_params["name"]
        result = results.get(name)
        extension = extension_of(name)
        return Response(
            result.content,
            media_type=_MEDIA_TYPES[extension],
            headers={
                "Content-Disposition": _attached(result.saved_as),
                # It may be a page, and somebody else wrote it.
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Cache-Control": "no-store",
            },
        )

    return router


def _saved_as(name: str, direction: Direction) -> str:
    r"""Worked case: ``reports\May.docx`` for de is ``May_de.docx``."""
    last = re.split(r"[/\\]", name)[-1]
    stem, _, extension = last.rpartition(".")
    printable = "".join(character for character in stem if character.isprintable())
    return f"{printable[:100]}_{direction.target}.{extension.lower()}"


def _attached(name: str) -> str:
    """A file's name as RFC 6266 has it: in full, and before, for who cannot read that, in ASCII.

    curl, for one, cannot.
    """
    plain = re.sub(r'[^ -~]|["%\\]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=utf-8''{quote(name, '')}"


def _address(request: Request, name: str) -> str:
    """Where a file can be fetched, as the client knows us.

    A proxy that ends TLS says so in X-Forwarded-Proto. Whoever invents such headers gets an
    address that is of no use, and nobody else sees it.
    """
    proxied = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    scheme = proxied if proxied in ("http", "https") else request.url.scheme
    host = request.headers.get("host")
    if not host:  # before HTTP/1.1
        host = ":".join(map(str, request.scope["server"]))
    return f"{scheme}://{host}/download_file/{name}"
