"""Rebuild hypotheses from the chunks of beam search a source lived through.

The decoder says, step by step, which token each slot took and which slot it continued; what
a hypothesis consists of is found by walking that trail backwards. The engine keeps one `Trail`
per source, and asks for the hypotheses when the source is done.

N steps in all, n steps in one chunk, K slots, S source tokens, T target tokens.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from service.decoding.contract import Chunk
from service.domain import BoolArray, DecodedHypothesis, FinishReason, FloatArray, IntArray


class _Stretch(NamedTuple):
    """A chunk without its attention, and where in it the source is."""

    tokens: IntArray  # [n, B, K]
    parents: IntArray  # [n, B, K]
    log_probs: FloatArray  # [n, B, K]
    position: int


class Trail:
    """What one source has lived through so far.

    It keeps the chunks as they are, neighbours included: they are a few kilobytes, and the
    neighbours keep them too. Attention is not: it is copied for this source, if wanted.

    Args:
        slots: K, the slots that the source may use: its beam size.
        source_length: S, the source's tokens without padding.
        want_attention: Whether the hypotheses should have attention.

    Attributes:
        steps: N, steps of all chunks.
    """

    __slots__ = ("_attention", "_slots", "_source_length", "_stretches", "_want", "steps")

    def __init__(self, slots: int, source_length: int, *, want_attention: bool) -> None:
        self._slots = slots
        self._source_length = source_length
        self._want = want_attention
        self._stretches: list[_Stretch] = []
        self._attention: list[FloatArray] = []  # [n, K, S] each
        self.steps = 0

    def add(self, chunk: Chunk, position: int) -> None:
        """Note what a chunk did to the source at `position` of its batch."""
        stretch = _Stretch(chunk.tokens, chunk.parents, chunk.log_probs, position)
        self._stretches.append(stretch)
        self.steps += len(chunk.tokens)
        if self._want and chunk.attention is not None:
            here = chunk.attention[:, position, : self._slots, : self._source_length]
            self._attention.append(here.copy())

    def tokens(self) -> IntArray:
        """Token put in each slot, [N, K]."""
        K = self._slots
        return np.concatenate([each.tokens[:, each.position, :K] for each in self._stretches])

    def parents(self) -> IntArray:
        """Slot of the step before that each slot continues, [N, K]."""
        K = self._slots
        return np.concatenate([each.parents[:, each.position, :K] for each in self._stretches])

    def log_probs(self) -> FloatArray:
        """Log-probability of each slot after each step, [N, K]."""
        K = self._slots
        return np.concatenate([each.log_probs[:, each.position, :K] for each in self._stretches])

    def attention(self) -> FloatArray | None:
        """Attention of each slot as `Chunk` has it, [N, K, S]; None when there is none."""
        return np.concatenate(self._attention) if self._attention else None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to.

    Attributes:
        hypotheses: Ended ones, best score first; of equal ones, the lower slot first. Empty
            when none ended.
        steps: Decoder steps in which at least one hypothesis of the source grew.
    """

    hypotheses: tuple[DecodedHypothesis, ...]
    steps: int


def backtrace(
    trail: Trail,
    ended: BoolArray,
    lengths: IntArray,
    *,
    length_penalty: float,
    num_hypotheses: int,
    pad_id: int,
    end_id: int,
) -> Found:
    """Rebuild the best hypotheses of one finished source.

    Args:
        trail: Everything the source lived through; at least one chunk.
        ended: Slots that hold an ended hypothesis after the last chunk, [K].
        lengths: Tokens of the hypothesis in each slot, the end mark included, [K].
        length_penalty: Exponent of the length that a log-probability is divided by.
        num_hypotheses: Most hypotheses to return.
        pad_id: Token of a slot that did not grow.
        end_id: The end mark; cut from the answer.
    """
    tokens, parents, log_probs = trail.tokens(), trail.parents(), trail.log_probs()  # [N, K]
    attention = trail.attention()  # [N, K, S]
    steps = np.arange(len(tokens))
    origins = parents.tolist()  # lists, because a walk through an array takes five times as long

    slots = ended.nonzero()[0]
    totals = log_probs[-1, slots].astype(np.float64)
    scores = totals / lengths[slots].astype(np.float64) ** length_penalty

    hypotheses = []
    for rank in np.argsort(-scores, kind="stable")[:num_hypotheses].tolist():
        path = _path(origins, int(slots[rank]))  # [N]
        path_tokens = tokens[steps, path]
        path_log_probs = log_probs[steps, path]
        gains = path_log_probs.copy()  # the empty hypothesis has log-probability 0
        gains[1:] -= path_log_probs[:-1]
        grew = (path_tokens != pad_id).nonzero()[0]  # [T]
        reason = FinishReason.LENGTH
        if path_tokens[grew[-1]] == end_id:
            reason = FinishReason.END
            grew = grew[:-1]
        hypotheses.append(
            DecodedHypothesis(
                token_ids=tuple(path_tokens[grew].tolist()),
                log_prob=float(totals[rank]),
                score=float(scores[rank]),
                token_log_probs=gains[grew],
                # A token was chosen by what its parent attended to.
                attention=None if attention is None else attention[grew, parents[grew, path[grew]]],
                finish_reason=reason,
            )
        )
    lived = int((tokens != pad_id).any(axis=1).sum())
    return Found(tuple(hypotheses), lived)


def _path(origins: list[list[int]], slot: int) -> IntArray:
    """Where the hypothesis that ends up in `slot` stands after each step, [N]."""
    path = [slot] * len(origins)
    for step in range(len(origins) - 1, 0, -1):
        slot = origins[step][slot]
        path[step - 1] = slot
    return np.array(path)
