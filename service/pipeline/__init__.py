"""One text in, one answer out: segment, encode, submit, await, decode, join, align.

`Pipeline` is the only part that waits; planning and writing are pure functions of the
request, in `plan` and `answer`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import ParamSpec, Protocol, TypeVar

from service.domain import DecodedSource, DecodeRequest, Direction, MarkIds, Task
from service.errors import ServiceError
from service.pipeline.answer import Writer
from service.pipeline.following import Following, Progress
from service.pipeline.options import ModelLimits, SearchDefaults, resolve
from service.pipeline.plan import Plan, Planner
from service.pipeline.request import SearchOverrides, TextLimits, TextRequest
from service.pipeline.response import (
    Hypothesis,
    Sentence,
    SourceUse,
    StageTimes,
    TextResponse,
    Token,
)
from service.pipeline.settling import Futures, answers, cancel, until_settled
from service.text.tokenizer import Tokenizer

__all__ = [
    "Following",
    "Hypothesis",
    "Pipeline",
    "Progress",
    "SearchOverrides",
    "Sentence",
    "SourceUse",
    "StageTimes",
    "TextLimits",
    "TextRequest",
    "TextResponse",
    "Token",
]

P = ParamSpec("P")
T = TypeVar("T")

# Texts of more characters than this are planned and written in a thread, so that the event
# loop answers others meanwhile; below, the change of threads costs more than the work.
_LARGE_CHARACTERS = 2_000


class Served(Protocol):
    """What the pipeline has to know of a bundle's manifest."""

    @property
    def task(self) -> Task: ...
    @property
    def prefixes(self) -> Mapping[Direction, tuple[int, ...]]: ...
    @property
    def limits(self) -> ModelLimits: ...
    @property
    def search(self) -> SearchDefaults: ...
    @property
    def marks(self) -> MarkIds | None: ...


class Submitter(Protocol):
    """What the pipeline asks of an engine."""

    def submit_many(self, requests: Sequence[DecodeRequest]) -> list[Future[DecodedSource]]:
        """Accept all of them or, with an error, none."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """A plan and the seconds it took."""

    plan: Plan
    seconds: float


class Pipeline:
    """Answers texts with one bundle and its engine. For use on one event loop."""

    def __init__(
        self,
        manifest: Served,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        engine: Submitter,
        text_limits: TextLimits,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._engine = engine
        self._clock = clock
        # Nearly all requests ask for the same few options; errors are not kept.
        self._resolve = lru_cache(maxsize=256)(
            partial(resolve, defaults=manifest.search, limits=manifest.limits)
        )
        self._planner = Planner(
            manifest.task,
            manifest.prefixes,
            source_tokenizer,
            manifest.limits,
            text_limits,
            marks=manifest.marks,
        )
        self._writer = Writer(
            manifest.task, source_tokenizer, target_tokenizer, clock, marks=manifest.marks
        )

    async def run(self, request: TextRequest) -> TextResponse:
        """Answer one text. Cancelling the caller takes its work back from the engine.

        Raises:
            RequestError: Options or text are outside the limits.
            ServiceError: Whatever the engine refused or failed with.
        """
        [outcome] = await self.run_many([request])
        if isinstance(outcome, ServiceError):
            raise outcome
        return outcome

    async def run_many(self, requests: Sequence[TextRequest]) -> list[TextResponse | ServiceError]:
        """Answer several texts; the engine takes the good ones together or not at all.

        Returns:
            For each request its answer or its own error; one bad text fails alone.

        Raises:
            Overloaded: The engine had no room; nothing was accepted.
            Unavailable: The engine takes no work.
        """
        planned = [await self._planned(request) for request in requests]
        wanted = [each.plan.decodes for each in planned if isinstance(each, _Planned)]
        decodes = [decode for group in wanted for decode in group]
        futures = self._engine.submit_many(decodes) if decodes else []
        unclaimed = iter(futures)
        groups = [list(islice(unclaimed, len(group))) for group in wanted]
        try:
            await until_settled(groups)
        except asyncio.CancelledError:
            cancel(futures)  # frees queue places and batch rows
            raise
        settled = iter(groups)
        return [
            await self._answered(request, each, next(settled))
            if isinstance(each, _Planned)
            else each
            for request, each in zip(requests, planned, strict=True)
        ]

    async def follow(self, request: TextRequest) -> Following:
        """Begin to answer one text that is read while it is made; close it in the end.

        Raises:
            ServiceError: As `run`, as far as it is known before anything is decoded.
        """
        planned = await self._planned(request)
        if isinstance(planned, ServiceError):
            raise planned
        following = Following(planned.plan, self._writer, partial(self._answered, request, planned))
        if decodes := following.requests():
            following.attach(self._engine.submit_many(decodes))
        return following

    async def _planned(self, request: TextRequest) -> _Planned | ServiceError:
        """The plan, or why there is none."""
        begin = self._clock()
        try:
            options = self._resolve(request.options)
            plan = await _off_loop(request, self._planner.plan, request, options)
        except ServiceError as error:
            return error
        return _Planned(plan, self._clock() - begin)

    async def _answered(
        self, request: TextRequest, planned: _Planned, group: Futures
    ) -> TextResponse | ServiceError:
        """The answer to a text whose sentences are all settled."""
        try:
            decoded = answers(group)
        except ServiceError as error:
            return error
        return await _off_loop(
            request, self._writer.write, request, planned.plan, decoded, planned.seconds
        )


async def _off_loop(
    request: TextRequest, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    if len(request.text) > _LARGE_CHARACTERS:
        return await asyncio.to_thread(work, *args, **kwargs)
    return work(*args, **kwargs)
