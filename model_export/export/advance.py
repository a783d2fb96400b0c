"""The `advance` graph: n steps of beam search, all of them inside the graph.

What a step does is said once, in `_Search.step`; n of them are either the body of a Loop,
which ends early when every source is finished, or written out one after the other without any
control flow, which is what a CUDA graph can capture.

B sources, K slots, R = B * K rows, S source tokens, V vocabulary, D hidden, C = K + 1
candidates a slot. See `service.decoding.contract` for what each input and output means, and
`model_export.model.search` for the same search in eager PyTorch.
"""

import math
from dataclasses import astuple, dataclass
from functools import partial

import numpy as np
import onnx

from model_export.export.graph import Graph, WeightsFile
from model_export.export.network import DecoderStep, padding_bias, source_mask
from service.bundle.manifest import Precision


@dataclass(frozen=True, slots=True)
class AdvanceConfig:
    """What `advance` is built for.

    Attributes:
        steps: n, decoder steps of one call.
        unrolled: Write the steps out instead of looping over them.
        precision: How to multiply.
        memory_bound: Bound of the memory; None when it has none that is known.
        pad_id: Token of a slot that does not grow.
        end_id: The end mark.
    """

    steps: int
    unrolled: bool
    precision: Precision
    memory_bound: float | None
    pad_id: int
    end_id: int


@dataclass(frozen=True, slots=True)
class _Carried:
    """What goes from one step to the next; names of values."""

    hidden: str  # [B, K, D]
    last_ids: str  # [B, K]
    log_probs: str  # [B, K]
    lengths: str  # [B, K]
    ended: str  # [B, K]
    finished: str  # [B]


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a step leaves behind for the host; names of values."""

    tokens: str  # [B, K]
    parents: str  # [B, K]
    log_probs: str  # [B, K]
    attention: str | None  # [B, K, S]


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What stays the same during a call; names of values, made before the first step."""

    token_table: str  # [V, 4D]
    keys: str | None  # as `AttentionHead.lay_out_keys` makes them
    values: str | None  # [B, N, S, D/N]
    padding: str | None  # [B, 1, 1, S]
    context: str | None  # [R, D], the fixed context of a model without attention
    attending: str  # [B, max(K, 2)], rows that attend
    beam_size: str  # [B, 1]
    min_length: str  # [B, 1]
    max_length: str  # [B, 1]
    length_penalty: str  # [B, 1]
    largest_length: str  # [B, 1], max_length ** length_penalty
    wants_best: str  # [B], num_hypotheses == 1
    slots: str  # [1], K
    slot_numbers: str  # [K]
    first_rows: str  # [B, 1], row of the first slot of each source: 0, K, 2K, ...
    matrix: str  # [2], the shape (B, K)
    rows: str  # [3], the shape (B, K, D)


_CARRIED: dict[str, tuple[type[np.generic], tuple[str, ...]]] = {
    "state.hidden": (np.float32, ("B", "K", "D")),
    "last_ids": (np.int64, ("B", "K")),
    "log_probs": (np.float32, ("B", "K")),
    "lengths": (np.int64, ("B", "K")),
    "ended": (np.bool_, ("B", "K")),
    "finished": (np.bool_, ("B",)),
}


def advance_graph(
    step: DecoderStep, weights: WeightsFile, config: AdvanceConfig
) -> onnx.ModelProto:
    """Build `advance`.

    Inputs and outputs are named as the fields of `BatchState` and `Chunk`: memory as
    `memory.*`, decoder state as `state.*`, what comes out of the state as `next.*` and the
    chunk as `step.*`.
    """
    graph = Graph("advance", weights)
    search = _Search(step, config)
    shapes = {
        name: (dtype, [step.size if axis == "D" else axis for axis in axes])
        for name, (dtype, axes) in _CARRIED.items()
    }
    carried = _Carried(*(graph.input(name, *declared) for name, declared in shapes.items()))
    fixed = search.prepare(graph, carried.hidden)
    run = _unrolled if config.unrolled else _looped
    after, taken = run(graph, search, fixed, carried)
    for (name, declared), value in zip(shapes.items(), astuple(after), strict=True):
        graph.output(f"next.{name}", value, *declared)
    graph.output("step.tokens", taken.tokens, np.int64, ["n", "B", "K"])
    graph.output("step.parents", taken.parents, np.int64, ["n", "B", "K"])
    graph.output("step.log_probs", taken.log_probs, np.float32, ["n", "B", "K"])
    if taken.attention is not None:
        graph.output("step.attention", taken.attention, np.float32, ["n", "B", "K", "S"])
    return graph.model()


def _unrolled(
    graph: Graph, search: "_Search", fixed: _Fixed, carried: _Carried
) -> tuple[_Carried, _Taken]:
    steps = []
    for _ in range(search.config.steps):
        carried, taken = search.step(graph, fixed, carried)
        steps.append(taken)

    def stack(values: list[str]) -> str:
        return graph.op("Concat", *(graph.unsqueeze(value, 0) for value in values), axis=0)

    attention = [taken.attention for taken in steps if taken.attention is not None]
    return carried, _Taken(
        stack([taken.tokens for taken in steps]),
        stack([taken.parents for taken in steps]),
        stack([taken.log_probs for taken in steps]),
        stack(attention) if attention else None,
    )


def _looped(
    graph: Graph, search: "_Search", fixed: _Fixed, carried: _Carried
) -> tuple[_Carried, _Taken]:
    body = graph.scope("step")
    body.input("step_number", np.int64, [])
    body.input("go_on", np.bool_, [])
    inside = _Carried(
        *(
            body.input(f"carried.{name}", dtype, list(shape))
            for name, (dtype, shape) in _CARRIED.items()
        )
    )
    after, taken = search.step(body, fixed, inside)
    unfinished = body.op("Not", after.finished)
    any_left = body.op("ReduceMax", body.cast(unfinished, np.int32), keepdims=0)
    body.output("still", body.cast(any_left, np.bool_), np.bool_, [])
    for (name, (dtype, shape)), value in zip(_CARRIED.items(), astuple(after), strict=True):
        body.output(f"after.{name}", value, dtype, list(shape))
    body.output("tokens", taken.tokens, np.int64, ["B", "K"])
    body.output("parents", taken.parents, np.int64, ["B", "K"])
    body.output("after_log_probs", taken.log_probs, np.float32, ["B", "K"])
    if taken.attention is not None:
        body.output("attention", taken.attention, np.float32, ["B", "K", "S"])
    scanned = 3 if taken.attention is None else 4
    results = graph.ops(
        "Loop",
        len(_CARRIED) + scanned,
        graph.const(search.config.steps, np.int64),
        graph.const(True, np.bool_),
        *astuple(carried),
        body=body.proto(),
    )
    tokens, parents, log_probs, *attention = results[len(_CARRIED) :]
    return _Carried(*results[: len(_CARRIED)]), _Taken(
        tokens, parents, log_probs, attention[0] if attention else None
    )


class _Search:
    """Adds the nodes of the search to a graph."""

    def __init__(self, step: DecoderStep, config: AdvanceConfig) -> None:
        self.decoder = step
        self.config = config

    def prepare(self, graph: Graph, hidden: str) -> _Fixed:
        """Declare the other inputs and make what no step changes."""
        size = self.decoder.size
        keys = values = padding = context = None
        if self.decoder.attention is None:
            context = graph.input("state.context", np.float32, ["B", "K", size])
            context = graph.reshape(context, -1, size)
        else:
            lengths = graph.input("source_lengths", np.int64, ["B"])
            memory = graph.input("memory.values", np.float32, ["B", "S", size])
            padding = padding_bias(graph, source_mask(graph, memory, lengths))
            attention = self.decoder.attention
            raw_keys = memory
            if attention.has_keys:
                raw_keys = graph.input("memory.keys", np.float32, ["B", "S", size])
            keys = attention.lay_out_keys(graph, raw_keys)
            values = attention.lay_out_values(graph, memory)

        def column(name: str, dtype: type[np.generic]) -> str:
            return graph.unsqueeze(graph.input(name, dtype, ["B"]), 1)

        max_length = column("max_length", np.int64)
        length_penalty = column("length_penalty", np.float32)
        wanted = graph.input("num_hypotheses", np.int64, ["B"])
        sources, slots = graph.size(hidden, 0), graph.size(hidden, 1)
        slot_numbers = graph.range(slots)
        first_rows = graph.unsqueeze(graph.op("Mul", graph.range(sources), slots), 1)
        # ONNX Runtime multiplies one row by another routine than several, which rounds
        # differently: a lone slot attends twice, so that it is the same bits among others.
        pair = graph.range(graph.op("Max", slots, graph.ints(2)))
        last = graph.op("Sub", slots, graph.ints(1))
        return _Fixed(
            token_table=self.decoder.token_table(graph),
            keys=keys,
            values=values,
            padding=padding,
            context=context,
            beam_size=column("beam_size", np.int64),
            min_length=column("min_length", np.int64),
            max_length=max_length,
            length_penalty=length_penalty,
            largest_length=graph.op("Pow", graph.cast(max_length, np.float32), length_penalty),
            wants_best=graph.op("Equal", wanted, graph.const(1, np.int64)),
            slots=slots,
            attending=graph.op("Add", first_rows, graph.op("Min", pair, last)),
            slot_numbers=slot_numbers,
            first_rows=first_rows,
            matrix=graph.op("Concat", sources, slots, axis=0),
            rows=graph.op("Concat", sources, slots, graph.ints(size), axis=0),
        )

    def step(self, graph: Graph, fixed: _Fixed, before: _Carried) -> tuple[_Carried, _Taken]:
        """One step of the network and of the search."""
        size = self.decoder.size
        ids = graph.reshape(before.last_ids, -1)
        logits, state, weights = self.decoder(
            graph,
            token=graph.op("Gather", fixed.token_table, ids),
            hidden=graph.reshape(before.hidden, -1, size),
            attend=partial(self._attend, graph, fixed),
            precision=self.config.precision,
            memory_bound=self.config.memory_bound,
        )
        frozen = graph.op("Or", before.ended, graph.unsqueeze(before.finished, 1))
        totals, tokens = self._candidates(graph, fixed, before, logits, frozen)
        parents, tokens, log_probs = self._choose(graph, fixed, frozen, totals, tokens)

        def inherited(value: str) -> str:
            return graph.op("GatherElements", value, parents, axis=1)

        empty = graph.op("Equal", log_probs, graph.const(-math.inf, np.float32))
        occupied = graph.op("Not", empty)
        grew = graph.op("And", graph.op("Not", inherited(frozen)), occupied)
        tokens = graph.op("Where", grew, tokens, graph.const(self.config.pad_id, np.int64))
        lengths = graph.op("Add", inherited(before.lengths), graph.cast(grew, np.int64))
        full = graph.op("GreaterOrEqual", lengths, fixed.max_length)
        at_end = graph.op("Equal", tokens, graph.const(self.config.end_id, np.int64))
        stopped = graph.op("And", grew, graph.op("Or", at_end, full))
        kept = graph.op("And", inherited(before.ended), occupied)
        ended = graph.op("Or", kept, stopped)
        rows = graph.reshape(graph.op("Add", parents, fixed.first_rows), -1)
        hidden = graph.op("Reshape", graph.op("Gather", state, rows), fixed.rows)
        after = _Carried(
            hidden=hidden,
            last_ids=graph.op("Where", grew, tokens, inherited(before.last_ids)),
            log_probs=log_probs,
            lengths=lengths,
            ended=ended,
            finished=graph.op(
                "Or",
                before.finished,
                self._finished(graph, fixed, log_probs, lengths, ended),
            ),
        )
        attention = None
        if weights is not None:
            mean = graph.op("ReduceMean", weights, graph.ints(1), keepdims=0)  # [B, K, S]
            # Row of a parent = its place on the flattened axes B and K.
            flat = graph.op("Flatten", mean, axis=2)
            shape = graph.op("Concat", fixed.matrix, graph.ints(-1), axis=0)
            attention = graph.op("Reshape", graph.op("Gather", flat, rows), shape)
        return after, _Taken(tokens, parents, log_probs, attention)

    def _attend(self, graph: Graph, fixed: _Fixed, middle: str) -> tuple[str, str | None]:
        """Context rows [R, D] for s'_t [R, D], and weights [B, N, K, S]."""
        if self.decoder.attention is None:
            assert fixed.context is not None
            return fixed.context, None
        assert fixed.keys is not None
        assert fixed.values is not None
        assert fixed.padding is not None
        context, weights = self.decoder.attention(
            graph,
            graph.op("Gather", middle, fixed.attending),
            keys=fixed.keys,
            values=fixed.values,
            bias=fixed.padding,
            precision=self.config.precision,
        )
        context = graph.op("Gather", context, fixed.slot_numbers, axis=1)
        weights = graph.op("Gather", weights, fixed.slot_numbers, axis=2)
        return graph.reshape(context, -1, self.decoder.size), weights

    def _candidates(
        self, graph: Graph, fixed: _Fixed, before: _Carried, logits: str, frozen: str
    ) -> tuple[str, str]:
        """Log-probabilities and tokens of each slot's candidates, [B, K, C] each.

        One candidate more than can be chosen, since the end mark may be forbidden. A frozen
        slot has one candidate: itself, not grown.
        """
        count = graph.op("Add", fixed.slots, graph.ints(1))
        vocabulary = graph.size(logits, 1)
        count = graph.op("Min", count, vocabulary)
        log_probs = graph.op("LogSoftmax", logits, axis=-1)
        best, tokens = graph.ops("TopK", 2, log_probs, count, axis=-1)  # [R, C]
        shape = graph.op("Concat", fixed.matrix, graph.ints(-1), axis=0)
        best = graph.op("Reshape", best, shape)
        tokens = graph.op("Reshape", tokens, shape)
        minus_infinity = graph.const(-math.inf, np.float32)

        grown = graph.op("Add", before.lengths, graph.const(1, np.int64))
        too_short = graph.unsqueeze(graph.op("Less", grown, fixed.min_length), 2)
        at_end = graph.op("Equal", tokens, graph.const(self.config.end_id, np.int64))
        forbidden = graph.op("And", at_end, too_short)
        best = graph.op("Where", forbidden, minus_infinity, best)
        totals = graph.op("Add", graph.unsqueeze(before.log_probs, 2), best)

        frozen_slots = graph.unsqueeze(frozen, 2)  # [B, K, 1]
        is_first = graph.op("Equal", graph.range(count), graph.const(0, np.int64))  # [C]
        itself = graph.op("Where", is_first, graph.unsqueeze(before.log_probs, 2), minus_infinity)
        totals = graph.op("Where", frozen_slots, itself, totals)
        return totals, tokens

    def _choose(
        self, graph: Graph, fixed: _Fixed, frozen: str, totals: str, tokens: str
    ) -> tuple[str, str, str]:
        """Parents, tokens and log-probabilities of the K slots after the step, [B, K] each.

        Frozen slots come first, in their order; the others are filled best first. Slots that
        a source may not use stay empty.
        """
        count = graph.size(totals, 2)
        flat = graph.reshape(totals, 0, -1)  # [B, K * C]
        # What a frozen slot offers outranks everything; ties go to the lower position.
        first = graph.op("Equal", graph.range(count), graph.const(0, np.int64))
        outranks = graph.op("And", graph.unsqueeze(frozen, 2), first)
        rank = graph.op("Where", outranks, graph.const(math.inf, np.float32), totals)
        _, order = graph.ops("TopK", 2, graph.reshape(rank, 0, -1), fixed.slots, axis=-1)
        parents = graph.op("Div", order, count)
        chosen = graph.op("GatherElements", graph.reshape(tokens, 0, -1), order, axis=1)
        log_probs = graph.op("GatherElements", flat, order, axis=1)
        allowed = graph.op("Less", fixed.slot_numbers, fixed.beam_size)  # [B, K]
        log_probs = graph.op("Where", allowed, log_probs, graph.const(-math.inf, np.float32))
        return parents, chosen, log_probs

    def _finished(
        self, graph: Graph, fixed: _Fixed, log_probs: str, lengths: str, ended: str
    ) -> str:
        """Sources that no further step can change for the better, [B]."""
        minus_infinity = graph.const(-math.inf, np.float32)
        occupied = graph.op("Not", graph.op("Equal", log_probs, minus_infinity))
        live = graph.op("And", occupied, graph.op("Not", ended))
        divisor = graph.op(
            "Pow",
            graph.cast(graph.op("Max", lengths, graph.const(1, np.int64)), np.float32),
            fixed.length_penalty,
        )
        scores = graph.op("Where", ended, graph.op("Div", log_probs, divisor), minus_infinity)
        # Log-probabilities only fall, so no live hypothesis can come to score more than this.
        bounds = graph.op("Div", log_probs, fixed.largest_length)
        bounds = graph.op("Where", live, bounds, minus_infinity)
        best_ended = self._max(graph, scores)
        settled = graph.op("GreaterOrEqual", best_ended, self._max(graph, bounds))
        settled = graph.op("And", settled, fixed.wants_best)
        settled = graph.op("And", settled, graph.op("Less", minus_infinity, best_ended))
        any_live = graph.cast(self._max(graph, graph.cast(live, np.int32)), np.bool_)
        return graph.op("Or", graph.op("Not", any_live), settled)

    def _max(self, graph: Graph, value: str) -> str:
        """[B, K] -> [B]."""
        return graph.op("ReduceMax", value, graph.ints(1), keepdims=0)
