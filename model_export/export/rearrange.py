"""The `rearrange` graph: rows of one batch into seats of another, where they lie.

On a device the large arrays of a search stay in buffers of a fixed shape, a seat for each
source. A source is admitted, or moved to a batch of another shape, by writing its rows into
free seats; it retires by giving up its seat, which moves nothing.

P sources of the batch that rows come from, with T source tokens and k slots; b of them are
placed; B seats with S source tokens and K slots.
"""

import numpy as np
import onnx

from model_export.export.graph import Graph, WeightsFile


def rearrange_graph(encode: onnx.ModelProto) -> onnx.ModelProto:
    """Build `rearrange` for what `encode` gives.

    For every output X of `encode`, the inputs `into.X` [B, S or K, D] and `from.X` (from
    another batch [P, T or k, D], or straight from `encode`, where states have no slots
    [P, D]) and the output `placed.X`, which may lie where `into.X` does. Besides: `rows` [b]
    of the one, `seats` [b] of the other, all different, and `slots` [K], the slot that each
    slot takes its state from.
    """
    graph = Graph("rearrange", WeightsFile())
    rows = graph.input("rows", np.int64, ["b"])
    seats = graph.unsqueeze(graph.input("seats", np.int64, ["b"]), 1)
    slots = graph.input("slots", np.int64, ["K"])
    for output in encode.graph.output:
        name = output.name
        group = name.partition(".")[0]
        axis = "S" if group == "memory" else "K"
        size = output.type.tensor_type.shape.dim[-1].dim_value
        into = graph.input(f"into.{name}", np.float32, ["B", axis, size])
        taken = graph.op("Gather", graph.input(f"from.{name}", np.float32, None), rows)
        # [b, D] becomes [b, 1, D], and three axes stay as they are.
        taken = graph.reshape(taken, 0, -1, size)
        if group == "memory":
            fitted = _fitted(graph, taken, graph.size(into, 1))
        else:
            fitted = graph.op("Gather", taken, slots, axis=1)
        placed = graph.op("ScatterND", into, seats, fitted)
        graph.output(f"placed.{name}", placed, np.float32, ["B", axis, size])
    return graph.model()


def _fitted(graph: Graph, value: str, width: str) -> str:
    """[b, T, D] cut or padded with zeros to [b, S, D], for S of shape [1]."""
    cut = graph.op("Slice", value, graph.ints(0), width, graph.ints(1))
    missing = graph.op("Sub", width, graph.size(cut, 1))
    nothing = graph.ints(0, 0, 0, 0)
    return graph.op("Pad", cut, graph.op("Concat", nothing, missing, graph.ints(0), axis=0))
