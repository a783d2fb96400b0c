"""When a search is over, against a twin that says it source by source."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.decoding.beginning import first_state
from service.decoding.contract import BatchState
from service.decoding.ending import search_is_over
from tests.networks import search_options

K = 3
MAX_LENGTH = 6


def random_state(seed: int) -> BatchState:
    """Sources with every mixture of empty, live and ended slots."""
    generator = np.random.default_rng(seed)
    options = [
        search_options(
            K,
            num_hypotheses=int(generator.integers(1, K + 1)),
            length_penalty=float(generator.choice([0.0, 0.6, 1.0, 2.0])),
            max_decoding_length=MAX_LENGTH - 1,
        )
        for _ in range(8)
    ]
    B = len(options)
    log_probs = -generator.exponential(3, (B, K)).astype(np.float32)
    log_probs[generator.random((B, K)) < 0.3] = -np.inf
    state = first_state(
        memory={},
        source_lengths=np.ones(B, np.int64),
        decoder={},
        options=options,
        slots=K,
        start_id=2,
    )
    return replace(
        state,
        log_probs=log_probs,
        lengths=generator.integers(1, MAX_LENGTH + 1, (B, K)),
        ended=(generator.random((B, K)) < 0.5) & np.isfinite(log_probs),
        finished=generator.random(B) < 0.1,
    )


def is_over(state: BatchState, b: int) -> bool:
    """The sentence of the docstring, in Python's floats."""
    penalty = float(state.length_penalty[b])
    ended, live = [], []
    for k in range(K):
        log_prob, length = float(state.log_probs[b, k]), int(state.lengths[b, k])
        if state.ended[b, k]:
            ended.append(log_prob / length**penalty)
        elif math.isfinite(log_prob):
            live.append(log_prob / int(state.max_length[b]) ** penalty)
    if state.finished[b] or not live:
        return True
    return bool(state.num_hypotheses[b] == 1 and ended and max(ended) >= max(live))


@given(seed=st.integers(0, 10_000))
def test_a_search_is_over_when_nothing_can_come_of_it(seed: int) -> None:
    state = random_state(seed)
    expected = [is_over(state, b) for b in range(state.sources)]
    assert search_is_over(state).tolist() == expected
