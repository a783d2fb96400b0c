"""Beam search as plainly as it can be written: the slow twin of the search in the graph.

One source at a time, hypotheses as tuples, float32 only where the graph has float32. It is
driven by any function from a prefix to next-token logits, so the same code checks the
engine (through `tests.fakes.TableModel`) and the exported graphs (through PyTorch).

Tokens that are never produced are no part of the distribution. An end mark that comes too
early is: forbidding it does not make the others more probable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from service.domain import FloatArray, SearchOptions

Prefix = tuple[int, ...]
Logits = Callable[[Prefix], FloatArray]  # target tokens so far -> [V], float32


@dataclass(frozen=True, slots=True)
class Rules:
    """What a search has to keep to; lengths count the end mark.

    Attributes:
        never: Tokens that are never produced: pad, unknown, start.
    """

    beam_size: int
    num_hypotheses: int
    length_penalty: float
    min_length: int
    max_length: int
    end_id: int
    never: frozenset[int]

    @classmethod
    def of(cls, options: SearchOptions, *, end_id: int, never: Sequence[int]) -> "Rules":
        return cls(
            beam_size=options.beam_size,
            num_hypotheses=options.num_hypotheses,
            length_penalty=options.length_penalty,
            min_length=options.min_decoding_length + 1,
            max_length=options.max_decoding_length + 1,
            end_id=end_id,
            never=frozenset(never),
        )


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A slot's content; `tokens` has the end mark when it ended with one."""

    tokens: Prefix
    log_prob: np.float32
    ended: bool


EMPTY = Hypothesis(tokens=(), log_prob=np.float32(0), ended=False)


@dataclass(frozen=True, slots=True)
class Move:
    """What a step did to one slot: who is in it now, from which slot, by which token."""

    hypothesis: Hypothesis
    parent: int
    token: int | None  # None: it did not grow


def next_log_probs(logits: FloatArray, rules: Rules) -> FloatArray:
    """Natural log of the softmax over the tokens that can be produced, float32, [V]."""
    possible = logits.copy()
    possible[list(rules.never)] = -np.inf
    shifted = possible - possible.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()), dtype=np.float32)


def beam_step(
    slots: Sequence[Hypothesis | None], logits: Logits, rules: Rules
) -> list[Move | None]:
    """One step of one source that is not finished.

    Args:
        slots: K hypotheses; None is an empty slot.
        logits: Asked once for every live hypothesis.
        rules: What the search has to keep to.

    Returns:
        K moves: ended hypotheses first, in slot order, then the best continuations of the
        live ones by log-probability, then None.
    """
    moves: list[Move | None] = [
        Move(slot, parent, None)
        for parent, slot in enumerate(slots)
        if slot is not None and slot.ended
    ]
    # In order of slot and then of the token's rank, which a stable sort keeps among equals.
    candidates = [
        Move(_grown(slot, token, log_prob, rules), parent, token)
        for parent, slot in enumerate(slots)
        if slot is not None and not slot.ended
        for token, log_prob in _continuations(slot, logits, rules)
    ]
    candidates.sort(key=lambda move: -move.hypothesis.log_prob)
    moves += candidates[: rules.beam_size - len(moves)]
    return moves + [None] * (len(slots) - len(moves))


def is_finished(slots: Sequence[Hypothesis | None], rules: Rules) -> bool:
    """Whether the search of a source is over."""
    live = [slot for slot in slots if slot is not None and not slot.ended]
    if not live:
        return True
    ended = [slot for slot in slots if slot is not None and slot.ended]
    if rules.num_hypotheses > 1 or not ended:
        return False
    # Log-probabilities only go down, so no live hypothesis can ever score more than this.
    attainable = max(_graph_score(slot.log_prob, rules.max_length, rules) for slot in live)
    best = max(_graph_score(slot.log_prob, len(slot.tokens), rules) for slot in ended)
    return bool(best >= attainable)


def beam_search(logits: Logits, rules: Rules) -> list[Hypothesis]:
    """Search one source to its end: ended hypotheses, best score first, ties by slot."""
    slots: list[Hypothesis | None] = [EMPTY, *[None] * (rules.beam_size - 1)]
    while not is_finished(slots, rules):
        slots = [move.hypothesis if move else None for move in beam_step(slots, logits, rules)]
    return ranked([slot for slot in slots if slot is not None and slot.ended], rules)


def greedy_search(logits: Logits, rules: Rules) -> Hypothesis:
    """Take the most probable allowed token until the end."""
    hypothesis = EMPTY
    while not hypothesis.ended:
        token, log_prob = next(iter(_continuations(hypothesis, logits, rules)))
        hypothesis = _grown(hypothesis, token, log_prob, rules)
    return hypothesis


def exhaustive_search(logits: Logits, rules: Rules) -> list[Hypothesis]:
    """Every sequence there is, best score first; for tiny vocabularies and lengths."""
    complete: list[Hypothesis] = []
    growing = [EMPTY]
    while growing:
        grown = [
            _grown(hypothesis, token, log_prob, rules)
            for hypothesis in growing
            for token, log_prob in _continuations(hypothesis, logits, rules)
        ]
        complete += [hypothesis for hypothesis in grown if hypothesis.ended]
        growing = [hypothesis for hypothesis in grown if not hypothesis.ended]
    return ranked(complete, rules)


def ranked(hypotheses: Sequence[Hypothesis], rules: Rules) -> list[Hypothesis]:
    """Best score first; equal ones stay in order."""
    return sorted(hypotheses, key=lambda h: -score(h, rules))


def score(hypothesis: Hypothesis, rules: Rules) -> float:
    """``log_prob / length**length_penalty`` in float64, the length with the end mark."""
    return float(float(hypothesis.log_prob) / len(hypothesis.tokens) ** rules.length_penalty)


def _continuations(
    hypothesis: Hypothesis, logits: Logits, rules: Rules
) -> list[tuple[int, np.float32]]:
    """Allowed next tokens, best first, each with the log-probability of the whole."""
    own = next_log_probs(logits(hypothesis.tokens), rules)
    log_probs = hypothesis.log_prob + own
    may_end = len(hypothesis.tokens) + 1 >= rules.min_length
    return [
        (int(token), log_probs[token])
        for token in np.argsort(-own, kind="stable")
        if (token != rules.end_id or may_end) and np.isfinite(log_probs[token])
    ]


def _grown(hypothesis: Hypothesis, token: int, log_prob: np.float32, rules: Rules) -> Hypothesis:
    tokens = (*hypothesis.tokens, token)
    return Hypothesis(tokens, log_prob, token == rules.end_id or len(tokens) >= rules.max_length)


def _graph_score(log_prob: np.float32, length: int, rules: Rules) -> np.float32:
    """The score as the graph has it, in float32."""
    return np.float32(log_prob / np.float32(length) ** np.float32(rules.length_penalty))
