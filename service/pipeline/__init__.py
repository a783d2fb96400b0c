"""One text in, one answer out: segment, encode, submit, await, decode, join, align.

`Pipeline` is the only part that waits; planning and writing are pure functions of the
request, in `plan` and `answer`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import ParamSpec, Protocol, TypeVar

from service.domain import DecodedSource, DecodeRequest, Task
from service.errors import Cancelled, ServiceError
from service.pipeline.answer import Writer
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
from service.text.tokenizer import Tokenizer

__all__ = [
    "Hypothesis",
    "Pipeline",
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
    def source_language(self) -> str: ...
    @property
    def limits(self) -> ModelLimits: ...
    @property
    def search(self) -> SearchDefaults: ...


class Submitter(Protocol):
    """What the pipeline asks of an engine."""

    def submit_many(self, requests: Sequence[DecodeRequest]) -> list[Future[DecodedSource]]:
        """Accept all of them or, with an error, none."""


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
        self._manifest = manifest
        self._engine = engine
        self._clock = clock
        self._planner = Planner(
            manifest.task,
            manifest.source_language,
            source_tokenizer,
            manifest.limits,
            text_limits,
        )
        self._writer = Writer(source_tokenizer, target_tokenizer)

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
        plans = [outcome[0] for outcome in planned if not isinstance(outcome, ServiceError)]
        decodes = [decode for plan in plans for decode in plan.decodes]
        futures = self._engine.submit_many(decodes) if decodes else []
        waiting = [asyncio.wrap_future(future) for future in futures]
        unclaimed = iter(waiting)
        answers = [
            _at_once(outcome)
            if isinstance(outcome, ServiceError)
            else self._answered(request, *outcome, [next(unclaimed) for _ in outcome[0].decodes])
            for request, outcome in zip(requests, planned, strict=True)
        ]
        try:
            outcomes = await asyncio.gather(*answers, return_exceptions=True)
        finally:
            # Also when the caller was cancelled: this frees queue places and batch rows.
            _cancel(waiting)
        return [_outcome(outcome) for outcome in outcomes]

    async def _planned(self, request: TextRequest) -> tuple[Plan, float] | ServiceError:
        """The plan and the seconds it took, or why there is none."""
        begin = self._clock()
        try:
            options = resolve(request.options, self._manifest.search, self._manifest.limits)
            plan = await _off_loop(request, self._planner.plan, request, options)
        except ServiceError as error:
            return error
        return plan, self._clock() - begin

    async def _answered(
        self,
        request: TextRequest,
        plan: Plan,
        tokenise_s: float,
        waiting: Sequence[asyncio.Future[DecodedSource]],
    ) -> TextResponse:
        try:
            decoded = await asyncio.gather(*waiting)
        finally:
            # One sentence failed: the text has no answer, so the others need none.
            _cancel(waiting)
        begin = self._clock()
        response = await _off_loop(request, self._writer.write, request, plan, decoded)
        times = replace(response.times, tokenise_s=tokenise_s, detokenise_s=self._clock() - begin)
        return replace(response, times=times)


async def _at_once(error: ServiceError) -> TextResponse:
    raise error


async def _off_loop(
    request: TextRequest, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    if len(request.text) > _LARGE_CHARACTERS:
        return await asyncio.to_thread(work, *args, **kwargs)
    return work(*args, **kwargs)


def _cancel(waiting: Sequence[asyncio.Future[DecodedSource]]) -> None:
    for future in waiting:
        future.cancel()


def _outcome(outcome: TextResponse | BaseException) -> TextResponse | ServiceError:
    if isinstance(outcome, asyncio.CancelledError):
        return Cancelled("the engine dropped the work")
    if isinstance(outcome, TextResponse | ServiceError):
        return outcome
    raise outcome
