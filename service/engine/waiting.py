"""The bounded queue: the one place where submitting threads and workers meet."""

import math
import threading
from bisect import insort
from collections.abc import Sequence
from enum import Enum

from service.engine.limits import EngineLimits
from service.engine.observer import EngineObserver
from service.engine.plan import BatchShape, Budget, fair_share, plan_admission
from service.engine.ticket import Ticket

# Tickets a plan looks at: enough to find some that fit together, few enough to cost nothing.
_LOOKAHEAD = 128

# Rounds of admission that may pass the oldest ticket before the door is held for it.
MAX_PASSES = 4


class Phase(Enum):
    """What the queue lets through."""

    OPEN = "open"  # in and out
    DRAINING = "draining"  # out only
    CLOSED = "closed"  # nothing; what is decoded is given up
    DEAD = "dead"  # the same, because a worker died


class Full(Exception):
    """The tickets do not fit; none was taken."""

    def __init__(self, items: int, tokens: int) -> None:
        super().__init__(items, tokens)
        self.items = items
        self.tokens = tokens


class NotOpen(Exception):
    """The queue takes nothing any more."""

    def __init__(self, phase: Phase) -> None:
        super().__init__(phase)
        self.phase = phase


class WaitingRoom:
    """Tickets in order of priority and arrival, behind one lock.

    It resolves no future: callbacks of futures are other people's code, and would run
    with the lock held.

    Args:
        limits: Bounds of the queue and of the batches it feeds.
        observer: Told the depth whenever it changes.
    """

    def __init__(self, limits: EngineLimits, observer: EngineObserver) -> None:
        self._limits = limits
        self._observer = observer
        self._changed = threading.Condition()
        self._phase = Phase.OPEN
        self._tickets: list[Ticket] = []  # by rank
        self._tokens = 0
        self._no_deadline_before_s = math.inf
        self._loads = [0] * limits.workers  # sources each worker decodes
        self._working = 0  # worker threads that have not returned
        self._oldest: Ticket | None = None
        self._passes = 0  # rounds of admission that passed `_oldest`

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def items(self) -> int:
        return len(self._tickets)

    @property
    def tokens(self) -> int:
        return self._tokens

    def put(self, tickets: Sequence[Ticket]) -> None:
        """Take all the tickets or none.

        Raises:
            Full: They do not fit.
            NotOpen: Nothing is taken any more.
        """
        tokens = sum(ticket.length for ticket in tickets)
        with self._changed:
            if self._phase is not Phase.OPEN:
                raise NotOpen(self._phase)
            if (
                len(self._tickets) + len(tickets) > self._limits.max_queue_items
                or self._tokens + tokens > self._limits.max_queue_tokens
            ):
                raise Full(len(self._tickets), self._tokens)
            for ticket in tickets:
                insort(self._tickets, ticket, key=lambda ticket: ticket.rank)
                self._no_deadline_before_s = min(self._no_deadline_before_s, ticket.deadline_s)
            self._tokens += tokens
            self._changed_depth()
            self._changed.notify_all()

    def discard(self, ticket: Ticket) -> None:
        """Free the ticket's place, if it still has one."""
        with self._changed:
            if ticket in self._tickets:
                self._remove([ticket])

    def take_expired(self, now_s: float) -> list[Ticket]:
        """Remove the tickets whose deadline has passed."""
        with self._changed:
            if now_s < self._no_deadline_before_s:
                return []
            expired = [ticket for ticket in self._tickets if ticket.deadline_s <= now_s]
            self._remove(expired)
            self._no_deadline_before_s = min(
                (ticket.deadline_s for ticket in self._tickets), default=math.inf
            )
            return expired

    def take_batch(self, worker: int, running: BatchShape) -> list[Ticket]:
        """Remove the tickets that a worker should decode next.

        Args:
            worker: Who asks.
            running: What it decodes already.
        """
        with self._changed:
            others = self._loads[:worker] + self._loads[worker + 1 :]
            share = fair_share(len(self._tickets), running.sources, others)
            budget = Budget(
                max_sources=min(self._limits.max_batch_sources, running.sources + share),
                max_cells=self._limits.max_batch_tokens,
            )
            picked = self._plan(running, budget) if self._tickets else []
            self._remove(picked)
            self._loads[worker] = running.sources + len(picked)
            return picked

    def take_all(self, phase: Phase) -> list[Ticket]:
        """Close or declare dead, for good, and remove every ticket."""
        with self._changed:
            if self._phase is not Phase.DEAD:
                self._phase = phase
            tickets = self._tickets[:]
            self._remove(tickets)
            self._changed.notify_all()
            return tickets

    def drain(self) -> None:
        """Take no more tickets; workers return when none is left."""
        with self._changed:
            if self._phase is Phase.OPEN:
                self._phase = Phase.DRAINING
            self._changed.notify_all()

    def enter(self) -> None:
        """A worker thread is about to start."""
        with self._changed:
            self._working += 1

    def leave(self) -> None:
        """A worker thread is about to return."""
        with self._changed:
            self._working -= 1
            self._changed.notify_all()

    def wait_for_work(self, worker: int) -> bool:
        """Block an idle worker until there is something to do; False: return from the thread."""
        with self._changed:
            self._loads[worker] = 0
            self._changed.wait_for(lambda: self._tickets or self._phase is not Phase.OPEN)
            return bool(self._tickets)

    def wait_until_left(self, timeout_s: float) -> bool:
        """Block until every worker thread has returned; False when it took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._working == 0, timeout_s)

    def _plan(self, running: BatchShape, budget: Budget) -> list[Ticket]:
        """Whom to admit; at least one ticket waits.

        The oldest ticket can be passed when it does not fit or is of low priority, but only
        so often: then it is first in line, and the door is held until it fits. It will,
        because every ticket fits an empty batch. Once it has left, the next oldest's count
        starts, so urgent work gets most rounds and no work waits for ever.
        """
        if self._oldest is None:
            self._oldest = min(self._tickets, key=lambda ticket: ticket.number)
            self._passes = 0
        oldest = self._oldest
        overdue = self._passes >= MAX_PASSES
        line = self._tickets[:_LOOKAHEAD]
        if overdue:
            line = [oldest, *(ticket for ticket in line if ticket is not oldest)]
        candidates = [ticket.candidate for ticket in line]
        picked = [
            line[position]
            for position in plan_admission(candidates, running, budget, hold_for_first=overdue)
        ]
        if picked and oldest not in picked:
            self._passes += 1
        return picked

    def _remove(self, tickets: Sequence[Ticket]) -> None:
        if not tickets:
            return
        gone = {ticket.number for ticket in tickets}
        self._tickets = [ticket for ticket in self._tickets if ticket.number not in gone]
        self._tokens -= sum(ticket.length for ticket in tickets)
        if self._oldest is not None and self._oldest.number in gone:
            self._oldest = None
        self._changed_depth()

    def _changed_depth(self) -> None:
        self._observer.queue_changed(items=len(self._tickets), tokens=self._tokens)
