"""Jobs and the answers to their pieces, in SQLite.

    jobs     one row each: whose, what is asked, how it stands, the result or the error
    pieces   of jobs that are not finished: which lines of which text, and the answer if known

One process owns the file, and in it one thread this object.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from service.errors import JobUnfinished, Overloaded, ServiceError, SettingsError, UnknownJob
from service.jobs.database import opened
from service.jobs.job import Census, Job, JobLimits, JobPiece, State
from service.pipeline.pieces import Piece

# 192 bits: nobody guesses one.
_ID_BYTES = 24

# How often the process may end without a word while it works on a job: if the job is what it dies
# of, it would never do anything else again.
_MAX_CRASHES = 3

# A guess: jobs are finished, fetched and deleted in minutes.
_RETRY_AFTER_S = 60.0

_JOBS = (
    "SELECT id, owner, kind, state, created_s, finished_s, total, done, code, message, status "
    "FROM jobs "
)


class JobStore:
    """What is kept of jobs.

    Args:
        directory: Where; made if it is not there. None keeps all in memory.
        limits: Of what is kept.
        clock: Unix time.

    Raises:
        SettingsError: The directory cannot be used, or another process uses it.
    """

    def __init__(
        self, directory: Path | None, limits: JobLimits, clock: Callable[[], float]
    ) -> None:
        self._limits = limits
        self._clock = clock
        try:
            self._database = opened(directory)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(f"jobs_dir is {directory}: {error}") from error

    @classmethod
    def take_up(cls, directory: Path, limits: JobLimits, clock: Callable[[], float]) -> int:
        """Take up what another process has left in a directory, and leave it in good order.

        Whoever starts a service hears here, before it serves, that nothing can be kept there.

        Returns:
            How many jobs failed; see `begin`.

        Raises:
            SettingsError: The directory cannot be used: another process does, or it is
                read-only or full.
        """
        with closing(cls(directory, limits, clock)) as store:
            try:
                failed = store.begin()
                store.end()
            except sqlite3.Error as error:
                raise SettingsError(f"jobs_dir is {directory}: {error}") from error
        return failed

    def begin(self) -> int:
        """Take up what another process has left; jobs that it was not the first to die of fail.

        Returns:
            How many these are.
        """
        with self._writing() as write:
            write("UPDATE jobs SET crashes = crashes + 1 WHERE state = ?", (State.RUNNING,))
        fatal = self._database.execute(
            "SELECT id FROM jobs WHERE state = ? AND crashes >= ?", (State.RUNNING, _MAX_CRASHES)
        ).fetchall()
        for (id_,) in fatal:
            self.finish(
                id_,
                ServiceError(f"the service ended {_MAX_CRASHES} times while it worked on this job"),
            )
        return len(fatal)

    def end(self) -> None:
        """Leave what is not finished to another process, in good order."""
        with self._writing() as write:
            write("UPDATE jobs SET state = ? WHERE state = ?", (State.QUEUED, State.RUNNING))
        self._empty_log()  # to close the file would try, and say nothing of a full disk

    def close(self) -> None:
        self._database.close()

    def submit(
        self,
        owner: str | None,
        kind: str,
        request: bytes,
        pieces: Sequence[JobPiece],
    ) -> Job:
        """Keep a new job.

        Raises:
            Overloaded: There is no room for it.
        """
        self.expire()
        self._refuse_if_full(len(request))
        id_ = secrets.token_urlsafe(_ID_BYTES)
        with self._writing() as write:
            write(
                "INSERT INTO jobs (id, number, owner, kind, request, state, created_s, total) "
                "SELECT ?, coalesce(max(number), 0) + 1, ?, ?, ?, ?, ?, ? FROM jobs",
                (
                    id_,
                    owner,
                    kind,
                    request,
                    State.QUEUED,
                    self._clock(),
                    sum(each.piece.sentences for each in pieces),
                ),
            )
            for each in pieces:
                piece = each.piece
                write(
                    'INSERT INTO pieces (job, number, text, start, "end", sentences) '
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (id_, each.number, each.text, piece.start, piece.end, piece.sentences),
                )
        return self.job(id_, owner)

    def job(self, id_: str, owner: str | None) -> Job:
        """A job of this owner.

        Raises:
            UnknownJob: There is none, or it is somebody else's, or its time is over.
        """
        self.expire()
        row = self._database.execute(_JOBS + "WHERE id = ? AND owner IS ?", (id_, owner)).fetchone()
        if row is None:
            raise UnknownJob("there is no such job, or no more; finished ones are deleted in time")
        return _job(row)

    def result(self, id_: str, owner: str | None) -> tuple[Job, bytes | None]:
        """A finished job and what it came to; None when it failed.

        Raises:
            UnknownJob: As `job`.
            JobUnfinished: It is still worked on, or not yet.
        """
        job = self.job(id_, owner)
        if job.finished_s is None:
            raise JobUnfinished(
                f"the job is {job.state}: {job.done} of {job.total} sentences are done"
            )
        return job, self._blob("SELECT result FROM jobs WHERE id = ?", id_)

    def request(self, id_: str) -> bytes:
        """What a job that there is asks for."""
        request = self._blob("SELECT request FROM jobs WHERE id = ?", id_)
        assert request is not None
        return request

    def delete(self, id_: str, owner: str | None) -> Job:
        """Forget a job, finished or not; gives how it stood.

        Raises:
            UnknownJob: As `job`.
        """
        job = self.job(id_, owner)
        self._forget("DELETE FROM jobs WHERE id = ?", id_)
        return job

    def next_job(self) -> Job | None:
        """The job to work on: the oldest that is not finished; None when all are."""
        row = self._database.execute(
            _JOBS + "WHERE finished_s IS NULL ORDER BY number LIMIT 1"
        ).fetchone()
        return None if row is None else _job(row)

    def open_pieces(self, id_: str, maker: str) -> list[JobPiece]:
        """What is not answered yet, in order; the job is running from now on.

        Args:
            id_: A job's that is not finished.
            maker: Who is going to answer. What somebody else has answered is forgotten: a text
                is of one piece.
        """
        with self._writing() as write:
            write(
                "UPDATE pieces SET answer = NULL WHERE job = "
                "(SELECT id FROM jobs WHERE id = ? AND maker IS NOT ?)",
                (id_, maker),
            )
            write(
                "UPDATE jobs SET state = ?, maker = ?, done = (SELECT coalesce(sum(sentences), 0) "
                "FROM pieces WHERE job = jobs.id AND answer IS NOT NULL) WHERE id = ?",
                (State.RUNNING, maker, id_),
            )
        rows = self._database.execute(
            'SELECT number, text, start, "end", sentences FROM pieces '
            "WHERE job = ? AND answer IS NULL ORDER BY number",
            (id_,),
        )
        return [_piece(row) for row in rows]

    def put_answer(self, id_: str, piece: JobPiece, answer: bytes) -> None:
        """Keep the answer to a piece; nothing happens when the job was deleted meanwhile."""
        with self._writing() as write:
            write(
                "UPDATE pieces SET answer = ? WHERE job = ? AND number = ?",
                (answer, id_, piece.number),
            )
            write("UPDATE jobs SET done = done + ? WHERE id = ?", (piece.piece.sentences, id_))

    def answers(self, id_: str) -> list[tuple[JobPiece, bytes]]:
        """Every piece with its answer, in order, once all are answered."""
        rows = self._database.execute(
            'SELECT number, text, start, "end", sentences, answer FROM pieces '
            "WHERE job = ? ORDER BY number",
            (id_,),
        )
        return [(_piece(row[:-1]), row[-1]) for row in rows]

    def finish(self, id_: str, outcome: bytes | ServiceError) -> bool:
        """Keep what a job came to, and forget its pieces.

        Returns:
            Whether there still is such a job: it may have been deleted meanwhile.
        """
        error = outcome if isinstance(outcome, ServiceError) else None
        with self._writing() as write:
            updated = write(
                "UPDATE jobs SET state = ?, finished_s = ?, result = ?, code = ?, message = ?, "
                "status = ? WHERE id = ?",
                (
                    State.DONE if error is None else State.FAILED,
                    self._clock(),
                    outcome if error is None else None,
                    error and error.code,
                    error and str(error),
                    error and error.http_status,
                    id_,
                ),
            )
            write("DELETE FROM pieces WHERE job = ?", (id_,))
        return updated.rowcount == 1

    def expire(self) -> None:
        """Forget the jobs that were finished too long ago."""
        self._forget("DELETE FROM jobs WHERE finished_s < ?", self._clock() - self._limits.age_s)

    def census(self) -> Census:
        """What there is."""
        counts = dict.fromkeys(State, 0)
        for state, count in self._database.execute(
            "SELECT state, count(*) FROM jobs GROUP BY state"
        ):
            counts[State(state)] = count
        [oldest_s] = self._database.execute(
            "SELECT min(created_s) FROM jobs WHERE finished_s IS NULL"
        ).fetchone()
        return Census(counts, oldest_s)

    def _forget(self, query: str, which: str | float) -> None:
        """Delete jobs and, with them, what the log of the file still holds of their texts."""
        if self._database.execute(query, (which,)).rowcount:
            self._empty_log()

    def _empty_log(self) -> None:
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _refuse_if_full(self, more_bytes: int) -> None:
        [jobs] = self._database.execute("SELECT count(*) FROM jobs").fetchone()
        if jobs >= self._limits.jobs:
            raise Overloaded(
                f"{jobs} jobs are kept; the limit is {self._limits.jobs}", _RETRY_AFTER_S
            )
        [pages] = self._database.execute("PRAGMA page_count").fetchone()
        [page_bytes] = self._database.execute("PRAGMA page_size").fetchone()
        stored = pages * page_bytes
        if stored + more_bytes > self._limits.stored_bytes:
            raise Overloaded(
                f"the jobs that are kept take {stored} bytes, this one {more_bytes}; "
                f"the limit is {self._limits.stored_bytes}",
                _RETRY_AFTER_S,
            )

    @contextmanager
    def _writing(self) -> Iterator[Callable[[str, tuple[object, ...]], sqlite3.Cursor]]:
        """One transaction."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database.execute
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _blob(self, query: str, id_: str) -> bytes | None:
        [value] = self._database.execute(query, (id_,)).fetchone()
        assert value is None or isinstance(value, bytes)
        return value


def _job(row: Sequence[Any]) -> Job:
    id_, owner, kind, state, *rest = row
    return Job(id_, owner, kind, State(state), *rest)


def _piece(row: Sequence[int]) -> JobPiece:
    number, text, start, end, sentences = row
    return JobPiece(number, text, Piece(start, end, sentences))
