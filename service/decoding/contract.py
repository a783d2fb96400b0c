"""The decoder contract: what the engine asks of a bundle.

`encode` turns token ids into memory and first decoder state; `advance` runs a few steps of
beam search inside the graph. The engine owns every array between calls. Each array has the
source on axis 0, so admitting, moving and dropping sentences is a concatenation or a gather
on axis 0 and nothing else; hypotheses are on axis 1, so flat row = b * K + k.

Two functions and two bundles of arrays: anything that implements `DecoderModel` can be
served, which is how the tests drive the engine with a table instead of a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from service.domain import BoolArray, FloatArray, IntArray, SearchOptions, SpecialIds

# Source widths are rounded up to this, so that a text meets few shapes and the same
# vector lanes whatever its neighbours' lengths.
SOURCE_MULTIPLE = 16


def padded_width(lengths: IntArray) -> int:
    """S for sources of these lengths: the longest, rounded up to `SOURCE_MULTIPLE`.

    Worked case: 1 -> 16, 16 -> 16, 17 -> 32.
    """
    return -(-int(lengths.max()) // SOURCE_MULTIPLE) * SOURCE_MULTIPLE


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
        finished: Sources whose search is over, as `service.decoding.ending` says; `advance` leaves
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
