"""The engine: submit sources from any thread, get futures of their decoded answers."""

import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from service.decoding.contract import DecoderModel
from service.domain import DecodedSource, DecodeRequest
from service.engine.limits import EngineLimits
from service.engine.observer import EngineObserver, Unobserved
from service.engine.plan import Candidate, turns
from service.engine.throughput import Throughput, retry_after_s
from service.engine.ticket import Rank, Ticket
from service.engine.waiting import Full, NotOpen, Phase, Refused, TooLate, WaitingRoom
from service.engine.worker import Worker
from service.errors import Cancelled, Draining, EngineDead, Overloaded, ServiceError, TooLarge

_LOGGER = logging.getLogger(__name__)

# Of the time that is left until a deadline, what a source may be expected to wait. Decoding takes
# time, too, and the guess can be wrong: who is accepted and comes too late has taken the place
# of somebody in time. At 1, an engine with too much to do answers nearly everybody too late.
_WAITING_SHARE = 0.5


class Engine:
    """In-flight batched beam search for one model.

    Sources wait in a bounded queue, join those a worker decodes between two chunks and leave
    as soon as they are finished. All methods are safe from several threads.

    A future of an accepted source can be cancelled until its answer is there: its place in
    the queue is free at once, its rows at the worker's next chunk. It ends in a
    `DecodedSource` or in one of: `DeadlineExceeded`, `DecodingFailed` (this source only),
    `EngineDead`, `Draining` (`close` was called).

    Args:
        model: Called from all the workers at once.
        limits: Bounds of the queue and the batches.
        clock: Seconds; `DecodeRequest.deadline_s` is an instant on it.
        observer: Told what happens.

    Attributes:
        workers: What the threads run. Without `start`, calling `Worker.step` decodes in the
            caller's thread.
    """

    def __init__(
        self,
        model: DecoderModel,
        limits: EngineLimits,
        *,
        clock: Callable[[], float] = time.monotonic,
        observer: EngineObserver | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._observer = observer or Unobserved()
        self._numbers = itertools.count()
        self._throughput = Throughput(limits.workers)
        self._room = WaitingRoom(limits, self._observer)
        self.workers = tuple(
            Worker(
                number,
                model,
                self._room,
                limits,
                throughput=self._throughput,
                clock=clock,
                observer=self._observer,
            )
            for number in range(limits.workers)
        )
        self._threads: list[threading.Thread] = []
        self._death: BaseException | None = None

    @property
    def alive(self) -> bool:
        """Whether what was accepted is being worked on; true while draining, too."""
        return bool(self._threads) and self._room.phase in (Phase.OPEN, Phase.DRAINING)

    @property
    def queue_depth(self) -> int:
        """Sources that wait."""
        return self._room.items

    @property
    def queue_capacity(self) -> int:
        """Sources that may wait."""
        return self._limits.max_queue_items

    def retry_after_s(self) -> float:
        """Seconds until what waits now should have been worked off, at the recent speed."""
        return retry_after_s(self._throughput.seconds_for(self._room.tokens))

    def start(self) -> None:
        """Start the workers and wait until they are ready, or dead; once."""
        assert not self._threads, "the engine was already started"
        waits = []
        for worker in self.workers:
            self._room.enter()
            prepared = threading.Event()
            thread = threading.Thread(
                target=self._run,
                args=(worker, prepared),
                name=f"engine-{len(self._threads)}",
                daemon=True,
            )
            self._threads.append(thread)
            waits.append(prepared)
        for thread in self._threads:
            thread.start()
        for prepared in waits:
            prepared.wait()

    def submit(self, request: DecodeRequest) -> Future[DecodedSource]:
        """Accept one source; see `submit_many`."""
        return self.submit_many([request])[0]

    def submit_many(
        self, requests: Sequence[DecodeRequest], *, again: bool = False
    ) -> list[Future[DecodedSource]]:
        """Accept all the sources or none of them.

        Args:
            requests: The sources.
            again: They were accepted before, and are to be searched once more: however much
                waits, there is room. So the queue holds at most twice what it may.

        Returns:
            One future per request, in order.

        Raises:
            TooLarge: They would not even fit an idle engine.
            Overloaded: They do not fit now, or would wait until their deadline is over; says
                when to come back.
            Draining: The engine takes nothing any more.
            EngineDead: A worker has died.
        """
        self._refuse_too_large(requests)
        now_s = self._clock()
        tickets = self._tickets(requests, now_s)
        left_s = min((ticket.deadline_s for ticket in tickets), default=math.inf) - now_s
        try:
            if again:
                self._room.put_again(tickets)
            else:
                self._room.put(tickets, self._throughput.tokens_within(_WAITING_SHARE * left_s))
        except Refused as refused:
            tokens = sum(ticket.length for ticket in tickets)
            raise self._why_not(refused, f"{len(tickets)} more with", tokens, left_s) from None
        for ticket in tickets:
            # The rank, not the ticket: that holds the future, and a circle of the two would
            # be left to the garbage collector.
            ticket.future.add_done_callback(partial(self._on_done, ticket.rank))
        return [ticket.future for ticket in tickets]

    def check_room(
        self,
        sources: int = 1,
        *,
        most_tokens: int | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
    ) -> None:
        """Refuse what `submit_many` would refuse, before its tokens are known; takes nothing.

        The sources are taken to be as long as those that wait, on average. What passes can be
        refused all the same.

        Args:
            sources: So many of one request; at least 1.
            most_tokens: They cannot have more together, as far as that is known.
            priority: Of all of them.
            deadline_s: Of all of them; None without one.

        Raises:
            Overloaded: See `submit_many`.
            Draining: See `submit_many`.
            EngineDead: See `submit_many`.
        """
        limits = self._limits
        sources = min(sources, limits.max_queue_items)  # `submit_many` says what is too large
        tokens = min(sources * self._room.mean_length, limits.max_queue_tokens)
        if most_tokens is not None:
            tokens = min(tokens, most_tokens)
        now_s = self._clock()
        left_s = math.inf if deadline_s is None else deadline_s - now_s
        [turn_s] = turns([tokens], [priority], now_s)
        in_time = self._throughput.tokens_within(_WAITING_SHARE * left_s)
        try:
            self._room.check(sources, tokens, turn_s, in_time)
        except Refused as refused:
            raise self._why_not(refused, f"{sources} more with about", tokens, left_s) from None

    def drain(self, timeout_s: float) -> bool:
        """Take nothing more and wait until everything accepted is answered.

        Returns:
            Whether all was answered in time; otherwise the workers go on, and `close` ends it.
        """
        self._room.drain()
        left = self._room.wait_until_left(timeout_s)
        return left and self._room.items == 0 and self._room.phase is not Phase.DEAD

    def close(self) -> None:
        """Fail what is not answered yet and stop the workers after their current chunk."""
        for ticket in self._room.take_all(Phase.CLOSED):
            self._fail(ticket, self._refusal(Phase.CLOSED))
        for thread in self._threads:
            thread.join()

    def _run(self, worker: Worker, prepared: threading.Event) -> None:
        """What a thread does."""
        try:
            worker.prepare()
            prepared.set()
            worker.run()
        except BaseException as error:  # whatever it was, nobody may wait for ever
            self._die(worker, error)
        finally:
            self._room.leave()
            prepared.set()

    def _die(self, worker: Worker, error: BaseException) -> None:
        """A worker is lost: fail everyone who waits; the other workers fail theirs."""
        _LOGGER.error("an engine worker died", exc_info=error)
        self._death = error
        tickets = self._room.take_all(Phase.DEAD)
        worker.abandon(partial(self._refusal, Phase.DEAD))
        for ticket in tickets:
            self._fail(ticket, self._refusal(Phase.DEAD))
        self._observer.died(error=error)

    def _on_done(self, rank: Rank, future: Future[DecodedSource]) -> None:
        """Runs in the thread that cancelled, or that resolved the future."""
        if future.cancelled():
            # Tells `concurrent.futures.wait` too; it has to be done exactly once.
            future.set_running_or_notify_cancel()
            self._room.discard(rank)
            self._observer.failed(code=Cancelled.code)

    def _tickets(self, requests: Sequence[DecodeRequest], now_s: float) -> list[Ticket]:
        lengths = [len(request.source_ids) for request in requests]
        priorities = [request.priority for request in requests]
        return [
            Ticket(next(self._numbers), request, now_s, turn_s)
            for request, turn_s in zip(requests, turns(lengths, priorities, now_s), strict=True)
        ]

    def _refuse_too_large(self, requests: Sequence[DecodeRequest]) -> None:
        limits = self._limits
        if len(requests) > limits.max_queue_items:
            raise TooLarge(
                f"request has {len(requests)} sources; the limit is {limits.max_queue_items}"
            )
        tokens = sum(len(request.source_ids) for request in requests)
        if tokens > limits.max_queue_tokens:
            raise TooLarge(
                f"request has {tokens} source tokens; the limit is {limits.max_queue_tokens}"
            )
        for request in requests:
            beam_size = request.options.beam_size
            alone = Candidate(len(request.source_ids), beam_size)
            if alone.cells > limits.max_batch_tokens:
                raise TooLarge(
                    f"source of {len(request.source_ids)} tokens with beam size {beam_size} "
                    f"takes {alone.cells} batch tokens; the limit is {limits.max_batch_tokens}"
                )

    def _why_not(
        self, refused: Refused, more_with: str, tokens: int, left_s: float
    ) -> ServiceError:
        """What to tell who was refused.

        Args:
            refused: By the waiting room.
            more_with: So many sources.
            tokens: Of all of them.
            left_s: Until nobody wants their answers any more.
        """
        match refused:
            case Full():
                return self._overloaded(refused, f"{more_with} {tokens}")
            case TooLate():
                return self._too_late(refused, tokens, left_s)
            case NotOpen():
                return self._refusal(refused.phase)
        raise AssertionError(f"{refused!r} is not known")

    def _overloaded(self, full: Full, more: str) -> Overloaded:
        return Overloaded(
            f"{full.items} sources with {full.tokens} tokens wait already; {more} do not fit: "
            f"the limits are {self._limits.max_queue_items} sources and "
            f"{self._limits.max_queue_tokens} tokens",
            retry_after_s(self._throughput.seconds_for(full.tokens)),
        )

    def _too_late(self, late: TooLate, tokens: int, left_s: float) -> Overloaded:
        """The refusal of what would wait until nobody wants it any more."""
        wait_s = self._throughput.seconds_for(late.tokens + tokens)
        assert wait_s is not None, "nobody is refused before the speed is known"
        most_s = _WAITING_SHARE * left_s
        return Overloaded(
            f"{late.tokens} source tokens wait ahead, so it would take about {wait_s:.1f} s; "
            f"the answer is wanted within {left_s:.1f} s, of which it may wait {most_s:.1f} s",
            retry_after_s(wait_s - most_s),
        )

    def _refusal(self, phase: Phase) -> ServiceError:
        if phase is not Phase.DEAD:
            return Draining("the engine is shutting down")
        error = EngineDead(f"the engine has died: {type(self._death).__name__}")
        error.__cause__ = self._death
        return error

    def _fail(self, ticket: Ticket, error: ServiceError) -> None:
        if ticket.fail(error):
            self._observer.failed(code=error.code)
