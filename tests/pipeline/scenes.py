"""An engine that answers by a function of the source ids, and a pipeline on it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st

from service.domain import (
    DecodedHypothesis,
    DecodedSource,
    DecodeRequest,
    Direction,
    FinishReason,
    MarkIds,
    SearchOptions,
    Task,
)
from service.errors import Overloaded, ServiceError
from service.pipeline import Pipeline, TextLimits, TextRequest, TextResponse
from service.text.tokenizer import Tokenizer
from service.trust.confidence import Calibration

ANY_TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "the dog sees Tom.",
                "THE DOG SEES TOM. ",
                "der Hund",
                "e\u0301",
                "\u2019",
                "1. ",
                "- ",
                "---",
            ]
        ),
        st.sampled_from(["\n\n", "\r\n", "  ", "\t", "\xa0", "! ", ", ", "\U0001f415"]),
        st.text(max_size=10),
    ),
    max_size=10,
).map("".join)

EN_DE = Direction("en", "de")
DEFAULTS = SearchOptions(
    beam_size=4,
    num_hypotheses=1,
    length_penalty=1.0,
    min_decoding_length=1,
    max_decoding_length=256,
)


@dataclass(frozen=True)
class Limits:
    max_source_tokens: int = 64
    max_target_tokens: int = 512
    max_beam_size: int = 4  # that of `DEFAULTS`: there is no wider search for an echo


@dataclass(frozen=True)
class Manifest:
    task: Task = Task.TRANSLATION
    prefixes: Mapping[Direction, tuple[int, ...]] = field(default_factory=lambda: {EN_DE: ()})
    calibrations: Mapping[Direction, Calibration] = field(default_factory=dict)
    limits: Limits = Limits()
    search: SearchOptions = DEFAULTS
    marks: MarkIds | None = None


def echo(request: DecodeRequest) -> DecodedSource:
    """Says what it is told; hypothesis j leaves out the first j tokens."""
    ids = request.source_ids[:-1]
    return DecodedSource(
        hypotheses=tuple(
            DecodedHypothesis(
                token_ids=ids[rank:],
                log_prob=-1.0 - rank,
                score=-0.5 - rank,
                token_log_probs=-np.arange(len(ids[rank:]), dtype=np.float32),
                attention=np.eye(len(ids) + 1, dtype=np.float32)[rank:-1],
                finish_reason=FinishReason.END,
            )
            for rank in range(request.options.num_hypotheses)
        ),
        decode_steps=len(ids) + 1,
        queue_s=0.25,
        encode_s=0.5,
        decode_s=float(len(ids)),
    )


def echo_without(request: DecodeRequest, silent: set[int]) -> DecodedSource:
    """Says what it is told, but for some tokens, to which it pays no attention either."""
    ids = request.source_ids[:-1]
    said = [place for place, id_ in enumerate(ids) if id_ not in silent]
    decoded = echo(request)
    hypothesis = replace(
        decoded.hypotheses[0],
        token_ids=tuple(ids[place] for place in said),
        token_log_probs=np.zeros(len(said), dtype=np.float32),
        attention=np.eye(len(ids) + 1, dtype=np.float32)[said],
    )
    return replace(decoded, hypotheses=(hypothesis,))


@dataclass
class FakeEngine:
    """Answers at once; None from `answer` leaves the future open, an error fails it."""

    answer: Callable[[DecodeRequest], DecodedSource | ServiceError | None] = echo
    room: int = 1000
    submitted: list[list[DecodeRequest]] = field(default_factory=list)
    futures: list[Future[DecodedSource]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def submit_many(
        self, requests: Sequence[DecodeRequest], *, again: bool = False
    ) -> list[Future[DecodedSource]]:
        if len(requests) > self.room and not again:
            raise Overloaded("no room", retry_after_s=2.0)
        self.submitted.append(list(requests))
        futures = [self._future(request) for request in requests]
        self.futures += futures
        self.asked.set()
        return futures

    def _future(self, request: DecodeRequest) -> Future[DecodedSource]:
        future: Future[DecodedSource] = Future()
        answer = self.answer(request)
        if isinstance(answer, ServiceError):
            future.set_exception(answer)
        elif answer is not None:
            future.set_result(answer)
        return future


def pipeline(
    tokenizer: Tokenizer,
    engine: FakeEngine,
    manifest: Manifest = Manifest(),
    *,
    max_characters: int = 10_000,
    max_sentences: int = 500,
    clock: Callable[[], float] = lambda: 0.0,
) -> Pipeline:
    limits = TextLimits(max_characters, max_sentences)
    return Pipeline(manifest, tokenizer, tokenizer, engine, limits, clock=clock)


def ask(
    tokenizer: Tokenizer,
    request: TextRequest | str,
    manifest: Manifest = Manifest(),
) -> tuple[TextResponse, FakeEngine]:
    engine = FakeEngine()
    if isinstance(request, str):
        request = TextRequest(request, EN_DE)
    return asyncio.run(pipeline(tokenizer, engine, manifest).run(request)), engine


def narrow(max_source_tokens: int, task: Task = Task.TRANSLATION) -> Manifest:
    return Manifest(task=task, limits=Limits(max_source_tokens=max_source_tokens))


def is_inside(span: tuple[int, int], outer: tuple[int, int]) -> bool:
    return outer[0] <= span[0] <= span[1] <= outer[1]
