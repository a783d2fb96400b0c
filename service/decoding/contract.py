"""The decoder contract: what the engine asks of a bundle.

`encode` turns token ids into memory and first decoder state; `advance` runs a few steps of
beam search inside the graph. The engine owns every array between calls. Each array has the
source on axis 0, so admitting, moving and dropping sentences is a concatenation or a gather
on axis 0 and nothing else; hypotheses are on axis 1, so flat row = b * K + k.

Two functions and two bundles of arrays: anything that implements `DecoderModel` can be
served, which is how the tests drive the engine with a table instead of a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from service.decoding.shortlist import NO_CANDIDATE, candidate_width
from service.domain import (
    BoolArray,
    FloatArray,
    IntArray,
    SearchOptions,
    SpecialIds,
)

# Source widths are rounded up to this, so that a text meets few shapes and the same
# vector lanes whatever its neighbours' lengths.
SOURCE_MULTIPLE = 16


@dataclass(frozen=True, slots=True)
class BatchState:
    """The search, between two calls of `advance`; B sources, K slots each.

    Attributes:
        memory: What attention looks at, by name, float32, [B, S, ...]; zero after a source's
            end. Empty for a model without attention.
        source_lengths: Tokens per source, the end mark included, [B].
        candidates: Tokens each source can be answered with besides those that all can,
            `NO_CANDIDATE` after the last, [B, C]; C is 0 for a model without a shortlist.
        decoder: Decoder state by name, float32, [B, K, ...].
        last_ids: Token each live hypothesis has last taken, [B, K].
        log_probs: Natural log-probability of each hypothesis, [B, K], float32; -inf marks a
            slot without a hypothesis.
        lengths: Target tokens per hypothesis, the end mark included, [B, K].
        ended: Hypotheses that grow no more; they keep their slot, [B, K].
        finished: Sources whose search is over, as `search_is_over` says; `advance` leaves
            them as they are, [B].
        beam_size: Slots a source may use, [B].
        min_length: Fewest tokens of a hypothesis, the end mark included, [B].
        max_length: Tokens at which a hypothesis is ended, the end mark included, [B].
        length_penalty: Exponent of the length a log-probability is divided by, [B], float32.
        num_hypotheses: Hypotheses the search has to find, [B].
    """

    memory: dict[str, FloatArray]
    source_lengths: IntArray
    candidates: IntArray
    decoder: dict[str, FloatArray]
    last_ids: IntArray
    log_probs: FloatArray
    lengths: IntArray
    ended: BoolArray
    finished: BoolArray
    beam_size: IntArray
    min_length: IntArray
    max_length: IntArray
    length_penalty: FloatArray
    num_hypotheses: IntArray

    @property
    def sources(self) -> int:
        """B, the number of sources."""
        return int(self.finished.shape[0])

    @property
    def slots(self) -> int:
        """K, the number of hypotheses the arrays have room for."""
        return int(self.ended.shape[1])


@dataclass(frozen=True, slots=True)
class Chunk:
    """What n steps of `advance` did; enough to rebuild every hypothesis on the host.

    Attributes:
        tokens: Token put in each slot, [n, B, K]; the pad id in slots that did not grow.
        parents: Slot of the step before that each slot continues, [n, B, K].
        log_probs: Log-probability of each slot after the step, [n, B, K], float32.
        attention: Source weights of each slot as it stood before the step, [n, B, K, S]; those
            behind a token are its parent's. None without attention.
        captured: Whether a device ran it as one captured graph; None without a device.
    """

    tokens: IntArray
    parents: IntArray
    log_probs: FloatArray
    attention: FloatArray | None
    captured: bool | None = None


class DecoderModel(Protocol):
    """A model that can encode and advance.

    States are the model's own: the engine reads the fields that are arrays of numbers per
    source, and has `memory` and `decoder` moved by `rearrange`, wherever they lie.
    """

    @property
    def pad_id(self) -> int: ...

    @property
    def start_id(self) -> int: ...

    @property
    def end_id(self) -> int: ...

    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> BatchState:
        """Encode sources and build the state of a search that has not begun.

        Args:
            sources: B sources of token ids, each with its end mark; any lengths.
            options: Search options, one per source.
            slots: K, at least the largest `beam_size` of `options`.

        Returns:
            The first state: slot 0 of each source holds the empty hypothesis.
        """
        ...

    def advance(self, state: BatchState) -> tuple[BatchState, Chunk]:
        """Run the model's number of beam-search steps for every unfinished source."""
        ...

    def rearrange(self, parts: Sequence["Part"], slots: int) -> BatchState:
        """One batch of sources of several states, which must not be used again.

        Args:
            parts: At least one.
            slots: The new K, at least the largest `beam_size` of the sources.
        """
        ...

    def for_worker(self) -> "DecoderModel":
        """The model as one worker calls it, with its own room for what is being decoded.

        Called once in the worker's thread, before its first source; may take seconds.
        """
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """Sources of one state that go on.

    Attributes:
        state: The state they are in.
        sources: Which, and in which order; positions on axis 0, at least one.
    """

    state: BatchState
    sources: IntArray

    @classmethod
    def whole(cls, state: BatchState) -> "Part":
        """All the sources of a state."""
        return cls(state, np.arange(state.sources))


class VocabularyModel:
    """What `DecoderModel`s have in common that were made for one vocabulary.

    Attributes:
        ids: The vocabulary's special ids.
    """

    ids: SpecialIds

    @property
    def pad_id(self) -> int:
        """See `DecoderModel`."""
        return self.ids.pad_id

    @property
    def start_id(self) -> int:
        """See `DecoderModel`."""
        return self.ids.start_id

    @property
    def end_id(self) -> int:
        """See `DecoderModel`."""
        return self.ids.end_id


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


def padded_width(lengths: IntArray) -> int:
    """S for sources of these lengths: the longest, rounded up to `SOURCE_MULTIPLE`.

    Worked case: 1 -> 16, 16 -> 16, 17 -> 32.
    """
    return -(-int(lengths.max()) // SOURCE_MULTIPLE) * SOURCE_MULTIPLE


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


def search_is_over(state: BatchState) -> BoolArray:
    """Sources that no further step can change for the better, [B].

    That is when nothing is live, or when only the best hypothesis is wanted and no live one
    can come to score more: log-probabilities only fall.
    """
    live = np.isfinite(state.log_probs) & ~state.ended
    over: BoolArray = state.finished | ~live.any(axis=1)
    # Greedy searches are never contested, and this is asked after every chunk.
    contested = ~over & (state.num_hypotheses == 1) & state.ended.any(axis=1)
    if not contested.any():
        return over
    penalty = state.length_penalty[:, np.newaxis]
    scores = state.log_probs / np.maximum(state.lengths, 1).astype(np.float32) ** penalty
    bounds = state.log_probs / state.max_length[:, np.newaxis].astype(np.float32) ** penalty
    best_ended = np.where(state.ended, scores, -np.inf).max(axis=1)
    best_live = np.where(live, bounds, -np.inf).max(axis=1)
    result: BoolArray = over | (contested & (best_ended >= best_live))
    return result


def judged(before: BatchState, after: BatchState) -> BatchState:
    """What `advance` made of `before`, with the verdict on each search.

    To a graph, a search that is over is one in which every hypothesis has ended; here those
    that had not stay as they were.
    """
    over = before.finished[:, np.newaxis]
    after = replace(after, ended=np.where(over, before.ended, after.ended))
    return replace(after, finished=search_is_over(after))


# Fields that are one array each with the source on axis 0 and no axis that is padded.
_PER_SOURCE = tuple(
    name for name in BatchState.__slots__ if name not in ("memory", "candidates", "decoder")
)


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


def pad_sources(sources: Sequence[Sequence[int]], pad_id: int) -> tuple[IntArray, IntArray]:
    """Ids [B, S] and lengths [B] of sources of any lengths; S as `padded_width` says."""
    lengths = np.array([len(source) for source in sources], dtype=np.int64)
    ids = np.full((len(sources), padded_width(lengths)), pad_id, dtype=np.int64)
    for row, source in zip(ids, sources, strict=True):
        row[: len(source)] = source
    return ids, lengths


def first_state(
    *,
    memory: dict[str, FloatArray],
    source_lengths: IntArray,
    decoder: dict[str, FloatArray],
    options: Sequence[SearchOptions],
    slots: int,
    start_id: int,
    candidates: IntArray | None = None,
) -> BatchState:
    """The state of a search that has not begun.

    Args:
        memory: As in `BatchState`.
        source_lengths: As in `BatchState`.
        decoder: First decoder state, one row a source, [B, ...].
        options: One per source.
        slots: K; slot 0 gets the empty hypothesis, the others get none.
        start_id: What the decoder is fed first.
        candidates: As in `BatchState`; None for a model without a shortlist.
    """
    shape = (len(options), slots)
    log_probs = np.full(shape, -np.inf, dtype=np.float32)
    log_probs[:, 0] = 0.0

    def column(values: Sequence[int]) -> IntArray:
        return np.array(values, dtype=np.int64)

    return BatchState(
        memory=memory,
        source_lengths=source_lengths,
        candidates=np.empty((len(options), 0), np.int64) if candidates is None else candidates,
        decoder={
            name: np.repeat(array[:, np.newaxis], slots, axis=1) for name, array in decoder.items()
        },
        last_ids=np.full(shape, start_id, dtype=np.int64),
        log_probs=log_probs,
        lengths=np.zeros(shape, dtype=np.int64),
        ended=np.zeros(shape, dtype=np.bool_),
        finished=np.zeros(len(options), dtype=np.bool_),
        beam_size=column([option.beam_size for option in options]),
        # The contract's lengths count the end mark, the options' do not.
        min_length=column([option.min_decoding_length + 1 for option in options]),
        max_length=column([option.max_decoding_length + 1 for option in options]),
        length_penalty=np.array([option.length_penalty for option in options], dtype=np.float32),
        num_hypotheses=column([option.num_hypotheses for option in options]),
    )
