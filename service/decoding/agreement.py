"""What is certain of an answer while its search goes on.

Beam search takes nothing back that all its hypotheses have in common: whatever the answer will
be, and whichever of the n best is taken in the end, it begins with what every hypothesis that
can still be among them begins with.

N steps so far, K slots.
"""

import numpy as np

from service.decoding.backtrace import Trail
from service.domain import BoolArray, FloatArray, IntArray


def possible_slots(
    log_probs: FloatArray,
    ended: BoolArray,
    lengths: IntArray,
    *,
    length_penalty: float,
    num_hypotheses: int,
) -> list[int]:
    """Slots whose hypothesis, or what becomes of it, can be in the answer.

    Those are all that are live, because they can come to anything, and the best of the ended:
    what is worse than `num_hypotheses` ended ones stays so.

    Args:
        log_probs: Log-probability of each slot, -inf for one without a hypothesis, [K].
        ended: Slots that hold an ended hypothesis, [K].
        lengths: Tokens of the hypothesis in each slot, the end mark included, [K].
        length_penalty: Exponent of the length that a log-probability is divided by.
        num_hypotheses: Hypotheses that the answer has.
    """
    live = (np.isfinite(log_probs) & ~ended).nonzero()[0]
    best = ended.nonzero()[0]
    if len(best) > num_hypotheses:
        totals = log_probs[best].astype(np.float64)
        scores = totals / lengths[best].astype(np.float64) ** length_penalty
        # Of equal ones all stay: which comes first is `backtrace`'s to say.
        best = best[scores >= np.sort(scores)[-num_hypotheses]]
    found: list[int] = [*live.tolist(), *best.tolist()]
    return found


def agreed_tokens(trail: Trail, slots: list[int], *, pad_id: int, end_id: int) -> tuple[int, ...]:
    """The tokens that the hypotheses in some slots all begin with, without the end mark.

    No two slots ever hold the same tokens, so hypotheses agree up to the step at which their
    lines of descent part.

    Args:
        trail: Everything the source lived through; at least one chunk.
        slots: At least one.
        pad_id: Token of a slot that did not grow.
        end_id: The end mark.
    """
    tokens, origins = trail.tokens().tolist(), trail.parents().tolist()  # [N, K]
    places = set(slots)
    step = len(origins) - 1
    while step >= 0 and len(places) > 1:
        places = {origins[step][slot] for slot in places}
        step -= 1
    [slot] = places  # at the latest before the first step, when there was one hypothesis
    agreed: list[int] = []
    while step >= 0:
        agreed.append(tokens[step][slot])
        slot = origins[step][slot]
        step -= 1
    return tuple(token for token in reversed(agreed) if token not in (pad_id, end_id))
