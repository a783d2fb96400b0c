"""Jobs and the answers to their pieces, in SQLite.

    jobs     one row each: whose, what is asked, how it stands, the result or the error
    pieces   of jobs that are not finished: which lines of which text, and the answer if known

One process owns the file, and in it one thread this object.
"""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from service.errors import JobUnfinished, Overloaded, ServiceError, SettingsError, UnknownJob
from service.pipeline.pieces import Piece

_FILE = "jobs.sqlite3"
_VERSION = 1

# 192 bits: nobody guesses one.
_ID_BYTES = 24

# How often the process may end without a word while it works on a job: if the job is what it dies
# of, it would never do anything else again.
_MAX_CRASHES = 3

# A guess: jobs are finished, fetched and deleted in minutes.
_RETRY_AFTER_S = 60.0

_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    owner TEXT,
    kind TEXT NOT NULL,
    request BLOB NOT NULL,
    state TEXT NOT NULL,
    created_s REAL NOT NULL,
    finished_s REAL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    result BLOB,
    code TEXT,
    message TEXT,
    status INTEGER
) STRICT;
CREATE TABLE pieces (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    text INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    sentences INTEGER NOT NULL,
    answer BLOB,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
"""

# A deleted text is overwritten and its room given back; what was promised is on the disk.
_PRAGMAS = (
    "PRAGMA auto_vacuum = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


class State(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What the store holds at most.

    Attributes:
        jobs: In any state.
        stored_bytes: A new job is refused when the store would have more.
        age_s: Seconds that a finished job is kept.
    """

    jobs: int
    stored_bytes: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands.

    Attributes:
        id: Whoever knows it, and is the owner, may see the job.
        owner: Who submitted it; None when the service asks nobody who they are.
        kind: What it asks for, in the submitter's words.
        state: Running from the first piece on.
        created_s: Unix time.
        finished_s: Unix time; None before.
        total: Sentences.
        done: Those whose piece is answered.
        code: Of the error that it failed with.
        message: Of the same.
        status: Of the same, as HTTP has it.
    """

    id: str
    owner: str | None
    kind: str
    state: State
    created_s: float
    finished_s: float | None
    total: int
    done: int
    code: str | None
    message: str | None
    status: int | None


_JOBS = (
    "SELECT id, owner, kind, state, created_s, finished_s, total, done, code, message, status "
    "FROM jobs "
)


@dataclass(frozen=True, slots=True)
class JobPiece:
    """A piece of one of a job's texts.

    Attributes:
        number: Order in the job.
        text: Which text of the job.
        piece: Where in it.
    """

    number: int
    text: int
    piece: Piece


@dataclass(frozen=True, slots=True)
class Census:
    """How many jobs there are, by state, and when the oldest of the unfinished ones came."""

    states: dict[State, int]
    oldest_s: float | None


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
            self._database = _opened(directory)
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(f"jobs_dir is {directory}: {error}") from error

    def begin(self) -> None:
        """Take up what another process has left; jobs that it was not the first to die of fail."""
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

    def end(self) -> None:
        """Leave what is not finished to another process, in good order."""
        with self._writing() as write:
            write("UPDATE jobs SET state = ? WHERE state = ?", (State.QUEUED, State.RUNNING))

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

    def open_pieces(self, id_: str) -> list[JobPiece]:
        """What is not answered yet, in order; the job is running from now on."""
        with self._writing() as write:
            write("UPDATE jobs SET state = ? WHERE id = ?", (State.RUNNING, id_))
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

    def finish(self, id_: str, outcome: bytes | ServiceError) -> None:
        """Keep what a job came to, and forget its pieces."""
        error = outcome if isinstance(outcome, ServiceError) else None
        with self._writing() as write:
            write(
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
    def _writing(self) -> Iterator[Callable[[str, tuple[object, ...]], object]]:
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


def _opened(directory: Path | None) -> sqlite3.Connection:
    """The database, ready to be used, and nobody else's.

    Raises:
        OSError: The directory or the file cannot be made.
        sqlite3.Error: It is no such database, or another process has it.
        SettingsError: Another version made it.
    """
    place = ":memory:"
    if directory is not None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = directory / _FILE
        file.touch(mode=0o600)  # texts are for the service alone
        place = str(file)
    database = sqlite3.connect(place, timeout=0, isolation_level=None)
    for pragma in _PRAGMAS:
        database.execute(pragma)
    [version] = database.execute("PRAGMA user_version").fetchone()
    if version == 0:
        database.executescript(
            f"BEGIN EXCLUSIVE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT"
        )
    elif version != _VERSION:
        raise SettingsError(
            f"{place} has version {version} of the jobs' store; this service knows {_VERSION}: "
            "move it away, or take the service that made it"
        )
    database.execute("BEGIN EXCLUSIVE")
    database.execute("COMMIT")
    return database


def _job(row: Sequence[Any]) -> Job:
    id_, owner, kind, state, *rest = row
    return Job(id_, owner, kind, State(state), *rest)


def _piece(row: Sequence[int]) -> JobPiece:
    number, text, start, end, sentences = row
    return JobPiece(number, text, Piece(start, end, sentences))
