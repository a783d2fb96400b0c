"""Models without a model: manifests, engines and pipelines that do what a test tells them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from service.api.catalogue import Catalogue, FailedModel, ServedModel
from service.bundle.manifest import Limits, Manifest, Precision, Score, ServedDirection
from service.domain import DecodedSource, FinishReason, SearchOptions, SpecialIds, Task
from service.errors import Overloaded, ServiceError
from service.loading import engine_limits, model_info
from service.metrics import Metrics, ModelMetrics
from service.pipeline.following import Following
from service.pipeline.plan import Part, Plan
from service.pipeline.request import TextRequest
from service.pipeline.response import (
    Hypothesis,
    Sentence,
    SourceUse,
    StageTimes,
    TextResponse,
    Token,
)
from service.settings import Settings
from service.text.alignment import AlignedWord, SourceWord

TRANSLATOR = Manifest(
    schema_version=3,
    name="shout-en-de",
    version="1.2.0",
    task=Task.TRANSLATION,
    directions=(ServedDirection(source="en", target="de", prefix=()),),
    marks=None,
    description="Says everything louder",
    limitations="Knows no German",
    licence="CC-BY-2.0-FR",
    attribution=("tatoeba.org",),
    data=(),
    recipe={},
    vocabulary="vocabulary.spm",
    vocabulary_size=8000,
    special_ids=SpecialIds(pad_id=0, unk_id=1, start_id=2, end_id=3),
    graphs={},
    signature={},
    steps=4,
    limits=Limits(max_source_tokens=128, max_target_tokens=256, max_beam_size=8),
    search=SearchOptions(
        beam_size=4,
        num_hypotheses=1,
        length_penalty=1.0,
        min_decoding_length=0,
        max_decoding_length=255,
    ),
    golden="golden.jsonl",
    files={"vocabulary.spm": "0" * 64, "golden.jsonl": "1" * 64},
    verification=None,
    scores=(
        Score(
            corpus="tatoeba-test",
            metric="BLEU",
            value=34.5,
            better="higher",
            signature="nrefs:1",
            sentences=10,
            precision=Precision.INT8,
            beam_size=4,
        ),
    ),
)
SUMMARIZER = TRANSLATOR.model_copy(
    update={
        "name": "first-words",
        "task": Task.SUMMARIZATION,
        "directions": (ServedDirection(source="en", target=None, prefix=()),),
        "description": "Stops early",
    }
)


def served(source: str, target: str | None) -> tuple[ServedDirection, ...]:
    """`directions` of a manifest with one."""
    return (ServedDirection(source=source, target=target, prefix=()),)


class FakeEngine:
    """An `EngineControl`.

    Attributes:
        refusal: Of whatever comes; None while there is room.
        most_sources: That there is room for together.
    """

    def __init__(self) -> None:
        self.alive = False
        self.closed = False
        self.refusal: ServiceError | None = None
        self.most_sources = 1_000_000

    def start(self) -> None:
        self.alive = True

    def close(self) -> None:
        self.alive = False
        self.closed = True

    def check_room(self, sources: int = 1, **_: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        if sources > self.most_sources:
            raise Overloaded(f"{sources} do not fit")


# What to answer a text with, or the error to raise for it.
Answering = Callable[[TextRequest], TextResponse | ServiceError]


class _Speechless:
    """How sentences read where none goes to a model."""

    def sentence(self, part: Part, decoded: DecodedSource) -> str:
        raise AssertionError("there is no such sentence")

    def beginning(self, token_ids: Sequence[int]) -> str:
        raise AssertionError("there is no such sentence")


class FakePipeline:
    """A `TextPipeline` that remembers what it was asked.

    Attributes:
        asked: Every request, in order.
        cancelled: Calls of `run_many` that were cancelled.
        hold: Awaited before answering.
    """

    def __init__(
        self, answering: Answering, hold: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self._answering = answering
        self.hold = hold
        self.asked: list[TextRequest] = []
        self.cancelled = 0

    async def run_many(self, requests: Sequence[TextRequest]) -> list[TextResponse | ServiceError]:
        self.asked += requests
        try:
            if self.hold is not None:
                await self.hold()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return [self._answering(request) for request in requests]

    async def follow(self, request: TextRequest) -> Following:
        """A text that reads as a whole as soon as it is asked for, and is finished in the end."""
        answer = self._answering(request)
        if isinstance(answer, ServiceError):
            raise answer

        async def finish(_: object) -> TextResponse | ServiceError:
            [outcome] = await self.run_many([request])
            return outcome

        whole = Plan((Part("", answer.text, 0, False, None),), "", None)
        return Following(whole, _Speechless(), finish)


def shout(request: TextRequest) -> TextResponse:
    """The text in capitals; alternatives with one "!" more each; every detail that is wanted."""
    text = request.text
    count = request.options.num_hypotheses or 1
    texts = [text.upper() + "!" * number for number in range(count)]
    hypotheses = tuple(
        Hypothesis(
            text=each,
            span=(0, len(each)),
            log_prob=-1.5 - number,
            score=-0.5 - number,
            finish_reason=FinishReason.END,
            tokens=(Token("▁" + each, -1.5, (0, len(each))),) if request.want_tokens else None,
            alignment=(AlignedWord((0, len(each)), (SourceWord((0, len(text)), 0.75),)),)
            if request.want_alignment
            else None,
        )
        for number, each in enumerate(texts)
    )
    return TextResponse(
        text=texts[0],
        alternatives=tuple(texts[1:]),
        sentences=(
            Sentence(
                (0, len(text)),
                False,
                hypotheses,
                3,
                4,
                confidence=0.625 if request.want_confidence else None,
            ),
        ),
        use=None,
        times=StageTimes(0.001, 0.002, 0.003, 0.004, 0.005),
        source_tokens=3,
        generated_tokens=4,
    )


def first_words(request: TextRequest) -> TextResponse:
    """The first eight words as a summary of the first of two sentences."""
    words = " ".join(request.text.split()[:8])
    whole = shout(request)
    return TextResponse(
        text=words,
        alternatives=(),
        sentences=whole.sentences,
        use=SourceUse(sentences=2, used=((0, len(words)),), last_is_cut=False),
        times=whole.times,
        source_tokens=whole.source_tokens,
        generated_tokens=whole.generated_tokens,
    )


@dataclass
class FakeModels:
    """A `CatalogueFactory` of fake models; a test looks at its parts afterwards."""

    translator: FakePipeline = field(default_factory=lambda: FakePipeline(shout))
    summarizer: FakePipeline = field(default_factory=lambda: FakePipeline(first_words))
    engines: dict[str, FakeEngine] = field(default_factory=dict)
    observers: dict[str, ModelMetrics] = field(default_factory=dict)
    failed: tuple[FailedModel, ...] = ()
    manifests: tuple[Manifest, ...] = (TRANSLATOR, SUMMARIZER)

    def __call__(self, settings: Settings, metrics: Metrics) -> Catalogue:
        return Catalogue(
            [self._served(manifest, settings, metrics) for manifest in self.manifests], self.failed
        )

    def _served(self, manifest: Manifest, settings: Settings, metrics: Metrics) -> ServedModel:
        engine = self.engines.setdefault(manifest.name, FakeEngine())
        observer = metrics.models.add(model_info(manifest, "cpu", engine_limits(settings)))
        self.observers[manifest.name] = observer
        is_translator = manifest.task is Task.TRANSLATION
        pipeline = self.translator if is_translator else self.summarizer
        return ServedModel(manifest, "cpu", Precision.INT8, pipeline, engine, observer)
