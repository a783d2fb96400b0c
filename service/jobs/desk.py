"""Where jobs are handed in and worked off, piece by piece, in the order they came."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from service.errors import Overloaded, ServiceError, Unavailable
from service.jobs.job import Census, Job, JobPiece, Outcome
from service.jobs.store import JobStore

P = ParamSpec("P")
T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)

# Pieces that are in the engine at the same time: enough to fill its batches, few enough to lose
# little when the process is killed.
_AT_ONCE = 4

# How often finished jobs are looked through for those to delete, when nothing else happens.
_EXPIRE_EVERY_S = 60.0

# After the disk was full, say.
_PATIENCE_S = 5.0


class OpenJob(Protocol):
    """A job that is worked on.

    Attributes:
        maker: Who answers: the same one gives the same answers.
    """

    @property
    def maker(self) -> str: ...

    async def answer(self, piece: JobPiece) -> bytes:
        """What a piece comes to.

        Raises:
            ServiceError: Nothing; `Overloaded` and `Unavailable` are tried again.
        """

    def result(self, answers: Sequence[tuple[JobPiece, bytes]]) -> bytes:
        """What all pieces come to; called in a thread of its own."""


class Craft(Protocol):
    """Knows what jobs ask for."""

    async def open(self, kind: str, request: bytes) -> OpenJob:
        """Begin to work on a job.

        Raises:
            ServiceError: It cannot be done, or not any more: the models may have changed.
        """


class JobDesk:
    """Takes jobs, works them off and gives out what they came to. Owned by one event loop.

    Args:
        open_store: Makes the store; what is asked of it, it is asked in one thread.
        craft: Knows what jobs ask for.
        finished: Told what each job came to.
        pause: Waits for so many seconds.

    Attributes:
        census: What there is.
    """

    def __init__(
        self,
        open_store: Callable[[], JobStore],
        craft: Craft,
        finished: Callable[[Outcome], None],
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._open_store = open_store
        self._craft = craft
        self._finished = finished
        self._pause = pause
        self.census = Census({}, None)

    async def start(self) -> None:
        """Open the store and go on with what is in it, which `JobStore.take_up` has seen to."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jobs")
        self._news = asyncio.Event()
        self._at_hand: tuple[str, asyncio.Task[None]] | None = None
        loop = asyncio.get_running_loop()
        self._store = await loop.run_in_executor(self._thread, self._open_store)
        await self._count()
        self._runner = loop.create_task(self._run())

    async def stop(self) -> None:
        """Leave the work as it is: what is not answered will be begun again."""
        self._runner.cancel()
        await asyncio.wait([self._runner])
        try:
            await self._ask(self._store.end)
        except sqlite3.Error as error:  # the next start finds it as after a crash
            _LOGGER.error("the jobs' store failed", exc_info=error)
        await self._ask(self._store.close)
        self._thread.shutdown()

    async def submit(
        self, owner: str | None, kind: str, request: bytes, pieces: Sequence[JobPiece]
    ) -> Job:
        """Take a job; see `JobStore.submit`."""
        job = await self._served(self._store.submit, owner, kind, request, pieces)
        await self._count()
        self._news.set()
        return job

    async def job(self, id_: str, owner: str | None) -> Job:
        """See `JobStore.job`."""
        return await self._served(self._store.job, id_, owner)

    async def result(self, id_: str, owner: str | None) -> tuple[Job, bytes | None]:
        """See `JobStore.result`."""
        return await self._served(self._store.result, id_, owner)

    async def delete(self, id_: str, owner: str | None) -> Job:
        """See `JobStore.delete`; what is being decoded for it is taken back."""
        job = await self._served(self._store.delete, id_, owner)
        if self._at_hand is not None and self._at_hand[0] == id_:
            self._at_hand[1].cancel()
        if job.finished_s is None:
            self._finished(Outcome.CANCELLED)
        await self._count()
        return job

    async def _run(self) -> None:
        """Work on one job after the other, for ever."""
        while True:
            self._news.clear()
            try:
                job = await self._ask(self._store.next_job)
                if job is None:
                    await self._wait_for_news()
                    continue
                await self._work_on(job)
            except sqlite3.Error as error:
                _LOGGER.error("the jobs' store failed", exc_info=error)
                await self._pause(_PATIENCE_S)

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(_EXPIRE_EVERY_S):
                await self._news.wait()
        except TimeoutError:
            await self._ask(self._store.expire)
            await self._count()

    async def _work_on(self, job: Job) -> None:
        """Bring a job to its end, unless it is deleted meanwhile."""
        work = asyncio.create_task(self._finish(job))
        self._at_hand = job.id, work
        try:
            await asyncio.wait([work])
        finally:
            self._at_hand = None
            work.cancel()
            await asyncio.wait([work])
        if not work.cancelled():
            work.result()

    async def _finish(self, job: Job) -> None:
        outcome: bytes | ServiceError
        try:
            outcome = await self._outcome(job)
        except sqlite3.Error:
            raise  # the job is as it was
        except ServiceError as error:
            outcome = error
        except Exception as error:
            _LOGGER.error("a job failed", exc_info=error)
            outcome = ServiceError("the server failed on this job; the log has the details")
        if await self._ask(self._store.finish, job.id, outcome):
            failed = isinstance(outcome, ServiceError)
            self._finished(Outcome.FAILED if failed else Outcome.DONE)
        await self._count()

    async def _outcome(self, job: Job) -> bytes:
        opened = await self._craft.open(job.kind, await self._ask(self._store.request, job.id))
        pieces = iter(await self._ask(self._store.open_pieces, job.id, opened.maker))
        await self._count()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(self._answer(job, opened, pieces))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        answers = await self._ask(self._store.answers, job.id)
        return await asyncio.to_thread(opened.result, answers)

    async def _answer(self, job: Job, opened: OpenJob, pieces: Iterator[JobPiece]) -> None:
        for piece in pieces:
            answer = None
            while answer is None:
                try:
                    answer = await opened.answer(piece)
                except (Overloaded, Unavailable) as error:
                    # Interactive requests go first; a job has time.
                    await self._pause(error.retry_after_s or _PATIENCE_S)
            await self._ask(self._store.put_answer, job.id, piece, answer)

    async def _served(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the store for a client.

        Raises:
            Unavailable: It cannot be read or written.
        """
        try:
            return await self._ask(question, *args, **kwargs)
        except sqlite3.Error as error:
            _LOGGER.error("the jobs' store failed", exc_info=error)
            raise Unavailable("the jobs' store cannot be read or written now") from error

    async def _count(self) -> None:
        self.census = await self._ask(self._store.census)

    async def _ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(question, *args, **kwargs))
