"""When a search is over."""

from dataclasses import replace

import numpy as np

from service.decoding.contract import BatchState
from service.domain import BoolArray


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
