"""The `encode` graph: token ids in, memory and first decoder state out."""

from collections.abc import Mapping

import numpy as np
import onnx

from model_export.export.encoder import encoded
from model_export.export.graph import Graph, WeightsFile
from model_export.export.linear import Rounding, operand
from model_export.export.network import DecoderStep, Source, source_mask
from model_export.model.seq2seq import Seq2Seq
from service.bundle.manifest import Precision


def encode_graph(
    network: Seq2Seq,
    step: DecoderStep,
    weights: WeightsFile,
    precision: Precision,
    roundings: Mapping[str, Rounding],
) -> onnx.ModelProto:
    """Build `encode`; `roundings` are of the encoder's layers, as `ranges.measure` finds them.

    Inputs are ids [B, S] and lengths [B], int64. Outputs, float32: `state.hidden` [B, D]; with
    attention `memory.values` [B, S, D] and, unless they are the values, `memory.keys` [B, S, D],
    both zero at padding; without attention `state.context` [B, D]. For a model that copies
    `memory.ids` [B, S, 1], the source again, zero at padding.
    """
    size = network.config.size
    graph = Graph("encode", weights)
    ids = graph.input("ids", np.int64, ["B", "S"])
    lengths = graph.input("lengths", np.int64, ["B"])
    source = encoded(
        graph,
        network.encoder,
        embedded=step.embedding.rows(graph, ids),
        lengths=lengths,
        precision=precision,
        roundings=roundings,
    )
    summary = operand(graph, source.summary, precision)
    initial = step.initial(graph, summary, precision)
    graph.output("state.hidden", graph.op("Tanh", initial), np.float32, ["B", size])
    if step.attention is None:
        graph.output("state.context", source.summary, np.float32, ["B", size])
    else:
        graph.output("memory.values", source.memory, np.float32, ["B", "S", size])
        keys = _keys(graph, step, source, lengths, precision)
        if keys is not None:
            graph.output("memory.keys", keys, np.float32, ["B", "S", size])
    if step.gate is not None:
        graph.output("memory.ids", _ids(graph, ids, lengths), np.float32, ["B", "S", 1])
    return graph.model()


def _keys(
    graph: Graph, step: DecoderStep, source: Source, lengths: str, precision: Precision
) -> str | None:
    assert step.attention is not None
    keys = step.attention.keys(graph, source, precision)
    if keys is None:
        return None
    # A key's bias would stand at padding too; the contract wants zero there.
    mask = graph.cast(source_mask(graph, source.memory, lengths), np.float32)
    return graph.op("Mul", keys, graph.unsqueeze(mask, 2))


def _ids(graph: Graph, ids: str, lengths: str) -> str:
    """The source as what memories are made of; a float32 holds ids up to 2^24."""
    mask = source_mask(graph, ids, lengths)
    real = graph.op("Where", mask, ids, graph.const(0, np.int64))
    return graph.cast(graph.unsqueeze(real, 2), np.float32)
