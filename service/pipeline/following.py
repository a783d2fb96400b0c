"""A text whose answer is read while it is made."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

from service.domain import DecodedSource, DecodeRequest
from service.errors import ServiceError
from service.pipeline.plan import Part, Plan
from service.pipeline.response import TextResponse
from service.pipeline.settling import Futures, cancel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """More of an answer.

    Attributes:
        delta: What follows all that was given before; may be empty.
        settled: Sentences, from the first one on, whose first search is done.
        total: Sentences that go to the model.
    """

    delta: str
    settled: int
    total: int


class Wording(Protocol):
    """How sentences read; `service.pipeline.answer.Writer`."""

    def sentence(self, part: Part, decoded: DecodedSource) -> str: ...

    def beginning(self, token_ids: Sequence[int]) -> str: ...


class Following:
    """The answer to one text, as far as it is certain. Owned by one event loop.

    All deltas together are what the first searches give: nothing is taken back. The answer
    differs from them in the sentences that a second search rescues. Who reads slowly gets fewer
    and longer deltas; nothing is queued.

    Args:
        plan: Of the text.
        wording: Says how sentences read.
        finish: Comes to the whole answer, from futures that are all settled.
    """

    def __init__(
        self,
        plan: Plan,
        wording: Wording,
        finish: Callable[[Futures], Awaitable[TextResponse | ServiceError]],
    ) -> None:
        self._asked = [part for part in plan.parts if part.decode is not None]
        self._parts = [*plan.parts, Part(plan.trailing, "", 0, is_part=False, decode=None)]
        self._wording = wording
        self._finish = finish
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._futures: Futures = ()
        self._left = len(self._asked)
        # Of each sentence: tokens that it begins with, and how it reads once it is settled.
        self._agreed: list[tuple[int, ...]] = [()] * self._left
        self._read: list[str | None] = [None] * self._left
        self._settled = 0  # in a row
        self._place = 0  # the part that is being given
        self._given = 0  # characters of it
        if self._left == 0:
            self._changed.set()

    @property
    def is_over(self) -> bool:
        """Every sentence is settled, or there will be no answer."""
        return self._left == 0

    def requests(self) -> list[DecodeRequest]:
        """What the model is asked, in a way that is heard of here.

        Which hypothesis a sentence with marks is answered with, and where in it what was lost is
        put, is known in the end. What is to be in capitals is put in them as a whole.
        """
        return [
            part.decode
            if part.stretches or part.is_in_capitals
            else replace(part.decode, on_agreed=partial(self._hear, self._agree, number))
            for number, part in enumerate(self._asked)
            if part.decode is not None
        ]

    def attach(self, futures: Sequence[Future[DecodedSource]]) -> None:
        """Wait for these, one for each of `requests`."""
        self._futures = futures
        for number, future in enumerate(futures):
            future.add_done_callback(partial(self._hear, self._settle, number))

    async def changed(self, patience_s: float) -> bool:
        """Wait until there is more to take or all is over; False when it took too long."""
        try:
            async with asyncio.timeout(patience_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def take(self) -> Progress:
        """What has become certain since the last time."""
        delta, number = "", self._settled
        while self._place < len(self._parts):
            part = self._parts[self._place]
            read = part.text if part.decode is None else self._read[number]
            certain = self._wording.beginning(self._agreed[number]) if read is None else read
            delta += (part.before + certain)[self._given :]
            if read is None:
                self._given = len(part.before + certain)
                break
            number += part.decode is not None
            self._place, self._given = self._place + 1, 0
        self._settled = number
        return Progress(delta, settled=number, total=len(self._read))

    async def answer(self) -> TextResponse:
        """The whole answer, as it is for who does not follow; once all `is_over`.

        Raises:
            ServiceError: Why there is none.
        """
        answer = await self._finish(self._futures)
        if isinstance(answer, ServiceError):
            raise answer
        return answer

    def close(self) -> None:
        """Take back what is not answered yet: places in the queue and rows are freed."""
        # Futures keep their callbacks, and with them this object: no circle may be left.
        futures, self._futures = self._futures, ()
        cancel(futures)

    def _hear(self, note: Callable[[int, T], None], number: int, news: T) -> None:
        """Runs in the thread that decodes or cancels."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(note, number, news)

    def _agree(self, number: int, token_ids: tuple[int, ...]) -> None:
        self._agreed[number] = token_ids
        self._tell(number)

    def _settle(self, number: int, future: Future[DecodedSource]) -> None:
        self._left -= 1
        if future.cancelled() or future.exception() is not None:
            cancel(self._futures)  # the sentences are wanted together or not at all
        else:
            self._read[number] = self._wording.sentence(self._asked[number], future.result())
            self._tell(number)
        if self._left == 0:
            self._changed.set()

    def _tell(self, number: int) -> None:
        if number == self._settled:
            self._changed.set()
