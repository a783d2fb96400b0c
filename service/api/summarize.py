"""POST /summarize: the shape of /translate, for texts to be made short."""

from collections.abc import Sequence

from fastapi import APIRouter

from service.api.answers import Job, check_confidence, shared_fields, text_request
from service.api.context import ApiContext
from service.api.directions import summarizer_of
from service.api.doors import Door, endpoint
from service.api.openapi import SUMMARIZE
from service.api.requests import SummarizeRequest
from service.api.responses import Place, SummarizeResponse, UsedSentences
from service.domain import Task
from service.errors import ServiceError
from service.pipeline.response import SourceUse, TextResponse


async def summarize_jobs(
    context: ApiContext, wanted: SummarizeRequest, deadline_s: float
) -> list[Job]:
    """What the texts of a request ask of whom.

    Raises:
        RequestError: Nobody can do it.
    """
    chosen = summarizer_of(context.catalogue, wanted.language, wanted.model)
    jobs = [
        Job(chosen.model, text_request(text, chosen.direction, wanted, deadline_s))
        for text in wanted.texts
    ]
    check_confidence(jobs, wanted)
    return jobs


def summarize_body(
    wanted: SummarizeRequest, jobs: Sequence[Job], answers: Sequence[TextResponse | ServiceError]
) -> SummarizeResponse:
    """The body of the answer.

    Args:
        wanted: The request.
        jobs: Its texts.
        answers: One for each.
    """
    done = [answer if isinstance(answer, TextResponse) else None for answer in answers]
    texts = [answer and answer.text for answer in done]
    uses = [answer and _used(answer.use) for answer in done]
    fields: dict[str, object] = {
        "summary": wanted.as_given(texts),
        "used": wanted.as_given(uses),
    }
    fields |= shared_fields(wanted, jobs, answers)
    return SummarizeResponse.model_validate(fields)


def _used(use: SourceUse | None) -> UsedSentences:
    assert use is not None, "a summarizer says what it used"
    return UsedSentences(
        sentences=len(use.used),
        total=use.sentences,
        places=[Place.of(span) for span in use.used],
        last_is_cut=use.last_is_cut,
    )


SUMMARIZATION = Door(Task.SUMMARIZATION, SummarizeRequest, summarize_jobs, summarize_body)


def summarize_routes(context: ApiContext) -> APIRouter:
    """The route that summarizes."""
    router = APIRouter(tags=["summarize"])
    summarize = endpoint(SUMMARIZATION, context)
    router.post("/summarize", name="summarize", **SUMMARIZE)(summarize)
    return router
