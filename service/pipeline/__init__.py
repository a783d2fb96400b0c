"""One text in, one answer out: segment, encode, submit, await, decode, join, align.

`Pipeline` is the only part that waits; planning and writing are pure functions of the
request, in `plan` and `answer`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache, partial
from itertools import islice
from typing import Protocol, TypeVar

from service.domain import DecodedSource, DecodeRequest, Direction, MarkIds, Task
from service.errors import RequestError, ServiceError, TooLarge
from service.pipeline.again import Found, wider
from service.pipeline.answer import Writer
from service.pipeline.asked import Asked, Later, Planned, PlannedDocument
from service.pipeline.following import Following, Progress
from service.pipeline.marked import closed, opened, paragraphs
from service.pipeline.options import ModelLimits, SearchDefaults, resolve
from service.pipeline.plan import Again, Part, Planner
from service.pipeline.request import SearchOverrides, TextLimits, TextRequest
from service.pipeline.response import (
    Hypothesis,
    Sentence,
    SourceUse,
    StageTimes,
    TextResponse,
    Token,
)
from service.pipeline.second import asked_again
from service.pipeline.settling import Futures, answers, cancel, until_settled
from service.pipeline.windows import Outcome, run_in_windows
from service.text.tokenizer import Tokenizer
from service.trust.confidence import Calibration
from service.trust.guard import Problem
from service.trust.numbers import figure_places, lost_places

__all__ = [
    "Following",
    "Hypothesis",
    "Outcome",
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
    "run_in_windows",
]

# What further search there is for a sentence of a text, given its answer so far.
More = Callable[[TextRequest, Part, Sentence], Again | None]

S = TypeVar("S")
T = TypeVar("T")

# Requests of more characters than this, those of all hypotheses counted, are planned and written in
# a thread, so that the event loop answers others meanwhile; below, the change of threads costs more
# than the work.
_LARGE_CHARACTERS = 2_000


class Served(Protocol):
    """What the pipeline has to know of a bundle's manifest."""

    @property
    def task(self) -> Task: ...
    @property
    def prefixes(self) -> Mapping[Direction, tuple[int, ...]]: ...
    @property
    def calibrations(self) -> Mapping[Direction, Calibration]: ...
    @property
    def limits(self) -> ModelLimits: ...
    @property
    def search(self) -> SearchDefaults: ...
    @property
    def marks(self) -> MarkIds | None: ...


class Submitter(Protocol):
    """What the pipeline asks of an engine."""

    def submit_many(
        self, requests: Sequence[DecodeRequest], *, again: bool = False
    ) -> list[Future[DecodedSource]]:
        """Accept all of them or, with an error, none; `again`, there is always room."""


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
        self._limits = manifest.limits
        self._text_limits = text_limits
        self._can_copy = manifest.marks is not None
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
            manifest.task,
            manifest.calibrations,
            source_tokenizer=source_tokenizer,
            target_tokenizer=target_tokenizer,
            marks=manifest.marks,
            clock=clock,
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
        is_much = _is_much(requests)
        planned = await _each(self._planned, requests, in_thread=is_much)
        wanted = [each.asked for each in planned if not isinstance(each, ServiceError)]
        parts = [part for group in wanted for part in group]
        futures = self._submit(parts, [part.decode for part in parts if part.decode is not None])
        unclaimed = iter(futures)
        groups = [list(islice(unclaimed, len(group))) for group in wanted]
        try:
            await until_settled(groups)
        except asyncio.CancelledError:
            cancel(futures)  # frees queue places and batch rows
            raise
        settled = iter(groups)
        firsts = [
            each if isinstance(each, ServiceError) else Asked(request, each, next(settled))
            for request, each in zip(requests, planned, strict=True)
        ]
        outcomes = await _each(self._answered, firsts, in_thread=is_much)
        return await self._rescued(firsts, outcomes)

    async def _rescued(
        self,
        firsts: Sequence[Asked | ServiceError],
        outcomes: list[TextResponse | ServiceError],
    ) -> list[TextResponse | ServiceError]:
        """Search again for the sentences whose answers have problems: wider, then for numbers.

        A text's outcome is then that of all searches, also when a later one fails: what it is
        must not depend on how much there is to do.
        """
        if not any(map(_is_wanting, firsts, outcomes)):  # nearly always
            return outcomes
        for more in (self._wider, self._with_lost, self._with_all):
            firsts, outcomes = await self._searched_again(firsts, outcomes, more)
        return outcomes

    async def _searched_again(
        self,
        firsts: Sequence[Asked | ServiceError],
        outcomes: Sequence[TextResponse | ServiceError],
        more: More,
    ) -> tuple[Sequence[Asked | ServiceError], list[TextResponse | ServiceError]]:
        """The texts with one more search for each sentence that `more` has one for."""
        whole, outcomes = list(firsts), list(outcomes)
        again = {
            place: later
            for place, (first, outcome) in enumerate(zip(firsts, outcomes, strict=True))
            if isinstance(first, Asked)
            and isinstance(outcome, TextResponse)
            and (later := self._search_again(first, outcome, more))
        }
        groups = [[each.future for each in later] for later in again.values()]
        try:
            await until_settled(groups)
        except asyncio.CancelledError:
            for futures in groups:
                cancel(futures)
            raise
        for place, later in again.items():
            first = whole[place]
            assert isinstance(first, Asked), "nothing else was searched again"
            both = first._replace(later=(*first.later, *later))
            whole[place] = both
            is_much = _is_much([first.request])
            [outcomes[place]] = await _each(self._answered, [both], in_thread=is_much)
        return whole, outcomes

    def _search_again(self, first: Asked, outcome: TextResponse, more: More) -> list[Later]:
        """Further searches for the sentences of a text."""
        later: list[Later] = []
        parts = zip(outcome.sentences, first.planned.asked, strict=True)
        for position, (sentence, part) in enumerate(parts):
            again = more(first.request, part, sentence)
            if again is not None:
                with suppress(TooLarge):  # for the engine's batches, however empty
                    [future] = self._engine.submit_many([again.decode], again=True)
                    later.append(Later(position, again, future))
        return later

    def _wider(self, request: TextRequest, part: Part, sentence: Sentence) -> Again | None:
        return wider(request, part, self._limits) if sentence.problems else None

    def _with_lost(self, request: TextRequest, part: Part, sentence: Sentence) -> Again | None:
        """In which numbers are copied; in any beam.

        Those that the answer has lost, or all if hypotheses were left out.
        """
        if Problem.LOST_NUMBER in sentence.problems:
            places = lost_places(part.text, sentence.hypotheses[0].text)
        elif _has_few(part, sentence):
            places = figure_places(part.text)
        else:
            return None
        return self._planner.with_numbers(request, part, places)

    def _with_all(self, request: TextRequest, part: Part, sentence: Sentence) -> Again | None:
        """In which all numbers are copied, if there are more than those that are lost still."""
        if Problem.LOST_NUMBER not in sentence.problems:
            return None
        places = figure_places(part.text)
        if places == lost_places(part.text, sentence.hypotheses[0].text):
            return None
        return self._planner.with_numbers(request, part, places)

    async def follow(self, request: TextRequest) -> Following:
        """Begin to answer one text that is read while it is made; close it in the end.

        Raises:
            ServiceError: As `run`, as far as it is known before anything is decoded.
        """
        [planned] = await _each(self._planned, [request], in_thread=_is_much([request]))
        if isinstance(planned, ServiceError):
            raise planned
        if isinstance(planned, PlannedDocument):
            raise RequestError("a text with markup is not streamed: its tags need all of it")
        following = Following(planned.plan, self._writer, partial(self._finished, request, planned))
        following.attach(self._submit(planned.asked, following.requests()))
        return following

    async def _finished(
        self, request: TextRequest, planned: Planned, group: Futures
    ) -> TextResponse | ServiceError:
        """The answer to a text whose first searches are settled, and the second ones made now."""
        first = Asked(request, planned, group)
        outcomes = await _each(self._answered, [first], in_thread=_is_much([request]))
        [outcome] = await self._rescued([first], outcomes)
        return outcome

    def _submit(
        self, parts: Sequence[Part], requests: Sequence[DecodeRequest]
    ) -> list[Future[DecodedSource]]:
        """Ask the engine for some parts, and again for what then lacks a term.

        Args:
            parts: That the engine is asked.
            requests: What it is asked for each.
        """
        futures = self._engine.submit_many(requests) if requests else []
        return [
            future if part.second is None else self._asked_again(part, part.second, future)
            for part, future in zip(parts, futures, strict=True)
        ]

    def _asked_again(
        self, part: Part, second: DecodeRequest, first: Future[DecodedSource]
    ) -> Future[DecodedSource]:
        return asked_again(
            first,
            partial(self._writer.lacks_term, part),
            lambda: self._engine.submit_many([second], again=True)[0],
        )

    def _planned(self, request: TextRequest) -> Planned | PlannedDocument | ServiceError:
        """The plan, or why there is none."""
        try:
            return self._plan(request) if request.markup is None else self._plan_document(request)
        except ServiceError as error:
            return error

    def _plan(self, request: TextRequest) -> Planned:
        begin = self._clock()
        options = self._resolve(request.options)
        plan = self._planner.plan(request, options)
        return Planned(plan, self._clock() - begin)

    def _plan_document(self, request: TextRequest) -> PlannedDocument:
        document = opened(request, self._text_limits, can_copy=self._can_copy)
        planned = PlannedDocument(
            document, [(text, self._plan(text)) for text in paragraphs(request, document)]
        )
        most = self._text_limits.max_sentences
        if len(planned.asked) > most:
            raise TooLarge(f"the text has {len(planned.asked)} sentences; the limit is {most}")
        return planned

    def _answered(self, first: Asked | ServiceError) -> TextResponse | ServiceError:
        """The answer to a text whose sentences are all settled, and the second searches too."""
        if isinstance(first, ServiceError):
            return first
        request, planned, group, later = first
        try:
            found = [Found(decoded) for decoded in answers(group)]
            decoded = answers([each.future for each in later])
            for each, more in zip(later, decoded, strict=True):
                found[each.position] = found[each.position].and_by(each.again, more)
        except ServiceError as error:
            return error
        if isinstance(planned, PlannedDocument):
            return self._write_document(request, planned, found)
        return self._writer.write(request, planned.plan, found, planned.seconds)

    def _write_document(
        self,
        request: TextRequest,
        planned: PlannedDocument,
        found: Sequence[Found],
    ) -> TextResponse:
        unclaimed = iter(found)
        return closed(
            request,
            planned.document,
            [
                self._writer.write(
                    text, each.plan, list(islice(unclaimed, len(each.asked))), each.seconds
                )
                for text, each in planned.paragraphs
            ],
        )


def _is_wanting(first: Asked | ServiceError, outcome: TextResponse | ServiceError) -> bool:
    """Whether there is a sentence for which a kind of `More` may have a further search."""
    if isinstance(first, ServiceError) or isinstance(outcome, ServiceError):
        return False
    parts = zip(first.planned.asked, outcome.sentences, strict=True)
    return any(sentence.problems or _has_few(part, sentence) for part, sentence in parts)


def _has_few(part: Part, sentence: Sentence) -> bool:
    """Whether hypotheses were left out of what was asked for: see `Judge`."""
    assert part.decode is not None, "the model was asked"
    return len(sentence.hypotheses) < part.decode.options.num_hypotheses


def _is_much(requests: Sequence[TextRequest]) -> bool:
    """Whether to plan and to write the texts takes long."""
    characters = sum(
        [len(request.text) * (request.options.num_hypotheses or 1) for request in requests]
    )
    return characters > _LARGE_CHARACTERS


async def _each(work: Callable[[S], T], items: Sequence[S], *, in_thread: bool) -> list[T]:
    """What `work` makes of each item, in order."""
    if in_thread:
        return await asyncio.to_thread(lambda: [work(item) for item in items])
    return [work(item) for item in items]
