"""The three encoders as graphs; their equations stand in `model_export.model.encoder`.

At int8, the self-attention encoder multiplies in integers, by scales that were measured
(`model_export.export.ranges`), and only where a source has a token: of short sources of unlike
length, a third of the places are padding. Of places with a token, P in all, a `_Layout` knows
where they stand. The other encoders multiply in floats, see docs/adr/0003 and docs/performance.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import nn

from model_export.export.graph import Graph
from model_export.export.linear import Linear, QuantizedMatrix, Rounding, dequantized, operand
from model_export.export.network import Source, array, linear, padding_bias, source_mask
from model_export.model.encoder import (
    ConvEncoder,
    GruEncoder,
    SelfAttentionEncoder,
    SelfAttentionLayer,
)
from service.bundle.manifest import Precision
from service.domain import FloatArray


def encoded(
    graph: Graph,
    module: nn.Module,
    *,
    embedded: str,
    lengths: str,
    precision: Precision,
    roundings: Mapping[str, Rounding],
) -> Source:
    """Add the nodes of any of the three encoders.

    Args:
        graph: Where the nodes go.
        module: The encoder.
        embedded: Embeddings, [B, S, D].
        lengths: Tokens per source, [B].
        precision: How to multiply.
        roundings: How its layers' inputs are rounded at int8, from `ranges.measure`.
    """
    match module:
        case GruEncoder():
            return _gru_encoder(graph, module, embedded, lengths)
        case ConvEncoder():
            return _conv_encoder(graph, module, embedded, lengths)
        case SelfAttentionEncoder():
            return _SelfAttention(graph, module, roundings, precision)(embedded, lengths)
    raise TypeError(f"no graph is known for {type(module).__name__}")


def _gru_encoder(graph: Graph, module: GruEncoder, embedded: str, lengths: str) -> Source:
    hidden = graph.transpose(embedded, 1, 0, 2)  # [S, B, D]
    last = ""
    for index, layer in enumerate(module.layers):
        assert isinstance(layer, nn.GRU)
        name = f"encoder.{index}"
        half = layer.hidden_size
        inputs: list[str] = []
        recurrents: list[str] = []
        biases: list[FloatArray] = []
        for direction in ("", "_reverse"):
            weights = {
                part: array(getattr(layer, f"{part}_l0{direction}"))
                for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            # PyTorch orders the gates r, z, n; ONNX z, r, n.
            order = np.r_[half : 2 * half, 0:half, 2 * half : 3 * half]
            prefix = f"{name}{direction}"
            for part, group in (("weight_ih", inputs), ("weight_hh", recurrents)):
                matrix = QuantizedMatrix.of(weights[part][order].T)
                floats = dequantized(graph, f"{prefix}.{part}", matrix)
                group.append(graph.unsqueeze(graph.transpose(floats, 1, 0), 0))
            biases.append(np.concatenate([weights["bias_ih"][order], weights["bias_hh"][order]]))
        output, last = graph.ops(
            "GRU",
            2,
            hidden,
            graph.op("Concat", *inputs, axis=0),
            graph.op("Concat", *recurrents, axis=0),
            graph.weight(f"{name}.bias", np.stack(biases)),
            graph.cast(lengths, np.int32),
            hidden_size=half,
            direction="bidirectional",
            linear_before_reset=1,
        )  # [S, 2, B, D/2] and [2, B, D/2]
        hidden = graph.reshape(graph.transpose(output, 0, 2, 1, 3), 0, 0, -1)
    summary = graph.reshape(graph.transpose(last, 1, 0, 2), 0, -1)
    return Source(graph.transpose(hidden, 1, 0, 2), summary)


def _conv_encoder(graph: Graph, module: ConvEncoder, embedded: str, lengths: str) -> Source:
    mask = graph.cast(source_mask(graph, embedded, lengths), np.float32)
    mask_rows = graph.unsqueeze(mask, 2)
    placed = graph.op("Add", embedded, _positions(graph, embedded, module.size))
    hidden = graph.op("Mul", placed, mask_rows)  # [B, S, D]
    for index, convolution in enumerate(module.convolutions):
        assert isinstance(convolution, nn.Conv1d)
        product = _convolution(graph, f"encoder.{index}", convolution, hidden)
        value, gate = graph.split(product, [module.size] * 2)
        gated = graph.op("Mul", value, graph.op("Sigmoid", gate))
        total = graph.op("Add", hidden, gated)
        scaled = graph.op("Mul", total, graph.const(math.sqrt(0.5), np.float32))
        hidden = graph.op("Mul", scaled, mask_rows)
    memory = graph.op("Tanh", hidden)
    return Source(memory, _mean(graph, memory, mask, lengths))


def _convolution(graph: Graph, name: str, module: nn.Conv1d, value: str) -> str:
    """[B, S, D] -> [B, S, 2D], as one product with the windows laid side by side.

    ONNX Runtime's Conv cuts its sums where the source's width says, so that it rounds a row
    differently in wider company; the product's inner axis is the same for every width.
    """
    assert module.bias is not None
    taps = module.kernel_size[0]
    edge = taps // 2
    padded = graph.op("Pad", value, graph.ints(0, edge, 0, 0, edge, 0))
    ends = [*range(1 - taps, 0), np.iinfo(np.int64).max]
    windows = [graph.slice(padded, tap, end, 1) for tap, end in enumerate(ends)]
    weight = array(module.weight).transpose(2, 1, 0)  # [kernel, D, 2D]
    product = Linear.of(name, weight.reshape(-1, weight.shape[2]), array(module.bias))
    return product(graph, graph.op("Concat", *windows, axis=2), Precision.FLOAT)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the P rows that are computed stand among the B * S places; names of values.

    Attention needs sources side by side, each of width S, with N heads apart; everything else
    is rows. Both ways are one gather of heads: of rows [P * M * N, D / N] for M matrices side by
    side, and of what was attended [B * N * S, D / N].
    """

    rows: str  # [P], place of each row
    row_at: str  # [B, S], row of each place; at padding, any row of the source
    heads_at: tuple[str, str, str]  # [B, N, S], query, key and value heads among the rows'
    heads_of: str  # [P, N], heads of each row among those that were attended


class _SelfAttention:
    """Adds the nodes of a self-attention encoder to a graph."""

    def __init__(
        self,
        graph: Graph,
        module: SelfAttentionEncoder,
        roundings: Mapping[str, Rounding],
        precision: Precision,
    ) -> None:
        self.graph = graph
        self.module = module
        self.roundings = roundings
        self.precision = precision
        self.size = module.norm.normalized_shape[0]

    def __call__(self, embedded: str, lengths: str) -> Source:
        """See `encoded`."""
        graph, size = self.graph, self.size
        mask = source_mask(graph, embedded, lengths)
        bias = padding_bias(graph, mask)
        scaled = graph.op("Mul", embedded, graph.const(math.sqrt(size), np.float32))
        placed = graph.op("Add", scaled, _positions(graph, embedded, size))
        layout = self._layout(mask, lengths)
        hidden = graph.op("Gather", graph.reshape(placed, -1, size), layout.rows)  # [P, D]
        for index, layer in enumerate(self.module.layers):
            assert isinstance(layer, SelfAttentionLayer)
            hidden = self._layer(layer, index, hidden, layout, bias)
        bounded = graph.op("Tanh", _layer_norm(graph, "encoder.norm", self.module.norm, hidden))
        mask = graph.cast(mask, np.float32)
        spread = graph.op("Gather", bounded, layout.row_at)  # [B, S, D]
        memory = graph.op("Mul", spread, graph.unsqueeze(mask, 2))
        return Source(memory, _mean(graph, memory, mask, lengths))

    def _layout(self, mask: str, lengths: str) -> _Layout:
        """The rows with a token at int8; all of them in floats, for GPUs want fixed shapes."""
        graph = self.graph
        layer = self.module.layers[0]
        assert isinstance(layer, SelfAttentionLayer)
        N = layer.heads
        sources, width = graph.size(mask, 0), graph.size(mask, 1)
        within = graph.unsqueeze(graph.range(width), 0)  # [1, S]
        if self.precision is Precision.FLOAT:
            rows = graph.range(graph.op("Mul", sources, width))
            first = graph.op("Mul", graph.range(sources), width)
        else:
            rows = graph.op("Squeeze", graph.op("NonZero", graph.reshape(mask, -1)), graph.ints(0))
            first = graph.op("CumSum", lengths, graph.const(0, np.int64), exclusive=1)
            last = graph.unsqueeze(graph.op("Sub", lengths, graph.ints(1)), 1)
            within = graph.op("Min", within, last)
        row_at = graph.op("Add", graph.unsqueeze(first, 1), within)  # [B, S]
        # Heads stand query, key, value, N of each, D / N numbers a head.
        numbers = graph.const(np.arange(N)[:, np.newaxis], np.int64)  # [N, 1]
        begin = graph.op("Mul", graph.unsqueeze(row_at, 1), graph.ints(3 * N))
        heads_at = [
            graph.op("Add", begin, graph.op("Add", numbers, graph.ints(part * N)))
            for part in range(3)
        ]
        # Place b * S + s of head n is at (b * N + n) * S + s = b * S * N + n * S + s.
        source = graph.op("Div", rows, width)
        begin = graph.op(
            "Add", rows, graph.op("Mul", source, graph.op("Mul", width, graph.ints(N - 1)))
        )
        across = graph.op("Mul", graph.const(np.arange(N)[np.newaxis], np.int64), width)
        heads_of = graph.op("Add", graph.unsqueeze(begin, 1), across)
        return _Layout(rows, row_at, (heads_at[0], heads_at[1], heads_at[2]), heads_of)

    def _layer(
        self, layer: SelfAttentionLayer, index: int, hidden: str, layout: _Layout, bias: str
    ) -> str:
        """One layer on rows [P, D]."""
        graph, size = self.graph, self.size
        head = size // layer.heads
        name = f"encoder.{index}"
        normed = _layer_norm(graph, f"{name}.attention_norm", layer.attention_norm, hidden)
        projected = self._product(index, "query_key_value", layer.query_key_value, normed)
        heads = graph.reshape(projected, -1, head)  # [P * 3 * N, D / N]
        query, key, value = (graph.op("Gather", heads, at) for at in layout.heads_at)
        scores = graph.op(
            "FusedMatMul",
            query,
            key,
            transB=1,
            alpha=1 / math.sqrt(head),
            domain="com.microsoft",
        )
        weights = graph.op("Softmax", graph.op("Add", scores, bias), axis=-1)
        attended = graph.reshape(graph.op("MatMul", weights, value), -1, head)
        joined = graph.reshape(graph.op("Gather", attended, layout.heads_of), -1, size)
        hidden = graph.op("Add", hidden, self._product(index, "output", layer.output, joined))
        normed = _layer_norm(graph, f"{name}.feed_forward_norm", layer.feed_forward_norm, hidden)
        expanded = self._product(index, "expand", layer.expand, normed)
        contracted = self._product(index, "contract", layer.contract, graph.op("Relu", expanded))
        return graph.op("Add", hidden, contracted)

    def _product(self, index: int, part: str, layer: nn.Linear, value: str) -> str:
        rounding = self.roundings[f"layers.{index}.{part}"]
        rounded = operand(self.graph, value, self.precision, rounding)
        product = linear(f"encoder.{index}.{part}", layer)
        return product(self.graph, rounded, self.precision, rounding)


def _layer_norm(graph: Graph, name: str, module: nn.LayerNorm, value: str) -> str:
    return graph.op(
        "LayerNormalization",
        value,
        graph.weight(f"{name}.weight", array(module.weight)),
        graph.weight(f"{name}.bias", array(module.bias)),
        epsilon=module.eps,
    )


def _positions(graph: Graph, embedded: str, size: int) -> str:
    """Position embeddings [S, D], made in the graph: they are not worth their bytes on disk."""
    positions = graph.cast(graph.range(graph.size(embedded, 1)), np.float32)
    half = size // 2
    rates = graph.const(
        np.exp(np.arange(half) * (-math.log(10_000.0) / half)).astype(np.float32), np.float32
    )
    angles = graph.op("Mul", graph.unsqueeze(positions, 1), rates)
    return graph.op("Concat", graph.op("Sin", angles), graph.op("Cos", angles), axis=1)


def _mean(graph: Graph, memory: str, mask: str, lengths: str) -> str:
    """Mean [B, D] of `memory` [B, S, D] where `mask` [B, S] is 1 and not 0.

    A product, because ONNX Runtime's ReduceSum adds up in another order for a lone source.
    """
    total = graph.op("MatMul", graph.unsqueeze(mask, 1), memory)  # [B, 1, D]
    count = graph.unsqueeze(graph.cast(lengths, np.float32), 1)
    return graph.op("Div", graph.op("Squeeze", total, graph.ints(1)), count)
