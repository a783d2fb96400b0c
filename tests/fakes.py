"""Fakes that several areas share: a model driven by a table, and a clock moved by hand."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from service.decoding.beginning import first_state, pad_sources
from service.decoding.contract import BatchState, Chunk, padded_width
from service.decoding.host import HostModel
from service.domain import FloatArray, SearchOptions
from tests.reference_search import Hypothesis, Rules, beam_step, is_finished

PAD, UNKNOWN, START, END = 0, 1, 2, 3
FIRST_WORD = 4

# Next-token logits, [V], as a function of the source (end mark included) and the prefix.
Table = Callable[[tuple[int, ...], tuple[int, ...]], FloatArray]

_LONGEST_PREFIX = 128


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def random_table(vocabulary_size: int = 12, seed: int = 0) -> Table:
    """Logits drawn anew for every source and prefix, always the same for the same ones."""

    @lru_cache(maxsize=100_000)
    def table(source: tuple[int, ...], prefix: tuple[int, ...]) -> FloatArray:
        return _noise("logits", seed, source, prefix).normal(0, 2, vocabulary_size).astype("f")

    return table


def echo_table(vocabulary_size: int = 12) -> Table:
    """A model that says the source again and ends: S tokens, end mark included, S steps."""

    def table(source: tuple[int, ...], prefix: tuple[int, ...]) -> FloatArray:
        logits = np.zeros(vocabulary_size, dtype=np.float32)
        logits[source[len(prefix)] if len(prefix) < len(source) else END] = 20
        return logits

    return table


class TableModel(HostModel):
    """A `DecoderModel` that looks its logits up in a table and searches in plain numpy.

    Like a real one it keeps nothing between calls: the source travels in `memory` and the
    prefix in the decoder state, so whatever the engine does wrong with rows shows.

    Args:
        table: Next-token logits.
        steps: Steps of one `advance`.
        with_attention: Whether chunks carry attention, deterministic in source and prefix.
    """

    pad_id = PAD
    start_id = START
    end_id = END

    def __init__(
        self, table: Table | None = None, *, steps: int = 4, with_attention: bool = True
    ) -> None:
        self.table = table or random_table()
        self.steps = steps
        self.with_attention = with_attention

    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> BatchState:
        assert max(option.beam_size for option in options) <= slots
        ids, lengths = pad_sources(sources, pad_id=PAD)
        return first_state(
            memory={"source": ids[:, :, np.newaxis].astype(np.float32)},
            source_lengths=lengths,
            decoder={"prefix": np.zeros((len(sources), _LONGEST_PREFIX), dtype=np.float32)},
            options=options,
            slots=slots,
            start_id=START,
        )

    def advance(self, state: BatchState) -> tuple[BatchState, Chunk]:
        n, B, K = self.steps, state.sources, state.slots
        S = state.memory["source"].shape[1]
        assert padded_width(state.source_lengths) == S, "wider or narrower than its sources need"
        chunk = Chunk(
            tokens=np.full((n, B, K), PAD, dtype=np.int64),
            parents=np.broadcast_to(np.arange(K), (n, B, K)).copy(),
            log_probs=np.broadcast_to(state.log_probs, (n, B, K)).copy(),
            attention=np.zeros((n, B, K, S), dtype=np.float32) if self.with_attention else None,
        )
        after = _copied(state)
        for b in range(B):
            self._advance_source(after, chunk, b)
        return after, chunk

    def rules(self, options: SearchOptions) -> Rules:
        """The rules of a search on this model, for the slow twins."""
        return Rules.of(options, end_id=END, never=(PAD, UNKNOWN, START))

    def logits(self, source: Sequence[int]) -> Callable[[tuple[int, ...]], FloatArray]:
        """The table for one source, for the slow twins."""
        return lambda prefix: self.table(tuple(source), prefix)

    def _advance_source(self, state: BatchState, chunk: Chunk, b: int) -> None:
        """Advance source `b` in place, and note in `chunk` what happened."""
        source = tuple(int(t) for t in state.memory["source"][b, : state.source_lengths[b], 0])
        assert not state.memory["source"][b, len(source) :].any(), "padding is not zero"
        rules = Rules(
            beam_size=int(state.beam_size[b]),
            num_hypotheses=int(state.num_hypotheses[b]),
            length_penalty=float(state.length_penalty[b]),
            min_length=int(state.min_length[b]),
            max_length=int(state.max_length[b]),
            end_id=END,
            never=frozenset((PAD, UNKNOWN, START)),
        )
        slots = [_read(state, b, k) for k in range(state.slots)]
        for step in range(self.steps):
            if state.finished[b]:
                break
            moves = beam_step(slots, self.logits(source), rules)
            for k, move in enumerate(moves):
                if move is None:
                    continue
                chunk.parents[step, b, k] = move.parent
                if move.token is not None:
                    chunk.tokens[step, b, k] = move.token
                    if chunk.attention is not None:
                        prefix = move.hypothesis.tokens[:-1]
                        weights = attention(source, prefix)
                        chunk.attention[step, b, move.parent, : len(source)] = weights
            slots = [move.hypothesis if move else None for move in moves]
            for k, slot in enumerate(slots):
                _write(state, b, k, slot)
            chunk.log_probs[step:, b] = state.log_probs[b]
            state.finished[b] = is_finished(slots, rules)


def attention(source: tuple[int, ...], prefix: tuple[int, ...]) -> FloatArray:
    """What a `TableModel` attends to when it has said `prefix`, [S], sums to 1."""
    weights = _noise("attention", 0, source, prefix).random(len(source)).astype(np.float32)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def _noise(
    use: str, seed: int, source: tuple[int, ...], prefix: tuple[int, ...]
) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr((use, seed, source, prefix)).encode()))


def _copied(state: BatchState) -> BatchState:
    return replace(
        state,
        decoder={name: array.copy() for name, array in state.decoder.items()},
        last_ids=state.last_ids.copy(),
        log_probs=state.log_probs.copy(),
        lengths=state.lengths.copy(),
        ended=state.ended.copy(),
        finished=state.finished.copy(),
    )


def _read(state: BatchState, b: int, k: int) -> Hypothesis | None:
    if np.isneginf(state.log_probs[b, k]):
        return None
    tokens = tuple(int(t) for t in state.decoder["prefix"][b, k, : state.lengths[b, k]])
    assert not tokens or tokens[-1] == state.last_ids[b, k]
    return Hypothesis(tokens, state.log_probs[b, k], bool(state.ended[b, k]))


def _write(state: BatchState, b: int, k: int, slot: Hypothesis | None) -> None:
    tokens = slot.tokens if slot is not None else ()
    state.decoder["prefix"][b, k] = 0
    state.decoder["prefix"][b, k, : len(tokens)] = tokens
    state.last_ids[b, k] = tokens[-1] if tokens else START
    state.lengths[b, k] = len(tokens)
    state.log_probs[b, k] = slot.log_prob if slot is not None else -np.inf
    state.ended[b, k] = slot is not None and slot.ended
