"""Decode many sources through the contract, in batches, without the serving queue."""

from collections.abc import Sequence

import numpy as np

from service.decoding.backtrace import Trail, backtrace
from service.decoding.contract import DecoderModel, Part
from service.domain import DecodedHypothesis, SearchOptions


def decode(
    model: DecoderModel,
    sources: Sequence[Sequence[int]],
    options: SearchOptions,
    batch_sources: int = 64,
) -> list[list[DecodedHypothesis]]:
    """Best hypotheses of each source, in the sources' order.

    Sources of like length share a batch, and a source leaves it when it is finished.

    Args:
        model: Any implementation of the contract.
        sources: Token ids with the end mark.
        options: The same search for all.
        batch_sources: Sources decoded together.
    """
    order = np.argsort([len(source) for source in sources], kind="stable")
    found: list[list[DecodedHypothesis]] = [[] for _ in sources]
    for start in range(0, len(order), batch_sources):
        waiting = order[start : start + batch_sources]
        trails = {
            int(position): Trail(options.beam_size, len(sources[position]), want_attention=True)
            for position in waiting
        }
        state = model.encode(
            [sources[position] for position in waiting],
            [options] * len(waiting),
            options.beam_size,
        )
        while len(waiting):
            state, chunk = model.advance(state)
            for row, position in enumerate(waiting):
                trails[position].add(chunk, row)
                if state.finished[row]:
                    result = backtrace(
                        trails.pop(position),
                        state.ended[row],
                        state.lengths[row],
                        length_penalty=options.length_penalty,
                        num_hypotheses=options.num_hypotheses,
                        pad_id=model.pad_id,
                        end_id=model.end_id,
                    )
                    found[position] = list(result.hypotheses)
            live = np.flatnonzero(~state.finished)
            waiting = waiting[live]
            if len(live):
                state = model.rearrange([Part(state, live)], options.beam_size)
    return found
