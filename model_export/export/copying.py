"""Copying in the `advance` graph: what is generated, mixed with the attention.

The equations stand in `model_export.model.copying`. Only columns of source tokens become other
than generated, so only these are mixed: fetched, added to in logarithms, and put back.

Answers must not depend on the order of writing. A token that stands in the source several times
has one column, and all its places write the same number there, for each brings the weight of all
of them. A place that is not to be copied stands for the end mark over again, whose column it
writes to and whose weight it does not add to: padding, and what is never produced.

B sources, K slots, R = B * K rows, S source tokens, N columns of scores.
"""

import numpy as np

from model_export.export.graph import Graph
from model_export.export.network import source_mask
from model_export.export.output import Scorer
from service.domain import SpecialIds


class CopyMixer:
    """Adds the nodes of the mixture to a graph."""

    def __init__(self, graph: Graph, scorer: Scorer, ids: SpecialIds, hidden: str) -> None:
        """Declare the source's ids, and make what no step of a call changes.

        Args:
            graph: Where the nodes go; has the input `source_lengths`.
            scorer: Whose columns are mixed.
            ids: What marks the end and what is never produced.
            hidden: The decoder's state, [B, K, D].
        """
        memory = graph.input("memory.ids", np.float32, ["B", "S", 1])
        source = graph.reshape(graph.cast(memory, np.int64), 0, -1)
        mask = source_mask(graph, source, "source_lengths")
        for never in (ids.pad_id, ids.unk_id, ids.start_id):
            is_other = graph.op("Not", graph.op("Equal", source, graph.const(never, np.int64)))
            mask = graph.op("And", mask, is_other)
        source = graph.op("Where", mask, source, graph.const(ids.end_id, np.int64))
        same = graph.op("Equal", graph.unsqueeze(source, 2), graph.unsqueeze(source, 1))
        same = graph.op("And", graph.unsqueeze(mask, 2), same)
        self._same = graph.cast(same, np.float32)  # [B, S, S]
        slots = graph.size(hidden, 1)
        columns = graph.unsqueeze(scorer.columns(graph, source), 1)  # [B, 1, S]
        by_slot = graph.op("Concat", graph.ints(1), slots, graph.ints(1), axis=0)
        columns = graph.op("Expand", columns, by_slot)  # [B, K, S]
        shape = graph.op("Concat", graph.ints(-1), graph.size(source, 1), axis=0)
        self._columns = graph.op("Reshape", columns, shape)  # [R, S]
        self._by_row = shape
        # As for the attention itself: a lone row is multiplied by another routine than several.
        pair = graph.range(graph.op("Max", slots, graph.ints(2)))
        self._several = graph.op("Min", pair, graph.op("Sub", slots, graph.ints(1)))
        self._slots = graph.range(slots)

    def __call__(self, graph: Graph, generated: str, *, gate: str, weights: str) -> str:
        """Log p(y), [R, N].

        Args:
            graph: Where the nodes go.
            generated: log p_vocab, [R, N].
            gate: Scores of generating and of copying, [R, 2].
            weights: alpha of every head, 0 at padding, [B, N, K, S].
        """
        generate, copy = graph.split(graph.op("LogSoftmax", gate, axis=-1), [1, 1])
        attention = graph.op("ReduceMean", weights, graph.ints(1), keepdims=0)  # [B, K, S]
        several = graph.op("Gather", attention, self._several, axis=1)
        mass = graph.op("MatMul", several, self._same)
        mass = graph.op("Gather", mass, self._slots, axis=1)  # [B, K, S]
        copied = graph.op("Log", graph.op("Reshape", mass, self._by_row))
        copied = graph.op("Add", copied, copy)  # -inf where no weight falls
        log_probs = graph.op("Add", generated, generate)
        generated = graph.op("GatherElements", log_probs, self._columns, axis=1)  # [R, S]
        # log(exp a + exp b) = max + log(1 + exp(min - max)); one of the two is finite.
        more = graph.op("Max", generated, copied)
        less = graph.op("Min", generated, copied)
        mixed = graph.op("Add", more, graph.op("Softplus", graph.op("Sub", less, more)))
        return graph.op("ScatterElements", log_probs, self._columns, mixed, axis=1)
