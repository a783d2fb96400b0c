"""How a search begins: sources as arrays, and the state before the first step."""

from collections.abc import Sequence

import numpy as np

from service.decoding.contract import BatchState, padded_width
from service.domain import FloatArray, IntArray, SearchOptions


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
