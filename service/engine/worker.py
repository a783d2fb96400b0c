"""One worker: running batches that sources join and leave between two chunks."""

from collections.abc import Callable, Sequence

from service.decoding.backtrace import Trail
from service.decoding.contract import BatchState, DecoderModel, padded_width
from service.domain import DecodedSource, SearchOptions
from service.engine.lane import Finished, Lane, Member
from service.engine.limits import EngineLimits
from service.engine.observer import EngineObserver
from service.engine.plan import Load, encode_groups, lanes_to_join
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


class Worker:
    """Decodes sources that it alone owns, fed from the waiting room.

    Those of like width and beam share a lane; each lane is advanced by a chunk in every turn.
    Nothing here knows of threads: `step` is one turn of the loop, and `run` is the loop.

    Args:
        number: Which worker of the room this is.
        model: Shared with the other workers.
        room: Where tickets wait.
        limits: Of what it decodes at the same time.
        throughput: Told what was taken in which time.
        clock: Seconds; deadlines are instants on it.
        observer: Told what happens.
    """

    def __init__(
        self,
        number: int,
        model: DecoderModel,
        room: WaitingRoom,
        limits: EngineLimits,
        *,
        throughput: Throughput,
        clock: Callable[[], float],
        observer: EngineObserver,
    ) -> None:
        self._number = number
        self._model = model
        self._room = room
        self._limits = limits
        self._throughput = throughput
        self._clock = clock
        self._observer = observer
        self._lanes: list[Lane] = []  # none of them empty
        self._boarding: list[Ticket] = []  # left the room, not yet in a lane

    @property
    def load(self) -> Load:
        """What it decodes."""
        return Load(
            sum(len(lane.members) for lane in self._lanes),
            sum(lane.shape.cells for lane in self._lanes),
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
        """Drop, admit, advance every lane by one chunk, retire.

        Returns:
            Whether there is anything left to decode.
        """
        if self._room.phase in (Phase.CLOSED, Phase.DEAD):
            self._give_up()
            return False
        began_s = self._clock()
        self._drop()
        admitted_tokens = self._admit()
        self._settle()
        somebody_waits = self._room.items > 0
        for lane in self._lanes:
            self._advance(lane)
        self._lanes = [lane for lane in self._lanes if lane.members]
        if somebody_waits:
            self._throughput.add(admitted_tokens, self._clock() - began_s)
        return bool(self._lanes)

    def abandon(self, error: Callable[[], ServiceError]) -> None:
        """Fail everything this worker holds, each with an error of its own, and forget it."""
        decoded = [member.ticket for lane in self._lanes for member in lane.members]
        tickets = [*self._boarding, *decoded]
        self._boarding, self._lanes = [], []
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
        for lane in self._lanes:
            for member in lane.members:
                if member.ticket.deadline_s <= now_s:
                    error = member.ticket.deadline_exceeded(now_s, "not yet decoded")
                    self._fail(member.ticket, error)
            lane.keep([not member.ticket.future.done() for member in lane.members])
        self._lanes = [lane for lane in self._lanes if lane.members]

    def _admit(self) -> int:
        """Take from the queue what fits, and encode it in lanes of its own; its tokens."""
        load = self.load
        tickets = self._boarding = self._room.take_batch(self._number, load)
        if not tickets:
            return 0
        now_s = self._clock()
        space = self._limits.space_beside(load, len(tickets))
        for group in encode_groups([ticket.candidate for ticket in tickets], space):
            self._board([tickets[position] for position in group], now_s)
        self._boarding = []
        return sum(ticket.length for ticket in tickets)

    def _board(self, tickets: list[Ticket], admitted_s: float) -> None:
        """Encode tickets together or, when that fails, one by one: a bad one fails alone."""
        began_s = self._clock()
        try:
            state = self._encode(tickets)
        except Exception as error:
            if len(tickets) == 1:
                self._blame(tickets[0], error)
            else:
                for ticket in tickets:
                    self._board([ticket], admitted_s)
            return
        ended_s = self._clock()
        members = [
            Member(
                ticket,
                ticket.candidate,
                queue_s=admitted_s - ticket.submitted_s,
                encode_s=ended_s - began_s,
                encoded_at_s=ended_s,
                trail=Trail(
                    ticket.request.options.beam_size,
                    ticket.length,
                    want_attention=ticket.request.want_attention,
                ),
            )
            for ticket in tickets
        ]
        self._lanes.append(Lane(state, members))
        self._boarding = [ticket for ticket in self._boarding if ticket not in tickets]

    def _encode(self, tickets: Sequence[Ticket]) -> BatchState:
        began_s = self._clock()
        options = [ticket.request.options for ticket in tickets]
        state = self._model.encode(
            [ticket.request.source_ids for ticket in tickets],
            options,
            max(option.beam_size for option in options),
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

    def _settle(self) -> None:
        """Put lanes together where that is cheaper to advance."""
        if len(self._lanes) < 2:
            return
        lanes = []
        limits = self._limits
        shapes = [lane.shape for lane in self._lanes]
        for first, *others in lanes_to_join(shapes, limits.costs, limits.max_batch_tokens):
            lane = self._lanes[first]
            for other in others:
                lane.absorb(self._lanes[other])
            lanes.append(lane)
        self._lanes = lanes

    def _advance(self, lane: Lane) -> None:
        """Advance a lane by one chunk and answer who is finished."""
        began_s = self._clock()
        shape, source_tokens = lane.shape, lane.source_tokens
        chunk = lane.advance(self._model)
        now_s = self._clock()
        self._observer.advanced(
            sources=shape.sources,
            rows=shape.sources * shape.slots,
            steps=len(chunk.tokens),
            source_tokens=source_tokens,
            padded_tokens=shape.sources * shape.width,
            seconds=now_s - began_s,
            captured=chunk.captured,
        )
        lane.tell(self._model)
        for finished in lane.retire(self._model):
            self._answer(finished, now_s)

    def _answer(self, finished: Finished, now_s: float) -> None:
        """Resolve the future of a finished source."""
        member, found = finished.member, finished.found
        if not found.hypotheses:
            self._fail(member.ticket, DecodingFailed("the search found no hypothesis at all"))
            return
        source = DecodedSource(
            hypotheses=found.hypotheses,
            decode_steps=found.steps,
            queue_s=member.queue_s,
            encode_s=member.encode_s,
            decode_s=now_s - member.encoded_at_s,
            others=finished.others,
        )
        if member.ticket.answer(source):
            best = found.hypotheses[0]
            self._observer.finished(
                reason=best.finish_reason,
                source_tokens=member.ticket.length,
                generated_tokens=len(best.token_ids),
                queue_s=source.queue_s,
                encode_s=source.encode_s,
                decode_s=source.decode_s,
            )

    def _fail(self, ticket: Ticket, error: ServiceError) -> None:
        if ticket.fail(error):
            self._observer.failed(code=error.code)
