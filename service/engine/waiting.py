"""The bounded queue: the one place where submitting threads and workers meet."""

import math
import sys
import threading
from bisect import bisect_left, insort
from collections.abc import Sequence
from enum import Enum

from service.engine.limits import EngineLimits
from service.engine.observer import EngineObserver
from service.engine.plan import Load, Space, fair_share, plan_admission
from service.engine.ticket import Rank, Ticket

# Tickets a plan looks at: enough to find some that fit together, few enough to cost nothing.
_LOOKAHEAD = 128

# Rounds of admission that may pass the first in line before the door is held for it.
MAX_PASSES = 4


class Phase(Enum):
    """What the queue lets through."""

    OPEN = "open"  # in and out
    DRAINING = "draining"  # out only
    CLOSED = "closed"  # nothing; what is decoded is given up
    DEAD = "dead"  # the same, because a worker died


class Refused(Exception):
    """The room takes none of the tickets."""


class Full(Refused):
    """They do not fit."""

    def __init__(self, items: int, tokens: int) -> None:
        super().__init__(items, tokens)
        self.items = items
        self.tokens = tokens


class TooLate(Refused):
    """They would wait too long."""

    def __init__(self, tokens: int) -> None:
        super().__init__(tokens)
        self.tokens = tokens


class NotOpen(Refused):
    """The queue takes nothing any more."""

    def __init__(self, phase: Phase) -> None:
        super().__init__(phase)
        self.phase = phase


class WaitingRoom:
    """Tickets in the order of their turns, behind one lock.

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
        self._passed: Ticket | None = None  # was first in line and did not fit
        self._passes = 0  # rounds of admission in which others went before it

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def items(self) -> int:
        return len(self._tickets)

    @property
    def tokens(self) -> int:
        return self._tokens

    @property
    def mean_length(self) -> int:
        """Tokens of a ticket that waits, on average; 1 when none does. Right but for a moment."""
        return max(1, self._tokens // max(1, len(self._tickets)))

    def put(self, tickets: Sequence[Ticket], tokens_in_time: float = math.inf) -> None:
        """Take all the tickets or none.

        Args:
            tickets: Of one request; at least one.
            tokens_in_time: Source tokens that can be served, these included, before nobody
                wants the answer any more.

        Raises:
            Full: They do not fit.
            TooLate: They would have to wait for more than `tokens_in_time`. When nobody waits,
                nobody is refused: a wrong guess would never be put right.
            NotOpen: Nothing is taken any more.
        """
        tokens = sum(ticket.length for ticket in tickets)
        last = max((ticket.rank for ticket in tickets), default=(math.inf, 0))
        with self._changed:
            self._check(len(tickets), tokens, last, tokens_in_time)
            self._take(tickets)

    def check(self, items: int, tokens: int, turn_s: float, tokens_in_time: float) -> None:
        """Say what `put` would say to tickets that are not made yet; takes nothing.

        Args:
            items: So many tickets.
            tokens: Of all of them.
            turn_s: Of the last of them.
            tokens_in_time: See `put`, which says what is raised, too.
        """
        with self._changed:
            self._check(items, tokens, (turn_s, sys.maxsize), tokens_in_time)

    def _check(self, items: int, tokens: int, last: Rank, tokens_in_time: float) -> None:
        if self._phase is not Phase.OPEN:
            raise NotOpen(self._phase)
        if (
            len(self._tickets) + items > self._limits.max_queue_items
            or self._tokens + tokens > self._limits.max_queue_tokens
        ):
            raise Full(len(self._tickets), self._tokens)
        if self._tickets and self._tokens + tokens > tokens_in_time:
            ahead = self._tokens_before(last)
            if ahead + tokens > tokens_in_time:
                raise TooLate(ahead)

    def put_again(self, tickets: Sequence[Ticket]) -> None:
        """Take tickets of a text that was let in before, whatever waits.

        Raises:
            NotOpen: Nothing is taken any more.
        """
        with self._changed:
            if self._phase is not Phase.OPEN:
                raise NotOpen(self._phase)
            self._take(tickets)

    def _take(self, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            insort(self._tickets, ticket, key=_rank)
            self._no_deadline_before_s = min(self._no_deadline_before_s, ticket.deadline_s)
        self._tokens += sum(ticket.length for ticket in tickets)
        self._changed_depth()
        self._changed.notify_all()

    def discard(self, rank: Rank) -> None:
        """Free the place of the ticket of this rank, if it still has one."""
        with self._changed:
            place = self._place_of(rank)
            if place < len(self._tickets) and self._tickets[place].rank == rank:
                self._remove([place])

    def take_expired(self, now_s: float) -> list[Ticket]:
        """Remove the tickets whose deadline has passed."""
        with self._changed:
            if now_s < self._no_deadline_before_s:
                return []
            places = [
                place for place, ticket in enumerate(self._tickets) if ticket.deadline_s <= now_s
            ]
            expired = self._remove(places)
            self._no_deadline_before_s = min(
                (ticket.deadline_s for ticket in self._tickets), default=math.inf
            )
            return expired

    def take_batch(self, worker: int, load: Load) -> list[Ticket]:
        """Remove the tickets that a worker should decode next.

        Args:
            worker: Who asks.
            load: What it decodes already.
        """
        with self._changed:
            limits = self._limits
            others = self._loads[:worker] + self._loads[worker + 1 :]
            share = fair_share(len(self._tickets), load.sources, others)
            space = limits.space_beside(load, share)
            picked = self._remove(self._plan(space)) if self._tickets else []
            self._loads[worker] = load.sources + len(picked)
            return picked

    def take_all(self, phase: Phase) -> list[Ticket]:
        """Close or declare dead, for good, and remove every ticket."""
        with self._changed:
            if self._phase is not Phase.DEAD:
                self._phase = phase
            tickets = self._remove(range(len(self._tickets)))
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

    def _plan(self, space: Space) -> list[int]:
        """Places of those to admit; at least one ticket waits.

        Who is first in line and does not fit is passed by others, but only so often: then the
        door is held until it fits. It will, because every ticket fits a worker that decodes
        nothing.
        """
        order = list(range(min(len(self._tickets), _LOOKAHEAD)))
        overdue = False
        if self._passed is not None and self._passes >= MAX_PASSES:
            overdue = True
            place = self._place_of(self._passed.rank)
            order = [place, *(each for each in order if each != place)]
        candidates = (self._tickets[place].candidate for place in order)
        picked = plan_admission(candidates, space, hold_for_first=overdue)
        if self._passed is None and picked and picked[0] != 0:
            self._passed = self._tickets[0]
        if picked and self._passed is not None:
            self._passes += 1
        return sorted(order[each] for each in picked)

    def _remove(self, places: Sequence[int]) -> list[Ticket]:
        """Take out the tickets at these places, ascending; gives them in order."""
        gone = [self._tickets[place] for place in places]
        if not gone:
            return gone
        for place in sorted(places, reverse=True):
            del self._tickets[place]
        self._tokens -= sum(ticket.length for ticket in gone)
        if any(ticket is self._passed for ticket in gone):
            self._passed = None
            self._passes = 0
        self._changed_depth()
        return gone

    def _tokens_before(self, rank: Rank) -> int:
        # From the end, near which it nearly always is; asked most when the queue is long.
        behind = self._tickets[self._place_of(rank) :]
        return self._tokens - sum(ticket.length for ticket in behind)

    def _place_of(self, rank: Rank) -> int:
        """Where the ticket of this rank is, or would be."""
        return bisect_left(self._tickets, rank, key=_rank)

    def _changed_depth(self) -> None:
        self._observer.queue_changed(items=len(self._tickets), tokens=self._tokens)


def _rank(ticket: Ticket) -> Rank:
    return ticket.rank
