"""POST and GET /translate: LibreTranslate's, with more where it has none."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.answers import Job, details_of, text_request
from service.api.catalogue import Catalogue, ServedModel
from service.api.context import ApiContext
from service.api.openapi import TRANSLATE
from service.api.reading import read_fields
from service.api.record import record_of
from service.api.requests import TranslateRequest, validated
from service.api.responses import DetectedLanguage, TranslateResponse
from service.api.work import answer_jobs, deadline_of, json_answer, texts_of
from service.domain import Task
from service.errors import ServiceError, UnsupportedLanguage
from service.pipeline.response import TextResponse

_AUTO = "auto"


def translate_routes(context: ApiContext) -> APIRouter:
    """The routes that translate."""
    router = APIRouter(tags=["translate"])
    catalogue = context.catalogue

    async def translate(request: Request) -> Response:
        record_of(request.scope).task = Task.TRANSLATION
        with context.lifecycle.working():
            wanted = validated(TranslateRequest, await read_fields(request))
            texts = texts_of(wanted.q, "q", context.settings.max_texts)
            deadline = deadline_of(wanted.timeout_s, context.settings)
            target = catalogue.known(wanted.target)
            if wanted.source == _AUTO:
                detected = [_detect(context, target, text) for text in texts]
                sources = [detection.language for detection in detected]
            else:
                detected = []
                sources = [catalogue.known(wanted.source)] * len(texts)
            jobs = [
                Job(
                    _model(catalogue, source, target, wanted.model),
                    text_request(text, wanted, deadline.instant_s),
                )
                for text, source in zip(texts, sources, strict=True)
            ]
            answers = await answer_jobs(
                request, context.lifecycle, jobs, deadline, keep_going=bool(wanted.want)
            )
            return json_answer(_body(wanted, jobs, answers, detected), jobs)

    router.post("/translate", **TRANSLATE)(translate)
    # Some clients send a GET with everything in the query string.
    router.get("/translate", include_in_schema=False)(translate)
    return router


def _detect(context: ApiContext, target: str, text: str) -> DetectedLanguage:
    """The likeliest of the languages that make sense: the target, and what leads to it.

    Raises:
        UnsupportedLanguage: The text is clearly in another language, or nothing leads to
            the target.
    """
    sources = context.catalogue.sources_of(target)
    assert context.detector is not None, "there is one where there are translators"
    foreign = context.detector.foreign(text)
    if foreign is not None:
        raise UnsupportedLanguage(
            f"source auto: the text looks like {foreign.language} "
            f"({foreign.confidence:.0f} % sure); to {target}, it can be: {', '.join(sources)}; "
            "name the source if the guess is wrong"
        )
    likeliest = next(
        detection
        for detection in context.detector.rank(text)
        if detection.language in (*sources, target)
    )
    return DetectedLanguage(language=likeliest.language, confidence=round(likeliest.confidence, 1))


def _model(catalogue: Catalogue, source: str, target: str, name: str | None) -> ServedModel | None:
    """Who translates; None when the text is its own translation, as with LibreTranslate."""
    if name is None and source == target and source in catalogue.languages():
        return None
    return catalogue.translator(source, target, name)


def _body(
    wanted: TranslateRequest,
    jobs: Sequence[Job],
    answers: Sequence[TextResponse | ServiceError],
    detected: Sequence[DetectedLanguage],
) -> TranslateResponse:
    is_list = isinstance(wanted.q, list)
    texts = [answer.text if isinstance(answer, TextResponse) else None for answer in answers]
    fields: dict[str, object] = {"translatedText": texts if is_list else texts[0]}
    if (wanted.num_hypotheses or 1) > 1:
        others = [
            list(answer.alternatives) if isinstance(answer, TextResponse) else []
            for answer in answers
        ]
        fields["alternatives"] = others if is_list else others[0]
    if detected:
        fields["detectedLanguage"] = list(detected) if is_list else detected[0]
    if wanted.want:
        fields["details"] = details_of(jobs, answers, wanted.want)
    return TranslateResponse.model_validate(fields)
