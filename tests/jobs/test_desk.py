"""Jobs are worked off in order, piece by piece, and what is answered is never asked again."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.errors import (
    DecodingFailed,
    EngineDead,
    Overloaded,
    ServiceError,
    Unavailable,
    UnknownJob,
    UnknownModel,
)
from service.jobs.desk import JobDesk
from service.jobs.job import Job, JobLimits, JobPiece, Outcome, State
from service.jobs.store import JobStore
from service.pipeline.pieces import Piece
from tests.fakes import HandClock

PATIENCE_S = 20
PIECES = [JobPiece(number, 0, Piece(number, number + 1, 1)) for number in range(10)]


@dataclass
class FakeCraft:
    """Answers with numbers, after `before` has had its say.

    Attributes:
        asked: Pieces, as they were asked for.
    """

    before: Callable[[JobPiece], Awaitable[None]] | None = None
    refusal: Exception | None = None
    maker: str = "a"
    asked: list[int] = field(default_factory=list)

    async def open(self, kind: str, request: bytes) -> "FakeCraft":
        assert kind == "count"
        if self.refusal is not None:
            raise self.refusal
        return self

    async def answer(self, piece: JobPiece) -> bytes:
        self.asked.append(piece.number)
        if self.before is not None:
            await self.before(piece)
        return b"%d" % piece.number

    def result(self, answers: Sequence[tuple[JobPiece, bytes]]) -> bytes:
        return b" ".join(answer for _, answer in answers)


class FailingStore(JobStore):
    """A store on a disk that is full for so many writes."""

    failures = 0

    def submit(self, *args: Any) -> Job:
        self._fail()
        return super().submit(*args)

    def put_answer(self, *args: Any) -> None:
        self._fail()
        super().put_answer(*args)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise sqlite3.OperationalError("database or disk is full")


@asynccontextmanager
async def working(
    craft: FakeCraft,
    directory: Path | None = None,
    pauses: list[float] | None = None,
    store: type[JobStore] = JobStore,
    finished: Callable[[Outcome], None] = lambda _: None,
) -> Any:
    """A desk that works; pauses are noted and over at once."""

    async def pause(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    limits = JobLimits(jobs=100, stored_bytes=10_000_000, age_s=60)
    desk = JobDesk(partial(store, directory, limits, HandClock()), craft, finished, pause)
    await desk.start()
    try:
        yield desk
    finally:
        await desk.stop()


async def submit(desk: JobDesk) -> Job:
    return await desk.submit(None, "count", b"{}", PIECES)


async def outcome(desk: JobDesk, job: Job) -> tuple[Job, bytes | None]:
    """What the job comes to; every look gives it a turn of the event loop."""
    async with asyncio.timeout(PATIENCE_S):
        while (await desk.job(job.id, None)).finished_s is None:
            pass
    result: tuple[Job, bytes | None] = await desk.result(job.id, None)
    return result


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


def test_a_job_comes_to_what_its_pieces_come_to() -> None:
    async def scene() -> None:
        craft = FakeCraft()
        async with working(craft) as desk:
            first, second = await submit(desk), await submit(desk)
            job, result = await outcome(desk, second)
            assert (job.state, job.done, result) == (State.DONE, 10, b"0 1 2 3 4 5 6 7 8 9")
            assert (await desk.job(first.id, None)).state is State.DONE
            assert sorted(craft.asked[:10]) == list(range(10)), "one job after the other"
            assert desk.census.states[State.DONE] == 2

    play(scene)


def test_what_jobs_come_to_is_told() -> None:
    async def scene() -> None:
        held = asyncio.Event()

        async def hold(piece: JobPiece) -> None:
            held.set()
            await asyncio.Event().wait()

        told: list[Outcome] = []
        craft = FakeCraft()
        async with working(craft, finished=told.append) as desk:
            done = await submit(desk)
            await outcome(desk, done)
            await desk.delete(done.id, None)  # finished by then
            craft.refusal = UnknownModel("gone")
            failed = await submit(desk)
            while len(told) < 2:
                await desk.job(failed.id, None)
            craft.refusal, craft.before = None, hold
            running, queued = await submit(desk), await submit(desk)
            await held.wait()
            await desk.delete(queued.id, None)
            await desk.delete(running.id, None)
        assert told == [Outcome.DONE, Outcome.FAILED, Outcome.CANCELLED, Outcome.CANCELLED]

    play(scene)


def test_a_disk_that_is_full_in_the_end_stops_nobody(tmp_path: Path) -> None:
    class FullInTheEnd(JobStore):
        def end(self) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    async def scene() -> None:
        async with working(FakeCraft(), tmp_path, store=FullInTheEnd):
            pass
        async with working(FakeCraft(), tmp_path):
            pass  # the file is nobody's any more

    play(scene)


def test_what_is_answered_is_not_asked_again_after_a_restart(tmp_path: Path) -> None:
    async def scene() -> None:
        held = asyncio.Event()

        async def hold(piece: JobPiece) -> None:
            if piece.number >= 6:
                held.set()
                await asyncio.Event().wait()

        interrupted, resumed = FakeCraft(hold), FakeCraft()
        async with working(interrupted, tmp_path) as desk:
            job = await submit(desk)
            await held.wait()
            while (await desk.job(job.id, None)).done < 6:
                pass
        async with working(resumed, tmp_path) as desk:
            _, result = await outcome(desk, job)
            assert result == b"0 1 2 3 4 5 6 7 8 9"
        assert sorted(resumed.asked) == [6, 7, 8, 9]

    play(scene)


@pytest.mark.parametrize(
    ("refusal", "pause_s"), [(Overloaded("full", 2.5), 2.5), (EngineDead("dead"), 5.0)]
)
def test_an_engine_without_room_is_asked_again_later(refusal: ServiceError, pause_s: float) -> None:
    async def scene() -> None:
        refusals = [refusal, refusal]

        async def refuse(piece: JobPiece) -> None:
            if refusals:
                raise refusals.pop()

        pauses: list[float] = []
        async with working(FakeCraft(refuse), pauses=pauses) as desk:
            _, result = await outcome(desk, await submit(desk))
            assert result == b"0 1 2 3 4 5 6 7 8 9"
        assert pauses == [pause_s, pause_s]

    play(scene)


class TestFailures:
    def test_of_the_store(self) -> None:
        async def scene() -> None:
            pauses: list[float] = []
            async with working(FakeCraft(), pauses=pauses, store=FailingStore) as desk:
                FailingStore.failures = 1
                with pytest.raises(Unavailable):
                    await submit(desk)
                job = await submit(desk)
                FailingStore.failures = 1
                _, result = await outcome(desk, job)
                assert result == b"0 1 2 3 4 5 6 7 8 9"

        play(scene)

    def test_of_a_piece(self) -> None:
        async def fail(piece: JobPiece) -> None:
            if piece.number == 3:
                raise DecodingFailed("the model failed")

        async def scene() -> None:
            async with working(FakeCraft(fail)) as desk:
                job, result = await outcome(desk, await submit(desk))
                assert result is None
                assert (job.state, job.code, job.message) == (
                    State.FAILED,
                    "decoding_failed",
                    "the model failed",
                )
                assert desk.census.states[State.FAILED] == 1

        play(scene)

    @pytest.mark.parametrize(
        ("error", "code"),
        [(UnknownModel("it was removed"), "unknown_model"), (KeyError("a bug"), "internal")],
    )
    def test_before_the_first_piece(self, error: Exception, code: str) -> None:
        async def scene() -> None:
            async with working(FakeCraft(refusal=error)) as desk:
                job, _ = await outcome(desk, await submit(desk))
                assert job.code == code
                assert "a bug" not in (job.message or "")

        play(scene)


def test_to_delete_a_job_takes_its_work_back_and_goes_on_with_the_next() -> None:
    async def scene() -> None:
        held, left = asyncio.Event(), asyncio.Event()

        async def hold(piece: JobPiece) -> None:
            if not left.is_set():
                held.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    left.set()

        async with working(FakeCraft(hold)) as desk:
            first, second = await submit(desk), await submit(desk)
            await held.wait()
            deleted = await desk.delete(first.id, None)
            assert deleted.state is State.RUNNING
            await asyncio.wait_for(left.wait(), PATIENCE_S)
            with pytest.raises(UnknownJob):
                await desk.job(first.id, None)
            _, result = await outcome(desk, second)
            assert result == b"0 1 2 3 4 5 6 7 8 9"

    play(scene)
