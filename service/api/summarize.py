"""POST /summarize: the shape of /translate, for texts to be made short."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.access import charge
from service.api.answers import Job, check_confidence, details_of, text_request
from service.api.context import ApiContext
from service.api.directions import Assignment, summarizer_of
from service.api.openapi import SUMMARIZE
from service.api.reading import read_fields
from service.api.record import record_of
from service.api.requests import SummarizeRequest, validated
from service.api.responses import Place, SummarizeResponse, UsedSentences
from service.api.stream import EventStream, refuse_list
from service.api.work import answer_jobs, deadline_of, json_answer, texts_of
from service.domain import Task
from service.errors import ServiceError
from service.pipeline.response import SourceUse, TextResponse


def summarize_routes(context: ApiContext) -> APIRouter:
    """The route that summarizes."""
    router = APIRouter(tags=["summarize"])

    @router.post("/summarize", **SUMMARIZE)
    async def summarize(request: Request) -> Response:
        record_of(request.scope).task = Task.SUMMARIZATION
        with context.lifecycle.working():
            wanted = validated(SummarizeRequest, await read_fields(request))
            texts = texts_of(wanted.text, "text", context.settings.max_texts)
            charge(request.scope, sum(map(len, texts)))
            deadline = deadline_of(wanted.timeout_s, context.settings)
            jobs, _ = summarize_jobs(context, wanted, texts, deadline.instant_s)
            if wanted.stream:
                refuse_list(wanted.text, "text")
                return EventStream(
                    request,
                    context.lifecycle,
                    jobs[0],
                    deadline,
                    lambda answer: summarize_body(wanted, jobs, [answer]),
                )
            answers = await answer_jobs(
                request, context.lifecycle, jobs, deadline, keep_going=bool(wanted.details)
            )
            return json_answer(summarize_body(wanted, jobs, answers), jobs)

    return router


def summarize_jobs(
    context: ApiContext, wanted: SummarizeRequest, texts: Sequence[str], deadline_s: float
) -> tuple[list[Job], list[Assignment]]:
    """What the texts of a request ask of whom.

    Raises:
        RequestError: Nobody can do it.
    """
    chosen = summarizer_of(context.catalogue, wanted.language, wanted.model)
    jobs = [
        Job(chosen.model, text_request(text, chosen.direction, wanted, deadline_s))
        for text in texts
    ]
    check_confidence(jobs, wanted)
    return jobs, [chosen] * len(texts)


def summarize_body(
    wanted: SummarizeRequest, jobs: Sequence[Job], answers: Sequence[TextResponse | ServiceError]
) -> SummarizeResponse:
    """The body of the answer.

    Args:
        wanted: The request.
        jobs: Its texts.
        answers: One for each.
    """
    is_list = isinstance(wanted.text, list)
    done = [answer if isinstance(answer, TextResponse) else None for answer in answers]
    texts = [answer and answer.text for answer in done]
    uses = [answer and _used(answer.use) for answer in done]
    fields: dict[str, object] = {
        "summary": texts if is_list else texts[0],
        "used": uses if is_list else uses[0],
    }
    if (wanted.num_hypotheses or 1) > 1:
        others = [list(answer.alternatives) if answer else [] for answer in done]
        fields["alternatives"] = others if is_list else others[0]
    if wanted.details:
        fields["details"] = details_of(jobs, answers, wanted)
    return SummarizeResponse.model_validate(fields)


def _used(use: SourceUse | None) -> UsedSentences:
    assert use is not None, "a summarizer says what it used"
    return UsedSentences(
        sentences=len(use.used),
        total=use.sentences,
        places=[Place.of(span) for span in use.used],
        last_is_cut=use.last_is_cut,
    )
