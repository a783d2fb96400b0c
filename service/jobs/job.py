"""Jobs, as they stand."""

from dataclasses import dataclass
from enum import StrEnum

from service.pipeline.pieces import Piece


class State(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Outcome(StrEnum):
    """What a job came to."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"  # deleted before it was finished


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
