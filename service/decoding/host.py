"""States whose arrays lie in the host's memory: how they are taken apart, joined and widened."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np

from service.decoding.contract import BatchState, Part, padded_width
from service.decoding.shortlist import NO_CANDIDATE, candidate_width
from service.domain import FloatArray, IntArray

# Fields that are one array each with the source on axis 0 and no axis that is padded.
_PER_SOURCE = tuple(
    name for name in BatchState.__slots__ if name not in ("memory", "candidates", "decoder")
)


class HostModel:
    """What `DecoderModel`s have in common whose states lie in the host's memory."""

    def rearrange(self, parts: Sequence[Part], slots: int) -> BatchState:
        """See `DecoderModel.rearrange`."""
        if len(parts) == 1:
            return with_slots(_part(parts[0]), slots)
        # The memory is nearly all there is to copy: once, not once to take and once to join.
        bare = [Part(replace(part.state, memory={}), part.sources) for part in parts]
        together = concatenate([with_slots(_part(part), slots) for part in bare])
        return replace(together, memory=_gathered_memory(parts, together.source_lengths))

    def for_worker(self) -> Self:
        """See `DecoderModel.for_worker`: nothing is kept between calls."""
        return self


def take(state: BatchState, sources: IntArray) -> BatchState:
    """The state of `sources` (positions on axis 0, at least one), in that order.

    The source axis is cut to what the sources that stay need.
    """
    width = padded_width(state.source_lengths[sources])
    return BatchState(
        memory={name: array[sources, :width] for name, array in state.memory.items()},
        candidates=_narrowed(state.candidates[sources]),
        decoder={name: array[sources] for name, array in state.decoder.items()},
        **{name: getattr(state, name)[sources] for name in _PER_SOURCE},
    )


def concatenate(states: Sequence[BatchState]) -> BatchState:
    """One batch of several that have the same K, in order; S becomes the widest."""
    first = states[0]
    width = padded_width(np.concatenate([state.source_lengths for state in states]))
    return BatchState(
        memory={
            name: np.concatenate([_widened(state.memory[name], width) for state in states])
            for name in first.memory
        },
        candidates=_stacked([state.candidates for state in states]),
        decoder={
            name: np.concatenate([state.decoder[name] for state in states])
            for name in first.decoder
        },
        **{
            name: np.concatenate([getattr(state, name) for state in states]) for name in _PER_SOURCE
        },
    )


def with_slots(state: BatchState, slots: int) -> BatchState:
    """The same search with room for `slots` hypotheses per source, wider or narrower.

    Sources of different beam size share a batch, so K follows the widest that is in it.
    Slots from a source's `beam_size` on are never used, which is why they can come and go.

    Args:
        state: The search; unchanged.
        slots: The new K, at least the largest `beam_size` in the batch.
    """
    if slots == state.slots:
        return state
    assert slots >= state.beam_size.max(), "a slot in use would be lost"
    # New slots repeat slot 0, so that they hold values the graph can compute with, and are
    # then marked as empty. Worked case: K=2 -> 4 takes slots [0, 1, 0, 0].
    kept = min(slots, state.slots)
    origin = np.where(np.arange(slots) < kept, np.arange(slots), 0)
    log_probs = state.log_probs[:, origin]
    log_probs[:, kept:] = -np.inf
    ended = state.ended[:, origin]
    ended[:, kept:] = False
    return replace(
        state,
        decoder={name: array[:, origin] for name, array in state.decoder.items()},
        last_ids=state.last_ids[:, origin],
        log_probs=log_probs,
        lengths=state.lengths[:, origin],
        ended=ended,
    )


def _part(part: Part) -> BatchState:
    everything = np.array_equal(part.sources, np.arange(part.state.sources))
    return part.state if everything else take(part.state, part.sources)


def _gathered_memory(parts: Sequence[Part], source_lengths: IntArray) -> dict[str, FloatArray]:
    """The memory of all parts, in order, as wide as their sources need."""
    width = padded_width(source_lengths)
    memory = {}
    for name, first in parts[0].state.memory.items():
        gathered = np.empty((len(source_lengths), width, *first.shape[2:]), first.dtype)
        row = 0
        for part in parts:
            array = part.state.memory[name]
            for source in part.sources.tolist():
                kept = min(width, array.shape[1])
                gathered[row, :kept] = array[source, :kept]
                gathered[row, kept:] = 0
                row += 1
        memory[name] = gathered
    return memory


def _narrowed(candidates: IntArray) -> IntArray:
    """[B, C] with no more padding than its rows need."""
    if candidates.shape[1] == 0:
        return candidates
    counts = (candidates != NO_CANDIDATE).sum(axis=1)
    return candidates[:, : candidate_width(counts)]


def _stacked(parts: Sequence[IntArray]) -> IntArray:
    """Rows of candidates [B, C] of several states, as wide as the widest."""
    width = max(part.shape[1] for part in parts)
    if all(part.shape[1] == width for part in parts):
        return np.concatenate(parts)
    return np.concatenate(
        [
            np.pad(part, [(0, 0), (0, width - part.shape[1])], constant_values=NO_CANDIDATE)
            for part in parts
        ]
    )


def _widened(array: FloatArray, width: int) -> FloatArray:
    """[B, S, ...] padded with zeros to [B, width, ...]."""
    missing = width - array.shape[1]
    if missing == 0:
        return array
    return np.pad(array, [(0, 0), (0, missing)] + [(0, 0)] * (array.ndim - 2))
