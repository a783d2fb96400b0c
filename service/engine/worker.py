"""One worker: a running batch that sources join and leave between two chunks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.decoding.backtrace import Trace, backtrace, steps_lived, trace_of
from service.decoding.contract import BatchState, Chunk, DecoderModel, Part, padded_width
from service.domain import DecodedSource, SearchOptions
from service.engine.observer import EngineObserver
from service.engine.plan import BatchShape, encode_groups
from service.engine.throughput import Throughput
from service.engine.ticket import Ticket
from service.engine.waiting import Phase, WaitingRoom
from service.errors import DecodingFailed, Draining, EngineDead, ServiceError

_SHORTEST_SEARCH = SearchOptions(
    beam_size=1,
    num_hypotheses=1,
    length_penalty=0.0,
    min_decoding_length=0,
    max_decoding_length=1,
)


@dataclass(slots=True)
class _Member:
    """A source in the running batch."""

    ticket: Ticket
    queue_s: float
    encode_s: float
    encoded_at_s: float
    traces: list[Trace] = field(default_factory=list)

    @property
    def beam_size(self) -> int:
        return self.ticket.request.options.beam_size


class Worker:
    """Decodes a batch that it alone owns, fed from the waiting room.

    Nothing here knows of threads: `step` is one turn of the loop, and `run` is the loop.

    Args:
        number: Which worker of the room this is.
        model: Shared with the other workers.
        room: Where tickets wait.
        throughput: Told what was done in which time.
        clock: Seconds; deadlines are instants on it.
        observer: Told what happens.
    """

    def __init__(
        self,
        number: int,
        model: DecoderModel,
        room: WaitingRoom,
        *,
        throughput: Throughput,
        clock: Callable[[], float],
        observer: EngineObserver,
    ) -> None:
        self._number = number
        self._model = model
        self._room = room
        self._throughput = throughput
        self._clock = clock
        self._observer = observer
        # Sources on axis 0 of `_state` are `_members`, in that order; None when there are none.
        self._state: BatchState | None = None
        self._members: list[_Member] = []
        self._boarding: list[Ticket] = []  # left the room, not yet members

    @property
    def shape(self) -> BatchShape:
        """The axes of the running batch."""
        if self._state is None:
            return BatchShape()
        return BatchShape(
            sources=self._state.sources,
            width=padded_width(self._state.source_lengths),
            slots=self._state.slots,
        )

    def prepare(self) -> None:
        """Make the model ready, in the thread that is going to `run`; may take seconds."""
        self._model = self._model.for_worker()

    def run(self) -> None:
        """Work until the room closes or is drained.

        Raises:
            BaseException: Whatever the model raised in `advance`, or a bug of ours. The
                tickets of this worker are not resolved then; see `abandon`.
        """
        while self.step() or self._room.wait_for_work(self._number):
            pass

    def step(self) -> bool:
        """Drop, admit, advance by one chunk, retire.

        Returns:
            Whether sources are left in the running batch.
        """
        if self._room.phase in (Phase.CLOSED, Phase.DEAD):
            self._give_up()
            return False
        began_s = self._clock()
        self._drop()
        self._admit()
        finished_tokens = self._advance() if self._state is not None else 0
        self._throughput.add(finished_tokens, self._clock() - began_s)
        return self._state is not None

    def abandon(self, error: Callable[[], ServiceError]) -> None:
        """Fail everything this worker holds, each with an error of its own, and forget it."""
        tickets = [*self._boarding, *(member.ticket for member in self._members)]
        self._boarding, self._members, self._state = [], [], None
        for ticket in tickets:
            self._fail(ticket, error())

    def _give_up(self) -> None:
        if self._room.phase is Phase.DEAD:
            self.abandon(lambda: EngineDead("another worker of the engine has died"))
        else:
            self.abandon(lambda: Draining("the engine was closed before the source was finished"))

    def _drop(self) -> None:
        """Forget the sources nobody waits for any more, here and in the queue."""
        now_s = self._clock()
        for ticket in self._room.take_expired(now_s):
            self._fail(ticket, ticket.deadline_exceeded(now_s, "still waiting"))
        kept = []
        for position, member in enumerate(self._members):
            if member.ticket.deadline_s <= now_s:
                error = member.ticket.deadline_exceeded(now_s, "not yet decoded")
                self._fail(member.ticket, error)
            elif not member.ticket.future.cancelled():
                kept.append(position)
        self._keep(kept)

    def _admit(self) -> None:
        self._boarding = self._room.take_batch(self._number, self.shape)
        if not self._boarding:
            return
        now_s = self._clock()
        queue_s = {ticket.number: now_s - ticket.submitted_s for ticket in self._boarding}
        beams = [ticket.request.options.beam_size for ticket in self._boarding]
        slots = max(self.shape.slots, *beams)
        parts = [] if self._state is None else [Part.whole(self._state)]
        members = list(self._members)
        for group in encode_groups([ticket.length for ticket in self._boarding]):
            began_s = self._clock()
            encoded, states = self._encode([self._boarding[i] for i in group], slots)
            ended_s = self._clock()
            parts += [Part.whole(state) for state in states]
            members += [
                _Member(ticket, queue_s[ticket.number], ended_s - began_s, ended_s)
                for ticket in encoded
            ]
        if parts:
            self._state = self._model.rearrange(parts, slots)
        self._members, self._boarding = members, []

    def _encode(self, tickets: list[Ticket], slots: int) -> tuple[list[Ticket], list[BatchState]]:
        """Encode tickets together or, when that fails, one by one, so that a bad one fails alone.

        Returns:
            The tickets that could be encoded, and the states that hold them, in order.
        """
        try:
            return tickets, [self._call_encode(tickets, slots)]
        except Exception as error:
            if len(tickets) == 1:
                self._blame(tickets[0], error)
                return [], []
        encoded = [self._encode([ticket], slots) for ticket in tickets]
        return (
            [ticket for tickets, _ in encoded for ticket in tickets],
            [state for _, states in encoded for state in states],
        )

    def _call_encode(self, tickets: Sequence[Ticket], slots: int) -> BatchState:
        began_s = self._clock()
        state = self._model.encode(
            [ticket.request.source_ids for ticket in tickets],
            [ticket.request.options for ticket in tickets],
            slots,
        )
        lengths = state.source_lengths
        self._observer.encoded(
            sources=len(tickets),
            source_tokens=int(lengths.sum()),
            padded_tokens=len(tickets) * padded_width(lengths),
            seconds=self._clock() - began_s,
        )
        return state

    def _blame(self, ticket: Ticket, error: Exception) -> None:
        """Fail a ticket that could not be encoded, unless the model can encode nothing at all.

        Raises:
            Exception: What encoding the shortest possible source raises: the model is broken,
                and every source would fail like this one.
        """
        self._model.encode([(self._model.end_id,)], [_SHORTEST_SEARCH], 1)
        if not isinstance(error, ServiceError):
            cause = error
            error = DecodingFailed(f"the model could not encode a source of {ticket.length} tokens")
            error.__cause__ = cause
        self._fail(ticket, error)

    def _advance(self) -> int:
        """Advance by one chunk and answer what is finished; returns its source tokens."""
        assert self._state is not None
        began_s = self._clock()
        self._state, chunk = self._model.advance(self._state)
        now_s = self._clock()
        shape = self.shape
        self._observer.advanced(
            sources=shape.sources,
            rows=shape.sources * shape.slots,
            steps=len(chunk.tokens),
            source_tokens=int(self._state.source_lengths.sum()),
            padded_tokens=shape.sources * shape.width,
            seconds=now_s - began_s,
            captured=chunk.captured,
        )
        self._record(chunk)
        finished = np.flatnonzero(self._state.finished).tolist()
        for position in finished:
            self._answer(position, now_s)
        tokens = sum(self._members[position].ticket.length for position in finished)
        self._keep(np.flatnonzero(~self._state.finished).tolist())
        return tokens

    def _record(self, chunk: Chunk) -> None:
        assert self._state is not None
        for position, member in enumerate(self._members):
            # A search that does not end by itself would hold its rows for ever.
            if len(member.traces) * len(chunk.tokens) >= self._state.max_length[position]:
                raise RuntimeError(
                    f"a source was not finished after {len(member.traces)} chunks of "
                    f"{len(chunk.tokens)} steps; its longest hypothesis may have "
                    f"{self._state.max_length[position]} tokens"
                )
            length = member.ticket.length
            member.traces.append(trace_of(chunk, position, member.beam_size, length))

    def _answer(self, position: int, now_s: float) -> None:
        """Resolve the future of a finished source."""
        assert self._state is not None
        member = self._members[position]
        options = member.ticket.request.options
        hypotheses = backtrace(
            member.traces,
            self._state.ended[position, : member.beam_size],
            length_penalty=options.length_penalty,
            num_hypotheses=options.num_hypotheses,
            pad_id=self._model.pad_id,
            end_id=self._model.end_id,
        )
        if not hypotheses:
            self._fail(member.ticket, DecodingFailed("the search found no hypothesis at all"))
            return
        source = DecodedSource(
            hypotheses=tuple(hypotheses),
            decode_steps=steps_lived(member.traces, self._model.pad_id),
            queue_s=member.queue_s,
            encode_s=member.encode_s,
            decode_s=now_s - member.encoded_at_s,
        )
        if member.ticket.answer(source):
            self._observer.finished(
                reason=hypotheses[0].finish_reason,
                source_tokens=member.ticket.length,
                generated_tokens=len(hypotheses[0].token_ids),
                queue_s=source.queue_s,
                encode_s=source.encode_s,
                decode_s=source.decode_s,
            )

    def _keep(self, positions: Sequence[int]) -> None:
        """Drop all members but these, and the slots and the width that only they needed."""
        if self._state is None or len(positions) == len(self._members):
            return
        self._members = [self._members[position] for position in positions]
        if not self._members:
            self._state = None
            return
        self._state = self._model.rearrange(
            [Part(self._state, np.array(positions, dtype=np.int64))],
            max(member.beam_size for member in self._members),
        )

    def _fail(self, ticket: Ticket, error: ServiceError) -> None:
        if ticket.fail(error):
            self._observer.failed(code=error.code)
