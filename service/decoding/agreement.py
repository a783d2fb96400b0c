"""What is certain of an answer while its search goes on.

Beam search takes nothing back that all its hypotheses have in common: whatever the answer will
be, it begins with what every hypothesis begins with. The ended ones count too, however low they
score: the answer may be rescued with any of them (`service.pipeline.rescue`).

N steps so far, K slots.
"""

from service.decoding.backtrace import Trail


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
