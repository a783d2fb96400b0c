"""DeepL's routes: its clients work with `server_url` set to this service."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from service.api.access import charge, usage_of
from service.api.admission import refuse_unread
from service.api.answers import Job, account
from service.api.context import ApiContext
from service.api.deepl.documents import (
    GLOSSARIES,
    GLOSSARY_PAIRS,
    LANGUAGES,
    TRANSLATE,
    USAGE,
)
from service.api.deepl.glossaries import listed, named
from service.api.deepl.languages import served_source, served_target, sources, targets
from service.api.deepl.requests import DeepLLanguagesRequest, DeepLTranslateRequest
from service.api.deepl.responses import (
    DeepLGlossaries,
    DeepLTranslateResponse,
    Translation,
)
from service.api.directions import AUTO
from service.api.reading import read_fields
from service.api.record import record_of
from service.api.requests import validated
from service.api.translate import translate_jobs
from service.api.usage import NO_LIMIT
from service.api.wanted import WhileWanted
from service.api.work import deadline_of, json_answer, refuse_too_many, run_jobs
from service.domain import Task
from service.errors import ServiceError
from service.pipeline.response import TextResponse

_TAG = "DeepL"


def deepl_translate_routes(context: ApiContext) -> APIRouter:
    """The route that translates."""
    router = APIRouter(tags=[_TAG])
    catalogue = context.catalogue

    async def translate(request: Request) -> Response:
        record_of(request.scope).task = Task.TRANSLATION
        with context.lifecycle.working():
            refuse_unread(request.scope, catalogue, Task.TRANSLATION)
            wanted = validated(DeepLTranslateRequest, await read_fields(request))
            texts = [wanted.text] if isinstance(wanted.text, str) else wanted.text
            refuse_too_many(texts, "text", context.settings.max_texts)
            charge(request.scope, sum(map(len, texts)))
            deadline = deadline_of(None, context.settings)
            target = served_target(catalogue, wanted.target_lang)
            source = AUTO
            if wanted.source_lang is not None and wanted.source_lang.lower() != AUTO:
                source = served_source(catalogue, wanted.source_lang)
            glossary = named(wanted.glossary_id, source, target) if wanted.glossary_id else None
            own = wanted.as_own(source, target, glossary)
            boundaries, markup = wanted.boundaries, wanted.markup
            with WhileWanted(request.receive, context.lifecycle, deadline.timeout_s):
                plain = await translate_jobs(context, own, deadline.instant_s)
                jobs = [
                    replace(job, request=replace(job.request, boundaries=boundaries, markup=markup))
                    for job in plain
                ]
                answers = await run_jobs(jobs, keep_going=False)
            account(record_of(request.scope), jobs, answers)
            context.usage.add(sum(map(len, texts)))
            return json_answer(_body(wanted, jobs, answers).to_json(), jobs)

    router.post("/v2/translate", **TRANSLATE)(translate)
    # Some clients send a GET with everything in the query string.
    router.get("/v2/translate", include_in_schema=False)(translate)
    return router


def deepl_routes(context: ApiContext) -> APIRouter:
    """The routes around it."""
    router = APIRouter(tags=[_TAG])
    catalogue = context.catalogue

    async def languages(request: Request) -> Response:
        wanted = validated(DeepLLanguagesRequest, await read_fields(request))
        if wanted.type == "source":
            return JSONResponse(
                [{"language": code, "name": name} for code, name in sources(catalogue).items()]
            )
        return JSONResponse(
            [
                {"language": code, "name": name, "supports_formality": False}
                for code, name in targets(catalogue).items()
            ]
        )

    router.get("/v2/languages", **LANGUAGES)(languages)
    router.post("/v2/languages", include_in_schema=False)(languages)

    async def usage(request: Request) -> Response:
        await read_fields(request)  # the key may be there
        own = usage_of(request.scope)
        if own is None:
            count, limit = context.usage.characters, None
        else:
            count, limit = own.characters, own.characters_per_month
        return JSONResponse({"character_count": count, "character_limit": limit or NO_LIMIT})

    router.get("/v2/usage", **USAGE)(usage)
    router.post("/v2/usage", include_in_schema=False)(usage)

    # Where a client finds its pair, it goes on to create glossaries, which nobody can here.
    @router.get("/v2/glossary-language-pairs", **GLOSSARY_PAIRS)
    async def glossary_pairs() -> Response:
        return JSONResponse({"supported_languages": []})

    glossaries_read = list(listed(context.glossaries, dt.datetime.now(dt.UTC)))
    found = DeepLGlossaries(glossaries=glossaries_read).model_dump()

    @router.get("/v2/glossaries", **GLOSSARIES)
    async def glossaries() -> Response:
        return JSONResponse(found)

    return router


def _body(
    wanted: DeepLTranslateRequest,
    jobs: Sequence[Job],
    answers: Sequence[TextResponse | ServiceError],
) -> DeepLTranslateResponse:
    is_greedy = wanted.model_type == "latency_optimized"
    used = "latency_optimized" if is_greedy else "quality_optimized"
    model_type = {} if wanted.model_type is None else {"model_type_used": used}
    translations = []
    for job, answer in zip(jobs, answers, strict=True):
        assert isinstance(answer, TextResponse), "one failure fails the request"
        translations.append(
            Translation(
                detected_source_language=_spelled(job.request.direction.source),
                text=answer.text,
                billed_characters=len(job.request.text),
                **model_type,
            )
        )
    return DeepLTranslateResponse(translations=translations)


def _spelled(code: str) -> str:
    """A language as DeepL names what it detected: in capitals, without a region."""
    return code.partition("-")[0].upper()
