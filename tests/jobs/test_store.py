"""What is kept of jobs: bounded, each owner's own, and the same after the process was killed."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.errors import DecodingFailed, JobUnfinished, Overloaded, SettingsError, UnknownJob
from service.jobs.job import Census, Job, JobLimits, JobPiece, State
from service.jobs.store import JobStore
from service.pipeline.pieces import Piece
from tests.fakes import HandClock

LIMITS = JobLimits(jobs=3, stored_bytes=10_000_000, age_s=60)
PIECES = [JobPiece(0, 0, Piece(0, 10, 2)), JobPiece(1, 0, Piece(10, 30, 3))]


@contextmanager
def opened(
    directory: Path | None = None, limits: JobLimits = LIMITS, clock: HandClock | None = None
) -> Iterator[JobStore]:
    store = JobStore(directory, limits, clock or HandClock())
    try:
        yield store
    finally:
        store.close()


def submit(store: JobStore, owner: str | None = None, request: bytes = b"{}") -> Job:
    return store.submit(owner, "translate", request, PIECES)


def do(store: JobStore, job: Job, result: bytes = b"result") -> None:
    for piece in store.open_pieces(job.id, "a"):
        store.put_answer(job.id, piece, b"answer %d" % piece.number)
    store.finish(job.id, result)


def test_a_job_from_submission_to_result() -> None:
    clock = HandClock()
    with opened(clock=clock) as store:
        job = submit(store, "ann", b"what")
        assert (job.state, job.done, job.total, job.owner) == (State.QUEUED, 0, 5, "ann")
        assert store.request(job.id) == b"what"
        assert store.next_job() == job

        assert store.open_pieces(job.id, "a") == PIECES
        store.put_answer(job.id, PIECES[1], b"second")
        job = store.job(job.id, "ann")
        assert (job.state, job.done) == (State.RUNNING, 3)
        with pytest.raises(JobUnfinished, match="running: 3 of 5 sentences"):
            store.result(job.id, "ann")
        assert store.open_pieces(job.id, "a") == PIECES[:1]

        store.put_answer(job.id, PIECES[0], b"first")
        assert store.answers(job.id) == [(PIECES[0], b"first"), (PIECES[1], b"second")]
        clock.now_s += 7
        store.finish(job.id, b"whole")
        job, result = store.result(job.id, "ann")
        assert (job.state, job.done, result) == (State.DONE, 5, b"whole")
        assert job.finished_s == job.created_s + 7
        assert store.next_job() is None
        assert store.answers(job.id) == []


def test_what_another_model_answered_is_asked_again() -> None:
    with opened() as store:
        job = submit(store)
        store.open_pieces(job.id, "a")
        store.put_answer(job.id, PIECES[1], b"of a")
        assert store.open_pieces(job.id, "a") == PIECES[:1]
        assert store.job(job.id, None).done == 3
        assert store.open_pieces(job.id, "b") == PIECES
        assert store.job(job.id, None).done == 0


def test_a_failure_is_kept() -> None:
    with opened() as store:
        job = submit(store)
        store.finish(job.id, DecodingFailed("the model failed"))
        job, result = store.result(job.id, None)
        assert result is None
        assert (job.state, job.code, job.message, job.status) == (
            State.FAILED,
            "decoding_failed",
            "the model failed",
            500,
        )


def test_jobs_are_worked_on_in_the_order_they_came() -> None:
    with opened() as store:
        first, second = submit(store), submit(store)
        assert store.next_job() == first
        do(store, first)
        assert store.next_job() == second
        assert len({first.id, second.id}) == 2
        assert len(first.id) >= 32


@pytest.mark.parametrize(("owner", "other"), [("ann", "bob"), ("ann", None), (None, "ann")])
def test_a_job_is_its_owners(owner: str | None, other: str | None) -> None:
    with opened() as store:
        job = submit(store, owner)
        for ask in (store.job, store.result, store.delete):
            with pytest.raises(UnknownJob):
                ask(job.id, other)
        assert store.job(job.id, owner) == job


class TestBounds:
    def test_the_number_of_jobs(self) -> None:
        with opened() as store:
            jobs = [submit(store) for _ in range(3)]
            with pytest.raises(Overloaded, match="3 jobs are kept; the limit is 3"):
                submit(store)
            store.delete(jobs[0].id, None)
            submit(store)

    def test_what_they_take(self) -> None:
        with opened(limits=JobLimits(100, 200_000, 60)) as store:
            big = submit(store, request=b"x" * 120_000)
            with pytest.raises(Overloaded, match="this one 120000; the limit is 200000"):
                submit(store, request=b"x" * 120_000)
            store.delete(big.id, None)
            submit(store, request=b"x" * 120_000)

    def test_the_age_of_finished_ones(self) -> None:
        clock = HandClock()
        with opened(clock=clock) as store:
            finished, waiting = submit(store), submit(store)
            do(store, finished)
            clock.now_s += 60
            assert store.job(finished.id, None).state is State.DONE
            clock.now_s += 1
            with pytest.raises(UnknownJob):
                store.job(finished.id, None)
            assert store.job(waiting.id, None) == waiting

    def test_a_deleted_text_is_not_in_the_file(self, tmp_path: Path) -> None:
        with opened(tmp_path) as store:
            job = submit(store, request=b"Tante Hedwig" * 1000)
            assert any(b"Tante Hedwig" in file.read_bytes() for file in tmp_path.iterdir())
            store.delete(job.id, None)
            assert not any(b"Tante Hedwig" in file.read_bytes() for file in tmp_path.iterdir())


def test_the_census() -> None:
    clock = HandClock()
    with opened(clock=clock) as store:
        assert store.census() == Census(dict.fromkeys(State, 0), None)
        first = submit(store)
        clock.now_s += 5
        second = submit(store)
        store.open_pieces(second.id, "a")
        third = submit(store)
        store.finish(third.id, DecodingFailed("no"))
        counts = {State.QUEUED: 1, State.RUNNING: 1, State.FAILED: 1, State.DONE: 0}
        assert store.census() == Census(counts, first.created_s)


class TestFile:
    def test_everything_is_there_after_a_kill(self, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        with opened(tmp_path) as store:
            job = submit(store, "ann", b"what")
            store.open_pieces(job.id, "a")
            store.put_answer(job.id, PIECES[0], b"first")
            # A kill closes nothing: the file and its log are all that is left.
            for file in tmp_path.glob("jobs.sqlite3*"):
                (copy / file.name).write_bytes(file.read_bytes())
        with opened(copy) as store:
            store.begin()
            job = store.job(job.id, "ann")
            assert (job.state, job.done) == (State.RUNNING, 2)
            assert store.next_job() == job
            assert store.request(job.id) == b"what"
            assert store.open_pieces(job.id, "a") == PIECES[1:]

    def test_a_job_that_the_process_dies_of_is_given_up(self) -> None:
        with opened() as store:
            fatal, innocent = submit(store), submit(store)
            for _ in range(2):
                store.open_pieces(fatal.id, "a")
                assert store.begin() == 0  # without a word from the process before
                assert store.next_job() == store.job(fatal.id, None)
            assert store.begin() == 1
            fatal = store.job(fatal.id, None)
            assert (fatal.state, fatal.code) == (State.FAILED, "internal")
            assert fatal.message == "the service ended 3 times while it worked on this job"
            assert store.next_job() == innocent

    def test_to_be_stopped_is_not_to_die(self, tmp_path: Path) -> None:
        with opened(tmp_path) as store:
            job = submit(store)
        for _ in range(4):
            with opened(tmp_path) as store:
                store.begin()
                assert store.job(job.id, None).state is State.QUEUED
                store.open_pieces(job.id, "a")
                store.end()

    def test_taken_up_it_is_in_good_order(self, tmp_path: Path) -> None:
        with opened(tmp_path) as store:
            fatal, innocent = submit(store), submit(store)
        for taken in range(3):
            with opened(tmp_path) as store:
                store.open_pieces(fatal.id, "a")  # and no word more
            assert JobStore.take_up(tmp_path, LIMITS, HandClock()) == taken // 2
        with opened(tmp_path) as store:
            assert store.job(fatal.id, None).state is State.FAILED
            assert store.next_job() == innocent

    def test_a_disk_that_is_full_after_opening_it_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(store: JobStore) -> int:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(JobStore, "begin", full)
        with pytest.raises(SettingsError, match=f"jobs_dir is {tmp_path}: database or disk is"):
            JobStore.take_up(tmp_path, LIMITS, HandClock())

    def test_it_is_for_one_process(self, tmp_path: Path) -> None:
        with opened(tmp_path), pytest.raises(SettingsError, match="locked"), opened(tmp_path):
            pass

    def test_it_is_for_the_service_alone(self, tmp_path: Path) -> None:
        with opened(tmp_path / "new") as store:
            submit(store)
            modes = [file.stat().st_mode & 0o777 for file in (tmp_path / "new").iterdir()]
            assert set(modes) == {0o600}

    def test_another_version_is_refused(self, tmp_path: Path) -> None:
        with opened(tmp_path):
            pass
        database = sqlite3.connect(tmp_path / "jobs.sqlite3")
        database.execute("PRAGMA user_version = 9")
        database.close()
        with pytest.raises(SettingsError, match="version 9"), opened(tmp_path):
            pass

    def test_what_is_no_directory_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(SettingsError, match="jobs_dir"), opened(tmp_path / "file"):
            pass
