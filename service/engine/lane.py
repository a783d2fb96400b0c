"""Sources that one worker advances together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from service.decoding.agreement import agreed_tokens
from service.decoding.backtrace import Found, Trail, backtrace
from service.decoding.contract import BatchState, Chunk, DecoderModel, Part
from service.domain import DecodedHypothesis
from service.engine.plan import BatchShape, Candidate
from service.engine.ticket import Ticket


@dataclass(slots=True)
class Member:
    """A source that is decoded.

    Attributes:
        ticket: Its request and its future.
        candidate: What the plan knows of it.
        queue_s: How long it waited.
        encode_s: How long it was encoded.
        encoded_at_s: Instant when that was done.
        trail: What it has lived through.
        agreed: Tokens that whoever watches it has been told.
    """

    ticket: Ticket
    candidate: Candidate
    queue_s: float
    encode_s: float
    encoded_at_s: float
    trail: Trail
    agreed: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A source whose search is over, and what it found.

    Attributes:
        member: The source.
        found: As many hypotheses as were asked for.
        others: Rebuilds the rest.
    """

    member: Member
    found: Found
    others: Callable[[], tuple[DecodedHypothesis, ...]]


class Lane:
    """A running batch. Who joins and leaves moves in memory at the next chunk, all at once.

    Args:
        state: Sources that have just been encoded.
        members: The same, in order.

    Attributes:
        members: Who is in it, in order.
        parts: Where they are; the sources of all parts together are `members`.
    """

    __slots__ = ("_shape", "members", "parts")

    def __init__(self, state: BatchState, members: Sequence[Member]) -> None:
        self.members = list(members)
        self.parts = [Part.whole(state)]
        self._shape: BatchShape | None = None

    @property
    def shape(self) -> BatchShape:
        """Its axes; it must not be empty."""
        if self._shape is None:
            self._shape = BatchShape.of([member.candidate for member in self.members])
        return self._shape

    @property
    def source_tokens(self) -> int:
        """Tokens of all its sources, without padding."""
        return sum(member.candidate.length for member in self.members)

    def absorb(self, other: "Lane") -> None:
        """Take over everybody of another lane, which must not be used again."""
        self.members += other.members
        self.parts += other.parts
        self._shape = None

    def keep(self, wanted: Sequence[bool]) -> None:
        """Forget all but the wanted members."""
        if all(wanted):
            return
        self.members = [member for member, stays in zip(self.members, wanted, strict=True) if stays]
        mask = np.array(wanted)
        parts = []
        first = 0
        for part in self.parts:
            stay = part.sources[mask[first : first + len(part.sources)]]
            first += len(part.sources)
            if len(stay):
                parts.append(Part(part.state, stay))
        self.parts = parts
        self._shape = None

    def advance(self, model: DecoderModel) -> Chunk:
        """Run one chunk for all members.

        Raises:
            RuntimeError: A search does not end by itself; it would hold its rows for ever.
            Exception: What the model raises.
        """
        state, chunk = model.advance(self._gathered(model))
        self.parts = [Part.whole(state)]
        for position, member in enumerate(self.members):
            trail = member.trail
            if trail.steps > member.ticket.request.options.max_decoding_length:
                raise RuntimeError(
                    f"a source was not finished after {trail.steps} steps; its longest "
                    f"hypothesis may have {state.max_length[position]} tokens"
                )
            trail.add(chunk, position)
        return chunk

    def tell(self, model: DecoderModel) -> None:
        """Tell those who watch a search that goes on what is certain after the chunk just run."""
        [part] = self.parts
        for position, member in enumerate(self.members):
            watch = member.ticket.request.on_agreed
            if watch is None or part.state.finished[position]:
                continue
            tokens = _agreed(member, model, part.state, position)
            if len(tokens) > member.agreed:
                member.agreed = len(tokens)
                watch(tokens)

    def retire(self, model: DecoderModel) -> list[Finished]:
        """Let go of those whose search has ended in the chunk just run."""
        [part] = self.parts
        over = part.state.finished.tolist()
        finished = [
            _finished(member, model, part.state, position)
            for position, member in enumerate(self.members)
            if over[position]
        ]
        self.keep([not each for each in over])
        return finished

    def _gathered(self, model: DecoderModel) -> BatchState:
        """All the members in one state, with no slots and no width that nobody needs."""
        state = self.parts[0].state
        slots = self.shape.slots
        if len(self.parts) == 1 and state.sources == len(self.members) and state.slots == slots:
            return state
        return model.rearrange(self.parts, slots)


def _agreed(
    member: Member, model: DecoderModel, state: BatchState, position: int
) -> tuple[int, ...]:
    beam_size = member.ticket.request.options.beam_size
    slots: list[int] = np.isfinite(state.log_probs[position, :beam_size]).nonzero()[0].tolist()
    return agreed_tokens(member.trail, slots, pad_id=model.pad_id, end_id=model.end_id)


def _finished(member: Member, model: DecoderModel, state: BatchState, position: int) -> Finished:
    options = member.ticket.request.options
    rebuilt = partial(
        backtrace,
        member.trail,
        # Copies: the state goes on with others, this may be asked for later.
        state.ended[position, : options.beam_size].copy(),
        state.lengths[position].copy(),
        length_penalty=options.length_penalty,
        pad_id=model.pad_id,
        end_id=model.end_id,
    )
    asked = options.num_hypotheses
    return Finished(
        member,
        rebuilt(num_hypotheses=asked),
        lambda: rebuilt(num_hypotheses=options.beam_size).hypotheses[asked:],
    )
