"""Who is admitted next: pure functions over lengths, beams and budgets.

Two kinds of padding are kept apart. `encode` pads every source of a call to the longest one
and pays for it, so sources are encoded in groups of similar length. `advance` pays for the
widest source and the widest beam in the running batch, which the budget bounds; when more
waits than fits, those that add the least padding go first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.decoding.contract import SOURCE_MULTIPLE

# At most half of what one call of `encode` computes is padding. Finer groups waste less
# arithmetic and more calls, each of which reads all the encoder's weights.
MAX_PADDING = 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the plan knows of a source that waits.

    Attributes:
        length: Source tokens, the end mark included; at least 1.
        beam_size: Slots it needs.
        priority: Smaller is served first.
    """

    length: int
    beam_size: int
    priority: int = 0


@dataclass(frozen=True, slots=True)
class BatchShape:
    """The axes of a running batch: B sources, S padded width, K slots; all 0 when empty."""

    sources: int = 0
    width: int = 0
    slots: int = 0

    @property
    def cells(self) -> int:
        """B * S * K."""
        return self.sources * self.width * self.slots

    def joined_by(self, candidate: Candidate) -> "BatchShape":
        return BatchShape(
            sources=self.sources + 1,
            width=max(self.width, padded(candidate.length)),
            slots=max(self.slots, candidate.beam_size),
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """What a running batch may grow to: B sources, B * S * K cells."""

    max_sources: int
    max_cells: int

    def allows(self, shape: BatchShape) -> bool:
        return shape.sources <= self.max_sources and shape.cells <= self.max_cells


def padded(length: int) -> int:
    """The width that a source of this length takes in a batch of its own."""
    return -(-length // SOURCE_MULTIPLE) * SOURCE_MULTIPLE


def plan_admission(
    waiting: Sequence[Candidate], running: BatchShape, budget: Budget, *, hold_for_first: bool
) -> list[int]:
    """Choose who joins a running batch.

    The first in line goes if it fits at all. The others follow by priority and then by the
    padding they would add, as far as the budget reaches; when it reaches for all, all go.

    Args:
        waiting: Who waits, in the order they should be served.
        running: The batch as it is.
        budget: What the batch may grow to.
        hold_for_first: Admit nobody rather than let others pass the first in line.

    Returns:
        Positions in `waiting`, ascending.
    """
    if not waiting:
        return []
    picked = []
    batch = running
    first = running.joined_by(waiting[0])
    if budget.allows(first):
        picked.append(0)
        batch = first
    elif hold_for_first:
        return []

    def misfit(position: int) -> tuple[int, int]:
        candidate = waiting[position]
        added = batch.joined_by(candidate).cells - batch.cells
        return candidate.priority, added - candidate.length * candidate.beam_size

    for position in sorted(range(1, len(waiting)), key=misfit):
        joined = batch.joined_by(waiting[position])
        if budget.allows(joined):
            picked.append(position)
            batch = joined
    return sorted(picked)


def encode_groups(lengths: Sequence[int]) -> list[list[int]]:
    """Split admitted sources into calls of `encode` in which padding is bounded.

    Worked case: lengths 80, 40, 20, 10 are padded to 80, 48, 32, 16. The first three in 3 * 80
    cells are a third padding; the fourth would bring it to 45 %, so it joins them.

    Returns:
        Groups of positions in `lengths`, each position once. In a group, no more than
        `MAX_PADDING` of the cells are padding; rounding up to `SOURCE_MULTIPLE`, which
        even a lone source pays, does not count.
    """
    groups: list[list[int]] = []
    width = filled = 0
    for position in sorted(range(len(lengths)), key=lambda position: -lengths[position]):
        own = padded(lengths[position])
        fits = bool(groups) and filled + own >= (1 - MAX_PADDING) * width * (len(groups[-1]) + 1)
        if fits:
            groups[-1].append(position)
            filled += own
        else:
            groups.append([position])
            width = filled = own
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
