"""Who is admitted next, and who is computed together: pure functions over lengths and beams.

Who waits is served in the order of its *turn*: the instant it arrived, later by what its own
request has put before it. Who is decoded is advanced together with those of like width and
beam, in lanes: `advance` pays for the widest source and the widest beam of a call, so one long
source or one wide beam would make all its neighbours pay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations

from service.decoding.contract import SOURCE_MULTIPLE

# A source is encoded with others that are at most twice as wide. Measured as below: alone, 16
# tokens take 0.5 ms, and as one row more in a call for 32 tokens 0.5 ms, for 64 tokens 1 ms.
MAX_WIDENING = 2

# A request's tokens take their turn as if they had arrived one by one, 1000 a second. An engine
# is faster than that, so it is idle only if nobody waits; and who asks for a sentence passes
# those who ask for a book. Nobody waits for ever: what comes later than a source's turn does
# not go before it.
TOKEN_S = 0.001

# A step of priority is like arriving so much later.
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the plan knows of a source.

    Attributes:
        length: Source tokens, the end mark included; at least 1.
        beam_size: Slots it needs.
    """

    length: int
    beam_size: int

    @property
    def width(self) -> int:
        """The width it takes in a batch of its own."""
        return -(-self.length // SOURCE_MULTIPLE) * SOURCE_MULTIPLE

    @property
    def cells(self) -> int:
        """S * K of a batch of its own."""
        return self.width * self.beam_size


@dataclass(frozen=True, slots=True)
class BatchShape:
    """The axes of a batch: B sources, S padded width, K slots."""

    sources: int
    width: int
    slots: int

    @classmethod
    def of(cls, sources: Sequence[Candidate]) -> "BatchShape":
        """What these sources take together; at least one."""
        return cls(
            len(sources),
            max(source.width for source in sources),
            max(source.beam_size for source in sources),
        )

    @property
    def cells(self) -> int:
        """B * S * K."""
        return self.sources * self.width * self.slots

    def joined_by(self, other: "BatchShape") -> "BatchShape":
        """One batch of both."""
        return BatchShape(
            self.sources + other.sources,
            max(self.width, other.width),
            max(self.slots, other.slots),
        )


@dataclass(frozen=True, slots=True)
class Load:
    """What a worker decodes: sources, and the cells of its batches."""

    sources: int = 0
    cells: int = 0


@dataclass(frozen=True, slots=True)
class Space:
    """What a worker may take in one turn.

    Attributes:
        sources: So many.
        cells: B * S * K.
        encode_tokens: Source tokens to encode, padding included; one source may have more.
    """

    sources: int
    cells: int
    encode_tokens: int


@dataclass(frozen=True, slots=True)
class Costs:
    """What a call of `advance` takes, in the time that one more row takes.

    Attributes:
        call: For being made at all.
        token: For each source token, padding included: it is attended to.
        most_tokens: Source tokens, padding included, from which on a call falls out of the
            processor's cache, so that two take less.
    """

    call: float
    token: float
    most_tokens: float

    def of(self, shape: BatchShape) -> float:
        """One call for a batch of this shape."""
        return self.call + shape.sources * (shape.slots + self.token * shape.width)


# Measured with the shipped bundles on one core (AMD EPYC with AVX-512 VNNI, chunks of 8 steps):
# 0.75 ms a call, 0.09 ms a row, 2.6 to 5.7 us a token; 16 x 256 tokens 27 ms, twice 8 x 256 19 ms.
CPU_COSTS = Costs(call=8, token=1 / 24, most_tokens=2048)

# What a call takes on a GPU depends little on its rows: everybody goes together.
GPU_COSTS = Costs(call=1e9, token=0, most_tokens=1e9)


def turns(lengths: Sequence[int], priorities: Sequence[int], arrived_s: float) -> list[float]:
    """When the sources of one request are to be served, if it cannot be at once.

    What may wait is wanted as a whole, so all of it takes its turn with its last source: of two
    such requests one is served after the other. That ends none later, the first sooner, and
    sources that a client has put beside their like stay there.

    Worked case: 20, 30 and 10 tokens at 100 s -> 100.02, 100.05, 100.06; if they may wait, three
    times 105.06.

    Args:
        lengths: Tokens of each source, in order.
        priorities: Of each; 0, or more for what may wait longer.
        arrived_s: When they arrived.
    """
    everything = sum(lengths)
    return [
        arrived_s + TOKEN_S * (everything if priority else tokens) + PATIENCE_S * priority
        for tokens, priority in zip(accumulate(lengths), priorities, strict=True)
    ]


def plan_admission(
    waiting: Iterable[Candidate], space: Space, *, hold_for_first: bool
) -> list[int]:
    """Choose who joins a worker's batches: whoever fits, in order.

    Args:
        waiting: Who waits, in the order they should be served.
        space: What there is room and time for.
        hold_for_first: Admit nobody rather than let others pass the first in line.

    Returns:
        Positions in `waiting`, ascending.
    """
    picked: list[int] = []
    cells, tokens = space.cells, space.encode_tokens
    for position, candidate in enumerate(waiting):
        # Whatever is left, the narrowest source would not fit.
        if len(picked) >= space.sources or (picked and tokens < SOURCE_MULTIPLE):
            break
        width = candidate.width
        if candidate.cells <= cells and (width <= tokens or not picked):
            picked.append(position)
            cells -= candidate.cells
            tokens -= width
        elif position == 0 and hold_for_first:
            break
    return picked


def encode_groups(sources: Sequence[Candidate], space: Space) -> list[list[int]]:
    """Split admitted sources into calls of `encode`, few and with little padding.

    Worked case: lengths 80, 40, 20, 10 are padded to 80, 48, 32, 16. The first two go together;
    the third would more than double in width, so it goes with the fourth.

    Args:
        sources: As `plan_admission` has chosen them.
        space: What it was given.

    Returns:
        Groups of positions in `sources`, each position once. In a group, no source is more than
        `MAX_WIDENING` times as wide as another, and no beam twice as wide. All groups together
        keep within `space`.
    """
    spare_tokens = space.encode_tokens - sum(source.width for source in sources)
    spare_cells = space.cells - sum(source.cells for source in sources)
    order = sorted(
        range(len(sources)),
        key=lambda position: (
            -_beam_class(sources[position].beam_size),
            -sources[position].width,
        ),
    )
    groups: list[list[int]] = []
    group = BatchShape(0, 0, 0)
    for position in order:
        source = sources[position]
        alone = BatchShape(1, source.width, source.beam_size)
        joined = group.joined_by(alone)
        more_tokens = joined.width - source.width
        more_cells = joined.cells - group.cells - alone.cells
        if (
            groups
            and _beam_class(source.beam_size) == _beam_class(group.slots)
            and joined.width <= MAX_WIDENING * source.width
            and more_tokens <= max(spare_tokens, 0)
            and more_cells <= spare_cells
        ):
            groups[-1].append(position)
            group = joined
            spare_tokens -= more_tokens
            spare_cells -= more_cells
        else:
            groups.append([position])
            group = alone
    return groups


def lanes_to_join(shapes: Sequence[BatchShape], costs: Costs, cells: int) -> list[list[int]]:
    """Put together what is cheaper to advance in one call than in two.

    Args:
        shapes: The batches that there are.
        costs: Of a call.
        cells: What all the batches together may grow to.

    Returns:
        Groups of positions in `shapes`, each position once.
    """
    groups = [[position] for position in range(len(shapes))]
    lanes = list(shapes)
    while len(lanes) > 1:
        spare = cells - sum(lane.cells for lane in lanes)

        def gain(pair: tuple[int, int], spare: int = spare) -> float:
            one, other = lanes[pair[0]], lanes[pair[1]]
            joined = one.joined_by(other)
            if (
                joined.sources * joined.width > costs.most_tokens
                or joined.cells - one.cells - other.cells > spare
            ):
                return 0
            return costs.of(one) + costs.of(other) - costs.of(joined)

        best = max(combinations(range(len(lanes)), 2), key=gain)
        if gain(best) <= 0:
            break
        first, second = best
        lanes[first] = lanes[first].joined_by(lanes.pop(second))
        groups[first] += groups.pop(second)
    return groups


def fair_share(waiting: int, own: int, others: Iterable[int]) -> int:
    """How many more sources a worker should take, so that every worker has work.

    Args:
        waiting: Sources in the queue.
        own: Sources this worker decodes.
        others: Sources each other worker decodes; 0 is an idle one.

    Returns:
        What is missing to an equal share of all sources. At least 1 when nobody is idle, so
        that nothing waits for a worker that has less to do but no room for it.
    """
    others = tuple(others)
    equal = -(-(waiting + own + sum(others)) // (1 + len(others)))
    return max(equal - own, 0 if 0 in others else 1)


def _beam_class(beam_size: int) -> int:
    """The exponent of the power of two that holds it: 1 -> 0, 2 -> 1, 3 and 4 -> 2."""
    return (beam_size - 1).bit_length()
