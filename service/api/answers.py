"""The pipeline's answers in the words of the API."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter

from service.api.catalogue import ServedModel
from service.api.record import RequestRecord
from service.api.requests import Want, WorkRequest
from service.api.responses import (
    AlignedPlaces,
    DetectedLanguage,
    HypothesisDetail,
    ItemError,
    MarkDetail,
    Place,
    SentenceDetail,
    TextDetail,
    TokenDetail,
    WeightedPlace,
)
from service.domain import Direction
from service.errors import RequestError, ServiceError
from service.metrics import ModelMetrics
from service.pipeline.request import TextRequest
from service.pipeline.response import Hypothesis, MarkUse, Sentence, StageTimes, TextResponse
from service.text.alignment import AlignedWord
from service.text.glossary import Glossary

# As the engine counts them; see `service.engine.plan.turns`.
PRIORITIES = {"interactive": 0, "batch": 1}


@dataclass(frozen=True, slots=True)
class Job:
    """One text and who answers it.

    Attributes:
        model: None when the text is its own answer.
        request: What the model's pipeline is asked.
        detected: The text's language, where it was asked for.
    """

    model: ServedModel | None
    request: TextRequest
    detected: DetectedLanguage | None = None


def text_request(
    text: str,
    direction: Direction,
    wanted: WorkRequest,
    deadline_s: float,
    *,
    glossaries: tuple[Glossary, ...] = (),
) -> TextRequest:
    """What the pipeline is asked for one text of a request."""
    return TextRequest(
        text=text,
        direction=direction,
        options=wanted.overrides,
        deadline_s=deadline_s,
        priority=PRIORITIES[wanted.priority],
        want_tokens="tokens" in wanted.want,
        want_alignment="alignment" in wanted.want,
        want_confidence="confidence" in wanted.details,
        markup=wanted.markup,
        glossaries=glossaries,
    )


def check_confidence(jobs: Sequence[Job], wanted: WorkRequest) -> None:
    """Refuse a bound on a confidence that a model does not have.

    Raises:
        RequestError: `min_confidence` was sent, and a model was not calibrated for what it does.
    """
    if wanted.min_confidence is None:
        return
    for job in jobs:
        if job.model is None:
            continue
        manifest, direction = job.model.manifest, job.request.direction
        if direction not in manifest.calibrations:
            raise RequestError(
                f"min_confidence is {wanted.min_confidence:g}; model {manifest.name} has no "
                f"calibrated confidence for {direction.in_words}"
            )


def unchanged(text: str) -> TextResponse:
    """The answer to a text that needs no model."""
    return TextResponse(
        text=text,
        alternatives=(),
        sentences=(),
        use=None,
        times=StageTimes(0.0, 0.0, 0.0, 0.0, 0.0),
        source_tokens=0,
        generated_tokens=0,
    )


def account(
    record: RequestRecord, jobs: Sequence[Job], answers: Sequence[TextResponse | ServiceError]
) -> None:
    """Put tokens and stage seconds into the request's record and the models' metrics."""
    done = [
        (job.model, answer)
        for job, answer in zip(jobs, answers, strict=True)
        if job.model is not None and isinstance(answer, TextResponse)
    ]
    for model, answer in done:
        count_answer(model.metrics, answer)
    failed = sum(isinstance(answer, ServiceError) for answer in answers)
    times = [answer.times for _, answer in done]
    record.details |= {
        "texts": len(jobs),
        "texts_failed": failed,
        "sentences": sum(len(answer.sentences) for _, answer in done),
        "source_tokens": sum(answer.source_tokens for _, answer in done),
        "generated_tokens": sum(answer.generated_tokens for _, answer in done),
        # Texts are worked on side by side: the slowest is what the client waited for.
        **{
            stage: round(max(map(attrgetter(stage), times), default=0), 6)
            for stage in StageTimes.__slots__
        },
    }


def count_answer(metrics: ModelMetrics, answer: TextResponse) -> None:
    """Put what became of one text into its model's metrics."""
    metrics.text_finished(detokenise_s=answer.times.detokenise_s)
    for sentence in answer.sentences:
        if sentence.problems or sentence.avoided:
            metrics.guarded(kept=sentence.problems, avoided=sentence.avoided)
        for use in sentence.hypotheses[0].uses:
            if not use.is_number:  # the guard's business, and counted as such
                is_held = use.target is not None and not use.is_inserted
                metrics.marked(is_copy=use.is_copy, is_held=is_held)


def headers_of(jobs: Sequence[Job]) -> dict[str, str]:
    """Which models answered on which providers; in headers, so that plain answers say it too."""
    models = [job.model for job in jobs if job.model is not None]
    if not models:
        return {}
    names = dict.fromkeys(f"{model.manifest.name}@{model.manifest.version}" for model in models)
    providers = dict.fromkeys(model.provider for model in models)
    return {"X-Model": ", ".join(names), "X-Provider": ", ".join(providers)}


def shared_fields(
    wanted: WorkRequest, jobs: Sequence[Job], answers: Sequence[TextResponse | ServiceError]
) -> dict[str, object]:
    """Fields that a translation and a summary have in common, as far as they are wanted."""
    fields: dict[str, object] = {}
    if (wanted.num_hypotheses or 1) > 1:
        fields["alternatives"] = wanted.as_given(
            [
                list(answer.alternatives) if isinstance(answer, TextResponse) else []
                for answer in answers
            ]
        )
    if wanted.details:
        fields["details"] = [
            _detail(job, answer, wanted)
            if isinstance(answer, TextResponse)
            else ItemError(error=str(answer), code=answer.code)
            for job, answer in zip(jobs, answers, strict=True)
        ]
    return fields


def _detail(job: Job, answer: TextResponse, wanted: WorkRequest) -> TextDetail:
    return TextDetail(
        model=None if job.model is None else job.model.manifest.name,
        provider=None if job.model is None else job.model.provider,
        source_tokens=answer.source_tokens,
        generated_tokens=answer.generated_tokens,
        seconds={
            stage.removesuffix("_s"): getattr(answer.times, stage) for stage in StageTimes.__slots__
        },
        sentences=[_sentence(sentence, wanted) for sentence in answer.sentences],
    )


def _sentence(sentence: Sentence, wanted: WorkRequest) -> SentenceDetail:
    more: dict[str, object] = {}
    if sentence.is_rescued:
        more["avoided"] = list(sentence.avoided)
    if "confidence" in wanted.details:
        more["confidence"] = sentence.confidence
    if wanted.min_confidence is not None and sentence.confidence is not None:
        more["below_min_confidence"] = sentence.confidence < wanted.min_confidence
    return SentenceDetail(
        source=Place.of(sentence.source_span),
        is_part=sentence.is_part,
        hypotheses=[_hypothesis(each, wanted.want) for each in sentence.hypotheses],
        problems=list(sentence.problems),
        rescued=sentence.is_rescued,
        **more,  # type: ignore[arg-type]  # each under its own name, see above
    )


def _hypothesis(hypothesis: Hypothesis, want: Collection[Want]) -> HypothesisDetail:
    wanted: dict[str, object] = {}
    if "scores" in want:
        wanted |= {"score": hypothesis.score, "log_prob": hypothesis.log_prob}
    if "tokens" in want:
        wanted["tokens"] = [
            TokenDetail(piece=token.piece, log_prob=token.log_prob, target=Place.of(token.span))
            for token in hypothesis.tokens or ()
        ]
    if "alignment" in want:
        words = hypothesis.alignment
        wanted["alignment"] = None if words is None else [_aligned(word) for word in words]
    if hypothesis.uses:
        wanted["marks"] = [_mark(use) for use in hypothesis.uses]
    return HypothesisDetail(
        text=hypothesis.text,
        target=Place.of(hypothesis.span),
        finish_reason=hypothesis.finish_reason.value,
        **wanted,  # type: ignore[arg-type]  # each under its own name, see above
    )


def _mark(use: MarkUse) -> MarkDetail:
    target = None if use.target is None else Place.of(use.target)
    if use.is_inserted:
        return MarkDetail(source=Place.of(use.source), target=target, inserted=True)
    return MarkDetail(source=Place.of(use.source), target=target)


def _aligned(word: AlignedWord) -> AlignedPlaces:
    return AlignedPlaces(
        target=Place.of(word.span),
        source=[
            WeightedPlace(start=source.span[0], end=source.span[1], weight=source.weight)
            for source in word.sources
        ],
    )
