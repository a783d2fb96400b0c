"""One accepted source: its request and the promise of an answer."""

import math
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field

from service.domain import DecodedSource, DecodeRequest
from service.engine.plan import Candidate
from service.errors import DeadlineExceeded, ServiceError

# Orders the queue; no two tickets have the same.
Rank = tuple[float, int]


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A place in the queue and later in a batch; owned by one of them at a time.

    The future stays pending until the answer is there, because a `Future` that is marked as
    running can no longer be cancelled, and clients leave during decoding too.

    Attributes:
        number: Order of arrival.
        submitted_s: Instant of arrival on the engine's clock.
        turn_s: Instant that it is served by, when not all can be served at once.
    """

    number: int
    request: DecodeRequest
    submitted_s: float
    turn_s: float
    future: Future[DecodedSource] = field(default_factory=Future)

    @property
    def rank(self) -> Rank:
        """Orders the queue: turn, then arrival."""
        return self.turn_s, self.number

    @property
    def length(self) -> int:
        """Source tokens, the end mark included."""
        return len(self.request.source_ids)

    @property
    def candidate(self) -> Candidate:
        """What the plan knows of it."""
        return Candidate(self.length, self.request.options.beam_size)

    @property
    def deadline_s(self) -> float:
        """Instant from which nobody wants the answer; infinite without a deadline."""
        return math.inf if self.request.deadline_s is None else self.request.deadline_s

    def deadline_exceeded(self, now_s: float, where: str) -> DeadlineExceeded:
        """The error of a ticket that has expired; `where` says what it was doing."""
        return DeadlineExceeded(
            f"source was {where} after {now_s - self.submitted_s:.3f} s; "
            f"the limit was {self.deadline_s - self.submitted_s:.3f} s"
        )

    def answer(self, source: DecodedSource) -> bool:
        """Hand over the answer; False when the client has already left."""
        try:
            self.future.set_result(source)
        except InvalidStateError:
            return False
        return True

    def fail(self, error: ServiceError) -> bool:
        """Hand over the error; False when there is an answer, or nobody to tell."""
        try:
            self.future.set_exception(error)
        except InvalidStateError:
            return False
        return True
