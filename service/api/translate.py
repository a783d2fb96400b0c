"""POST and GET /translate: LibreTranslate's, with more where it has none."""

from collections.abc import Sequence

from fastapi import APIRouter

from service.api.answers import Job, check_confidence, shared_fields, text_request
from service.api.context import ApiContext
from service.api.directions import AUTO, assignments_of
from service.api.doors import Door, endpoint
from service.api.openapi import TRANSLATE
from service.api.requests import TranslateRequest
from service.api.responses import TranslateResponse
from service.api.terms import glossaries_of, terms_of
from service.domain import Task
from service.errors import ServiceError
from service.pipeline.response import TextResponse


async def translate_jobs(
    context: ApiContext, wanted: TranslateRequest, deadline_s: float
) -> list[Job]:
    """What the texts of a request ask of whom.

    Raises:
        RequestError: Nobody can do it.
    """
    assigned = await assignments_of(
        context,
        wanted.texts,
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
            each.detected,
        )
        for text, each, terms in zip(wanted.texts, assigned, glossaries, strict=True)
    ]
    check_confidence(jobs, wanted)
    return jobs


def translate_body(
    wanted: TranslateRequest, jobs: Sequence[Job], answers: Sequence[TextResponse | ServiceError]
) -> TranslateResponse:
    """The body of the answer.

    Args:
        wanted: The request.
        jobs: Its texts.
        answers: One for each.
    """
    texts = [answer.text if isinstance(answer, TextResponse) else None for answer in answers]
    fields: dict[str, object] = {"translatedText": wanted.as_given(texts)}
    if wanted.source == AUTO:
        fields["detectedLanguage"] = wanted.as_given([job.detected for job in jobs])
    if wanted.asks_for_terms:
        fields["terms"] = wanted.as_given(terms_of(answers))
    fields |= shared_fields(wanted, jobs, answers)
    return TranslateResponse.model_validate(fields)


TRANSLATION = Door(Task.TRANSLATION, TranslateRequest, translate_jobs, translate_body)


def translate_routes(context: ApiContext) -> APIRouter:
    """The routes that translate."""
    router = APIRouter(tags=["translate"])
    translate = endpoint(TRANSLATION, context)
    router.post("/translate", name="translate", **TRANSLATE)(translate)
    # Some clients send a GET with everything in the query string.
    router.get("/translate", include_in_schema=False)(translate)
    return router
