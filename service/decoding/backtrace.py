"""Rebuild hypotheses from the chunks of beam search a source lived through.

The decoder says, step by step, which token each slot took and which slot it continued; what
a hypothesis consists of is found by walking that trail backwards. Pure functions: the engine
keeps one `Trace` per source and chunk, and asks for the hypotheses when the source is done.

N steps in all, n steps in one chunk, K slots, S source tokens, J hypotheses, T target tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.decoding.contract import Chunk
from service.domain import BoolArray, DecodedHypothesis, FinishReason, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Trace:
    """What one source lived through in one chunk, in arrays of its own.

    Attributes:
        tokens: Token put in each slot, [n, K]; the pad id in slots that did not grow.
        parents: Slot of the step before that each slot continues, [n, K].
        log_probs: Log-probability of each slot after the step, [n, K], float32.
        attention: Source weights behind each token, [n, K, S]; None without attention.
    """

    tokens: IntArray
    parents: IntArray
    log_probs: FloatArray
    attention: FloatArray | None


def trace_of(chunk: Chunk, source: int, slots: int, source_length: int) -> Trace:
    """Copy one source's part out of a chunk.

    Copies, because a view would keep the whole chunk alive, neighbours and padding included,
    for as long as this source is decoded.

    Args:
        chunk: What the whole batch did.
        source: Position of the source on axis 1.
        slots: K, the slots that the source may use: its beam size.
        source_length: S, the source's tokens without padding.
    """
    attention = chunk.attention
    return Trace(
        tokens=chunk.tokens[:, source, :slots].copy(),
        parents=chunk.parents[:, source, :slots].copy(),
        log_probs=chunk.log_probs[:, source, :slots].copy(),
        attention=None
        if attention is None
        else attention[:, source, :slots, :source_length].copy(),
    )


def backtrace(
    traces: Sequence[Trace],
    ended: BoolArray,
    *,
    length_penalty: float,
    num_hypotheses: int,
    pad_id: int,
    end_id: int,
) -> list[DecodedHypothesis]:
    """Rebuild the best hypotheses of one finished source.

    Args:
        traces: Everything the source lived through, oldest first; at least one.
        ended: Slots that hold an ended hypothesis after the last trace, [K].
        length_penalty: Exponent of the length that a log-probability is divided by.
        num_hypotheses: Most hypotheses to return.
        pad_id: Token of a slot that did not grow.
        end_id: The end mark; cut from the answer.

    Returns:
        Ended hypotheses, best score first; of equal ones, the lower slot first. Empty when
        none ended.
    """
    tokens = np.concatenate([trace.tokens for trace in traces])  # [N, K]
    parents = np.concatenate([trace.parents for trace in traces])  # [N, K]
    log_probs = np.concatenate([trace.log_probs for trace in traces])  # [N, K]

    # slots[t, j]: where the hypothesis that ends up j-th stands after step t.
    slots = np.empty((len(tokens), int(ended.sum())), dtype=np.int64)  # [N, J]
    slots[-1] = np.flatnonzero(ended)
    for step in range(len(tokens) - 1, 0, -1):
        slots[step - 1] = parents[step, slots[step]]

    path_tokens = np.take_along_axis(tokens, slots, axis=1)  # [N, J]
    path_log_probs = np.take_along_axis(log_probs, slots, axis=1)  # [N, J]
    # The empty hypothesis, before the first step, has log-probability 0.
    gains = np.diff(path_log_probs, axis=0, prepend=np.float32(0))  # [N, J]
    grew = path_tokens != pad_id  # [N, J]
    lengths = grew.sum(axis=0)  # [J], the end mark included
    totals = path_log_probs[-1].astype(np.float64)
    scores = totals / lengths.astype(np.float64) ** length_penalty

    hypotheses = []
    for j in np.argsort(-scores, kind="stable")[:num_hypotheses]:
        steps = np.flatnonzero(grew[:, j])
        reason = FinishReason.LENGTH
        if path_tokens[steps[-1], j] == end_id:
            reason = FinishReason.END
            steps = steps[:-1]
        hypotheses.append(
            DecodedHypothesis(
                token_ids=tuple(path_tokens[steps, j].tolist()),
                log_prob=float(totals[j]),
                score=float(scores[j]),
                token_log_probs=gains[steps, j],
                attention=_attention(traces, steps, slots[:, j]),
                finish_reason=reason,
            )
        )
    return hypotheses


def steps_lived(traces: Sequence[Trace], pad_id: int) -> int:
    """Decoder steps in which at least one hypothesis of the source grew."""
    return sum(int((trace.tokens != pad_id).any(axis=1).sum()) for trace in traces)


def _attention(traces: Sequence[Trace], steps: IntArray, slots: IntArray) -> FloatArray | None:
    """The weights behind the tokens of one hypothesis, [T, S].

    Args:
        traces: Everything the source lived through.
        steps: Steps at which the hypothesis took the T tokens, ascending.
        slots: Where the hypothesis stood after each step, [N].
    """
    rows = []
    first = 0
    for trace in traces:
        if trace.attention is None:
            return None
        here = steps[(steps >= first) & (steps < first + len(trace.tokens))]
        rows.append(trace.attention[here - first, slots[here]])
        first += len(trace.tokens)
    return np.concatenate(rows)
