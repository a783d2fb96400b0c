"""The `advance` graph: n steps of beam search, all of them inside the graph.

What a step does is said once, in `_Search.step`; n of them are either the body of a Loop,
which ends early when every hypothesis has ended, or written out one after the other without
any control flow, which is what a CUDA graph can capture.

A step is one product after the other and then some forty nodes on a few hundred numbers, each
of which costs microseconds whatever it does: the search is written to need few of them. Which
search is over is decided on the host, once a call (`service.decoding.ending`).

B sources, K slots, R = B * K rows, S source tokens, N columns of scores, D hidden, C = K + 1
candidates a slot. See `service.decoding.contract` for what each input and output means, and
`model_export.model.search` for the same search in eager PyTorch.
"""

import math
from dataclasses import astuple, dataclass
from functools import partial

import numpy as np
import onnx

from model_export.export.copying import CopyMixer
from model_export.export.graph import Graph, WeightsFile
from model_export.export.network import DecoderStep, StepValues, padding_bias, source_mask
from model_export.export.output import OutputLayer, Scorer
from service.bundle.manifest import Precision


@dataclass(frozen=True, slots=True)
class AdvanceConfig:
    """What `advance` is built for.

    Attributes:
        steps: n, decoder steps of one call.
        unrolled: Write the steps out instead of looping over them.
        precision: How to multiply.
    """

    steps: int
    unrolled: bool
    precision: Precision


@dataclass(frozen=True, slots=True)
class _Carried:
    """What goes from one step to the next; names of values."""

    hidden: str  # [R, D]
    last_ids: str  # [B, K]
    log_probs: str  # [B, K]
    lengths: str  # [B, K]
    ended: str  # [B, K]
    live_log_probs: str  # [B, K], -inf for hypotheses that grow no more


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

    token_tables: tuple[str, ...]  # [V, 2D], [V, D], [V, D]
    keys: str | None  # as `AttentionHead.lay_out` makes them
    values: str | None  # [B, N, S, D/N]
    padding: str | None  # [B, 1, 1, S]
    context: str | None  # [R, D], the fixed context of a model without attention
    attending: str  # [B, max(K, 2)], rows that attend
    may_use: str  # [B, K], slots below the source's beam size
    shortest_prefix: str  # [B, 1], tokens a hypothesis needs before it may end
    max_length: str  # [B, 1]
    slots: str  # [1], K
    candidates: str  # [1], C
    slot_numbers: str  # [K]
    parent_of: str  # [K + K * C], slot that each candidate continues
    no_columns: str  # [B, K], zeros
    first_rows: str  # [B, 1], row of the first slot of each source: 0, K, 2K, ...
    by_source: str  # [2], the shape (B, K * C)


_CARRIED: dict[str, tuple[type[np.generic], tuple[str, ...]]] = {
    "state.hidden": (np.float32, ("B", "K", "D")),
    "last_ids": (np.int64, ("B", "K")),
    "log_probs": (np.float32, ("B", "K")),
    "lengths": (np.int64, ("B", "K")),
    "ended": (np.bool_, ("B", "K")),
}


def advance_graph(
    step: DecoderStep, output: OutputLayer, weights: WeightsFile, config: AdvanceConfig
) -> onnx.ModelProto:
    """Build `advance`.

    Inputs and outputs are named as the fields of `BatchState` and `Chunk`: memory as
    `memory.*`, decoder state as `state.*`, what comes out of the state as `next.*` and the
    chunk as `step.*`.
    """
    graph = Graph("advance", weights)
    shapes = {
        name: (dtype, [step.size if axis == "D" else axis for axis in axes])
        for name, (dtype, axes) in _CARRIED.items()
    }
    hidden, last_ids, log_probs, lengths, ended = (
        graph.input(name, *declared) for name, declared in shapes.items()
    )
    search = _Search(graph, step, output, config, hidden)
    minus_infinity = graph.const(-math.inf, np.float32)
    carried = _Carried(
        hidden=graph.reshape(hidden, -1, step.size),
        last_ids=last_ids,
        log_probs=log_probs,
        lengths=lengths,
        ended=ended,
        live_log_probs=graph.op("Where", ended, minus_infinity, log_probs),
    )
    run = _unrolled if config.unrolled else _looped
    after, taken = run(graph, search, carried)
    rows = graph.op("Shape", hidden)
    results = (
        graph.op("Reshape", after.hidden, rows),
        after.last_ids,
        after.log_probs,
        after.lengths,
        after.ended,
    )
    for (name, declared), value in zip(shapes.items(), results, strict=True):
        graph.output(f"next.{name}", value, *declared)
    graph.output("step.tokens", taken.tokens, np.int64, ["n", "B", "K"])
    graph.output("step.parents", taken.parents, np.int64, ["n", "B", "K"])
    graph.output("step.log_probs", taken.log_probs, np.float32, ["n", "B", "K"])
    if taken.attention is not None:
        graph.output("step.attention", taken.attention, np.float32, ["n", "B", "K", "S"])
    return graph.model()


def _unrolled(graph: Graph, search: "_Search", carried: _Carried) -> tuple[_Carried, _Taken]:
    steps = []
    for _ in range(search.config.steps):
        carried, taken = search.step(graph, carried)
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


def _looped(graph: Graph, search: "_Search", carried: _Carried) -> tuple[_Carried, _Taken]:
    body = graph.scope("step")
    body.input("step_number", np.int64, [])
    body.input("go_on", np.bool_, [])
    size = search.decoder.size
    declared: dict[str, tuple[type[np.generic], list[str | int]]] = {
        "hidden": (np.float32, ["R", size]),
        "last_ids": (np.int64, ["B", "K"]),
        "log_probs": (np.float32, ["B", "K"]),
        "lengths": (np.int64, ["B", "K"]),
        "ended": (np.bool_, ["B", "K"]),
        "live_log_probs": (np.float32, ["B", "K"]),
    }
    before = {name: body.input(f"before.{name}", *each) for name, each in declared.items()}
    after, taken = search.step(body, _Carried(**before))
    # Nothing is live when the best of all is -inf.
    best = body.op("ReduceMax", after.live_log_probs, keepdims=0)
    still = body.op("Less", body.const(-math.inf, np.float32), best)
    body.output("still", still, np.bool_, [])
    for (name, each), value in zip(declared.items(), astuple(after), strict=True):
        body.output(f"after.{name}", value, *each)
    body.output("tokens", taken.tokens, np.int64, ["B", "K"])
    body.output("parents", taken.parents, np.int64, ["B", "K"])
    body.output("taken_log_probs", taken.log_probs, np.float32, ["B", "K"])
    if taken.attention is not None:
        body.output("attention", taken.attention, np.float32, ["B", "K", "S"])
    scanned = 3 if taken.attention is None else 4
    results = graph.ops(
        "Loop",
        len(declared) + scanned,
        graph.const(search.config.steps, np.int64),
        graph.const(True, np.bool_),
        *astuple(carried),
        body=body.proto(),
    )
    tokens, parents, log_probs, *attention = results[len(declared) :]
    return _Carried(*results[: len(declared)]), _Taken(
        tokens, parents, log_probs, attention[0] if attention else None
    )


class _Search:
    """Adds the nodes of the search to a graph."""

    def __init__(
        self,
        graph: Graph,
        step: DecoderStep,
        output: OutputLayer,
        config: AdvanceConfig,
        hidden: str,
    ) -> None:
        """Declare the other inputs and make what no step changes."""
        self.decoder = step
        self.config = config
        self.ids = output.ids
        self.scorer: Scorer = output.prepare(graph, config.precision)
        self.fixed = self._prepare(graph, hidden)
        self.mixer: CopyMixer | None = None
        if step.gate is not None:
            self.mixer = CopyMixer(graph, self.scorer, output.ids, hidden)

    def _prepare(self, graph: Graph, hidden: str) -> _Fixed:
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
            values = attention.lay_out(graph, memory)
            keys = values
            if attention.has_keys:
                raw_keys = graph.input("memory.keys", np.float32, ["B", "S", size])
                keys = attention.lay_out(graph, raw_keys)

        def column(name: str) -> str:
            return graph.unsqueeze(graph.input(name, np.int64, ["B"]), 1)

        one = graph.ints(1)
        sources, slots = graph.size(hidden, 0), graph.size(hidden, 1)
        slot_numbers = graph.range(slots)
        first_rows = graph.unsqueeze(graph.op("Mul", graph.range(sources), slots), 1)
        # ONNX Runtime multiplies one row by another routine than several, which rounds
        # differently: a lone slot attends twice, so that it is the same bits among others.
        pair = graph.range(graph.op("Max", slots, graph.ints(2)))
        last = graph.op("Sub", slots, one)
        # One candidate more than can be chosen, since the end mark may be forbidden. First
        # stand the K slots themselves, for hypotheses that have ended, then what each offers:
        # parent_of is 0 1 .. K-1, then C times 0, C times 1, ...
        candidates = graph.op("Add", slots, one)
        candidates = graph.op("Min", candidates, graph.ints(self.scorer.least_columns))
        offers = graph.op("Mul", slots, candidates)
        offered_by = graph.op("Div", graph.range(offers), candidates)
        matrix = graph.op("Concat", sources, slots, axis=0)
        return _Fixed(
            token_tables=self.decoder.token_tables(graph, self.config.precision),
            keys=keys,
            values=values,
            padding=padding,
            context=context,
            attending=graph.op("Add", first_rows, graph.op("Min", pair, last)),
            may_use=graph.op("Less", slot_numbers, column("beam_size")),
            shortest_prefix=graph.op("Sub", column("min_length"), one),
            max_length=column("max_length"),
            slots=slots,
            candidates=candidates,
            slot_numbers=slot_numbers,
            parent_of=graph.op("Concat", slot_numbers, offered_by, axis=0),
            no_columns=graph.op("Expand", graph.const(0, np.int64), matrix),
            first_rows=first_rows,
            by_source=graph.op("Concat", sources, offers, axis=0),
        )

    def step(self, graph: Graph, before: _Carried) -> tuple[_Carried, _Taken]:
        """One step of the network and of the search."""
        fixed = self.fixed
        ids = graph.reshape(before.last_ids, -1)
        made = self.decoder(
            graph,
            token=self.decoder.token_rows(graph, fixed.token_tables, ids),
            hidden=before.hidden,
            attend=partial(self._attend, graph),
            precision=self.config.precision,
        )
        totals, columns = self._offers(graph, before, self._log_probs(graph, made))
        minus_infinity = graph.const(-math.inf, np.float32)
        # A hypothesis that has ended keeps its place before all that grow; ties go to the
        # lower position.
        kept = graph.op("Where", before.ended, before.log_probs, minus_infinity)
        first = graph.op("Where", before.ended, graph.const(math.inf, np.float32), minus_infinity)
        rank = graph.op("Concat", first, totals, axis=1)  # [B, K + K * C]
        _, order = graph.ops("TopK", 2, rank, fixed.slots, axis=-1)
        totals = graph.op("Concat", kept, totals, axis=1)
        log_probs = graph.op("GatherElements", totals, order, axis=1)
        log_probs = graph.op("Where", fixed.may_use, log_probs, minus_infinity)
        parents = graph.op("Gather", fixed.parent_of, order)

        occupied = graph.op("Less", minus_infinity, log_probs)
        continues = graph.op("GreaterOrEqual", order, fixed.slots)
        grew = graph.op("And", occupied, continues)
        columns = graph.op("Concat", fixed.no_columns, columns, axis=1)
        tokens = self.scorer.tokens(graph, graph.op("GatherElements", columns, order, axis=1))
        tokens = graph.op("Where", grew, tokens, graph.const(self.ids.pad_id, np.int64))
        lengths = graph.op("GatherElements", before.lengths, parents, axis=1)
        lengths = graph.op("Add", lengths, graph.cast(grew, np.int64))
        full = graph.op("GreaterOrEqual", lengths, fixed.max_length)
        at_end = graph.op("Equal", tokens, graph.const(self.ids.end_id, np.int64))
        stands = graph.op("Or", graph.op("Or", at_end, full), graph.op("Not", continues))
        ended = graph.op("And", occupied, stands)
        rows = graph.reshape(graph.op("Add", parents, fixed.first_rows), -1)
        after = _Carried(
            hidden=graph.op("Gather", made.state, rows),
            last_ids=tokens,
            log_probs=log_probs,
            lengths=lengths,
            ended=ended,
            live_log_probs=graph.op("Where", ended, minus_infinity, log_probs),
        )
        attention = None
        if made.weights is not None:
            weights = made.weights
            attention = graph.op("ReduceMean", weights, graph.ints(1), keepdims=0)  # [B, K, S]
        return after, _Taken(tokens, parents, log_probs, attention)

    def _attend(self, graph: Graph, middle: str) -> tuple[str, str | None]:
        """Context rows [R, D] for s'_t [R, D], and weights [B, N, K, S]."""
        fixed = self.fixed
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

    def _log_probs(self, graph: Graph, made: StepValues) -> str:
        """Log-probabilities of the next token, [R, N]."""
        generated = graph.op("LogSoftmax", self.scorer.scores(graph, made.feature), axis=-1)
        if self.mixer is None:
            return generated
        assert made.gate is not None
        assert made.weights is not None
        return self.mixer(graph, generated, gate=made.gate, weights=made.weights)

    def _offers(self, graph: Graph, before: _Carried, log_probs: str) -> tuple[str, str]:
        """What live hypotheses can become: log-probabilities and columns, [B, K * C] each."""
        fixed = self.fixed
        best, columns = graph.ops("TopK", 2, log_probs, fixed.candidates, axis=-1)  # [R, C]
        too_short = graph.op("Less", before.lengths, fixed.shortest_prefix)  # [B, K]
        at_end = graph.op("Equal", columns, graph.const(self.scorer.end_column, np.int64))
        forbidden = graph.op("And", at_end, graph.reshape(too_short, -1, 1))
        best = graph.op("Where", forbidden, graph.const(-math.inf, np.float32), best)
        totals = graph.op("Add", graph.reshape(before.live_log_probs, -1, 1), best)
        return (
            graph.op("Reshape", totals, fixed.by_source),
            graph.op("Reshape", columns, fixed.by_source),
        )
