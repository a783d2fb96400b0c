"""POST and GET /translate: LibreTranslate's, with more where it has none."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.access import charge
from service.api.answers import Job, check_confidence, details_of, text_request
from service.api.context import ApiContext
from service.api.directions import AUTO, Assignment, assignments_of
from service.api.openapi import TRANSLATE
from service.api.reading import read_fields
from service.api.record import record_of
from service.api.requests import TranslateRequest, validated
from service.api.responses import TranslateResponse
from service.api.stream import EventStream, refuse_list
from service.api.terms import glossaries_of, terms_of
from service.api.work import answer_jobs, deadline_of, json_answer, texts_of
from service.domain import Task
from service.errors import ServiceError
from service.pipeline.response import TextResponse


def translate_routes(context: ApiContext) -> APIRouter:
    """The routes that translate."""
    router = APIRouter(tags=["translate"])

    async def translate(request: Request) -> Response:
        record_of(request.scope).task = Task.TRANSLATION
        with context.lifecycle.working():
            wanted = validated(TranslateRequest, await read_fields(request))
            texts = texts_of(wanted.q, "q", context.settings.max_texts)
            charge(request.scope, sum(map(len, texts)))
            deadline = deadline_of(wanted.timeout_s, context.settings)
            jobs, assigned = await translate_jobs(context, wanted, texts, deadline.instant_s)
            if wanted.stream:
                refuse_list(wanted.q, "q")
                return EventStream(
                    request,
                    context.lifecycle,
                    jobs[0],
                    deadline,
                    lambda answer: translate_body(wanted, jobs, [answer], assigned),
                )
            answers = await answer_jobs(
                request, context.lifecycle, jobs, deadline, keep_going=bool(wanted.details)
            )
            return json_answer(translate_body(wanted, jobs, answers, assigned), jobs)

    router.post("/translate", **TRANSLATE)(translate)
    # Some clients send a GET with everything in the query string.
    router.get("/translate", include_in_schema=False)(translate)
    return router


async def translate_jobs(
    context: ApiContext, wanted: TranslateRequest, texts: Sequence[str], deadline_s: float
) -> tuple[list[Job], list[Assignment]]:
    """What the texts of a request ask of whom.

    Raises:
        RequestError: Nobody can do it.
    """
    assigned = await assignments_of(
        context,
        texts,
        wanted.source,
        wanted.target,
        wanted.model,
        markup=wanted.markup,
        with_terms=wanted.asks_for_terms,
    )
    glossaries = glossaries_of(context, wanted, assigned)
    jobs = [
        Job(
            each.model,
            text_request(text, each.direction, wanted, deadline_s, glossaries=terms),
        )
        for text, each, terms in zip(texts, assigned, glossaries, strict=True)
    ]
    check_confidence(jobs, wanted)
    return jobs, assigned


def translate_body(
    wanted: TranslateRequest,
    jobs: Sequence[Job],
    answers: Sequence[TextResponse | ServiceError],
    assigned: Sequence[Assignment],
) -> TranslateResponse:
    """The body of the answer.

    Args:
        wanted: The request.
        jobs: Its texts.
        answers: One for each.
        assigned: The same.
    """
    is_list = isinstance(wanted.q, list)
    texts = [answer.text if isinstance(answer, TextResponse) else None for answer in answers]
    fields: dict[str, object] = {"translatedText": texts if is_list else texts[0]}
    if (wanted.num_hypotheses or 1) > 1:
        others = [
            list(answer.alternatives) if isinstance(answer, TextResponse) else []
            for answer in answers
        ]
        fields["alternatives"] = others if is_list else others[0]
    if wanted.source == AUTO:
        detected = [each.detected for each in assigned]
        fields["detectedLanguage"] = detected if is_list else detected[0]
    if wanted.asks_for_terms:
        terms = terms_of(answers)
        fields["terms"] = terms if is_list else terms[0]
    if wanted.details:
        fields["details"] = details_of(jobs, answers, wanted)
    return TranslateResponse.model_validate(fields)
