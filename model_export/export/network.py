"""A trained network as pieces that graphs are put together from.

Each piece holds its weights in the form the graphs multiply by, and adds its nodes to a graph
when called. The equations stand with the PyTorch modules in `model_export.model`; the names
here are the same.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from model_export.config import AttentionKind
from model_export.export.graph import Graph
from model_export.export.linear import Linear, QuantizedMatrix, dequantized
from model_export.model.attention import Attention
from model_export.model.decoder import Decoder, GruCell
from model_export.model.encoder import (
    ConvEncoder,
    GruEncoder,
    SelfAttentionEncoder,
    SelfAttentionLayer,
)
from model_export.model.seq2seq import Seq2Seq
from service.bundle.manifest import Precision
from service.domain import FloatArray


def array(tensor: Tensor) -> FloatArray:
    """A weight as NumPy, float32."""
    result: FloatArray = tensor.detach().float().cpu().numpy()
    return result


def linear(name: str, module: nn.Linear) -> Linear:
    """A PyTorch layer [O, I] as ``x W + b`` with W [I, O]."""
    bias = None if module.bias is None else array(module.bias)  # type: ignore[redundant-expr]  # torch types it as never None
    return Linear(name, array(module.weight).T, bias)


@dataclass(frozen=True, slots=True)
class Source:
    """What the encoder graph computes; see `model_export.model.encoder.Encoded`.

    Attributes:
        memory: [B, S, D].
        summary: [B, D].
        bound: Largest absolute value either can take; None when not known.
    """

    memory: str
    summary: str
    bound: float | None


def source_mask(graph: Graph, ids_or_memory: str, lengths: str) -> str:
    """True at source tokens, [B, S], for a value with S on axis 1 and `lengths` [B]."""
    positions = graph.range(graph.size(ids_or_memory, 1))
    return graph.op("Less", positions, graph.unsqueeze(lengths, 1))


def padding_bias(graph: Graph, mask: str) -> str:
    """0 where `mask` [B, S] is true and -inf elsewhere, [B, 1, 1, S]."""
    bias = graph.op("Where", mask, graph.const(0.0, np.float32), graph.const(-math.inf, np.float32))
    return graph.op("Unsqueeze", bias, graph.ints(1, 2))


class Embedding:
    """Rows of the tied embedding; its integers are also the output layer's."""

    def __init__(self, network: Seq2Seq) -> None:
        # One scale per vocabulary entry: the columns of the output layer's matrix [D, V].
        self.matrix = QuantizedMatrix.of(array(network.embedding.weight).T)

    def rows(self, graph: Graph, ids: str) -> str:
        """Embeddings [..., D] of ids [...]."""
        integers = graph.weight("embedding.int8", self.matrix.values)
        scales = graph.weight("embedding.scale", self.matrix.scales)
        rows = graph.op("Gather", graph.transpose(integers, 1, 0), ids)
        scale = graph.unsqueeze(graph.op("Gather", scales, ids), -1)
        return graph.op("Mul", graph.cast(rows, np.float32), scale)

    def table(self, graph: Graph) -> str:
        """All rows, [V, D]; a constant expression."""
        return graph.transpose(dequantized(graph, "embedding", self.matrix), 1, 0)


class Encoder:
    """Any of the three encoders."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, graph: Graph, embedded: str, lengths: str) -> Source:
        """Encode embeddings [B, S, D] with `lengths` [B]."""
        match self.module:
            case GruEncoder():
                return _gru_encoder(graph, self.module, embedded, lengths)
            case ConvEncoder():
                return _conv_encoder(graph, self.module, embedded, lengths)
            case SelfAttentionEncoder():
                return _self_attention_encoder(graph, self.module, embedded, lengths)
        raise TypeError(f"no graph is known for {type(self.module).__name__}")


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
    return Source(graph.transpose(hidden, 1, 0, 2), summary, bound=1.0)


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
        halved = graph.op(
            "Mul", graph.op("Add", hidden, gated), graph.const(math.sqrt(0.5), np.float32)
        )
        hidden = graph.op("Mul", halved, mask_rows)
    return Source(hidden, _mean(graph, hidden, mask, lengths), bound=None)


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
    product = Linear(name, weight.reshape(-1, weight.shape[2]), array(module.bias))
    return product(graph, graph.op("Concat", *windows, axis=2), Precision.FLOAT, None)


def _self_attention_encoder(
    graph: Graph, module: SelfAttentionEncoder, embedded: str, lengths: str
) -> Source:
    size = module.norm.normalized_shape[0]
    mask = source_mask(graph, embedded, lengths)
    bias = padding_bias(graph, mask)
    scaled = graph.op("Mul", embedded, graph.const(math.sqrt(size), np.float32))
    hidden = graph.op("Add", scaled, _positions(graph, embedded, size))
    for index, layer in enumerate(module.layers):
        assert isinstance(layer, SelfAttentionLayer)
        hidden = _self_attention_layer(graph, layer, f"encoder.{index}", hidden, bias)
    normed = _layer_norm(graph, "encoder.norm", module.norm, hidden)
    mask = graph.cast(mask, np.float32)
    memory = graph.op("Mul", normed, graph.unsqueeze(mask, 2))
    return Source(memory, _mean(graph, memory, mask, lengths), bound=None)


def _self_attention_layer(
    graph: Graph, layer: SelfAttentionLayer, name: str, hidden: str, bias: str
) -> str:
    size = layer.output.in_features
    normed = _layer_norm(graph, f"{name}.attention_norm", layer.attention_norm, hidden)
    projection = linear(f"{name}.query_key_value", layer.query_key_value)
    projected = projection(graph, normed, Precision.FLOAT, None)
    query, key, value = (
        split_heads(graph, part, layer.heads) for part in graph.split(projected, [size] * 3)
    )
    scale = graph.const(1 / math.sqrt(size // layer.heads), np.float32)
    scores = graph.op("MatMul", graph.op("Mul", query, scale), graph.transpose(key, 0, 1, 3, 2))
    weights = graph.op("Softmax", graph.op("Add", scores, bias), axis=-1)
    attended = join_heads(graph, graph.op("MatMul", weights, value))
    output = linear(f"{name}.output", layer.output)(graph, attended, Precision.FLOAT, None)
    hidden = graph.op("Add", hidden, output)
    normed = _layer_norm(graph, f"{name}.feed_forward_norm", layer.feed_forward_norm, hidden)
    expanded = linear(f"{name}.expand", layer.expand)(graph, normed, Precision.FLOAT, None)
    contract = linear(f"{name}.contract", layer.contract)
    contracted = contract(graph, graph.op("Relu", expanded), Precision.FLOAT, None)
    return graph.op("Add", hidden, contracted)


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


def split_heads(graph: Graph, value: str, heads: int) -> str:
    """[B, X, D] -> [B, N, X, D/N]."""
    return graph.transpose(graph.reshape(value, 0, 0, heads, -1), 0, 2, 1, 3)


def join_heads(graph: Graph, value: str) -> str:
    """[B, N, X, D/N] -> [B, X, D]."""
    return graph.reshape(graph.transpose(value, 0, 2, 1, 3), 0, 0, -1)


class AttentionHead:
    """The decoder's attention; keys and values are laid out for it once per `advance`."""

    def __init__(self, module: Attention) -> None:
        self.module = module
        self.kind = module.kind

    def keys(self, graph: Graph, source: Source, precision: Precision) -> str | None:
        """Keys [B, S, D] for the memory, or None when they are the memory itself."""
        if not self.has_keys:
            return None
        return linear("attention.key", self.module.key)(
            graph, source.memory, precision, source.bound
        )

    @property
    def has_keys(self) -> bool:
        """Whether keys are other than the values."""
        return self.kind is not AttentionKind.DOT

    def lay_out_values(self, graph: Graph, memory: str) -> str:
        """[B, S, D] -> [B, N, S, D/N]."""
        return split_heads(graph, memory, self.module.heads)

    def lay_out_keys(self, graph: Graph, keys: str) -> str:
        """[B, S, D] -> [B, N, D/N, S] for products, [B, N, 1, S, D/N] for additive scores."""
        heads = split_heads(graph, keys, self.module.heads)
        if self.kind is AttentionKind.ADDITIVE:
            return graph.unsqueeze(heads, 2)
        scale = graph.const(self.module.scale, np.float32)
        return graph.op("Mul", graph.transpose(heads, 0, 1, 3, 2), scale)

    def __call__(
        self, graph: Graph, query: str, *, keys: str, values: str, bias: str, precision: Precision
    ) -> tuple[str, str]:
        """Contexts [B, K, D] and weights [B, N, K, S] for queries [B, K, D] within [-1, 1]."""
        if self.kind is AttentionKind.ADDITIVE:
            query = linear("attention.query", self.module.query)(graph, query, precision, 1.0)
            heads = split_heads(graph, query, self.module.heads)
            hidden = graph.op("Tanh", graph.op("Add", graph.unsqueeze(heads, 3), keys))
            energy = array(self.module.energy)[:, np.newaxis, :, np.newaxis]  # [N, 1, D/N, 1]
            product = graph.op("MatMul", hidden, graph.const(energy, np.float32))
            scores = graph.op("Squeeze", product, graph.ints(4))
        else:
            scores = graph.op("MatMul", split_heads(graph, query, self.module.heads), keys)
        weights = graph.op("Softmax", graph.op("Add", scores, bias), axis=-1)
        return join_heads(graph, graph.op("MatMul", weights, values)), weights


class Cell:
    """A GRU transition on rows [R, D]; see `model_export.model.decoder.GruCell`."""

    def __init__(self, name: str, module: GruCell) -> None:
        self.recurrent = linear(f"{name}.recurrent", module.recurrent)
        self.size = module.recurrent.in_features

    def __call__(self, graph: Graph, projected: str, state: str, precision: Precision) -> str:
        """h_t [R, D] from the projected input [R, 3D] and h_{t-1} [R, D]."""
        size = self.size
        recurrent = self.recurrent(graph, state, precision, 1.0)
        gates_x, new_x = graph.split(projected, [2 * size, size])
        gates_h, new_h = graph.split(recurrent, [2 * size, size])
        gates = graph.op("Sigmoid", graph.op("Add", gates_x, gates_h))
        reset, update = graph.split(gates, [size, size])
        new = graph.op("Tanh", graph.op("Add", new_x, graph.op("Mul", reset, new_h)))
        return graph.op("Add", new, graph.op("Mul", update, graph.op("Sub", state, new)))


class DecoderStep:
    """One step of the conditional GRU, on R = B * K rows."""

    def __init__(self, network: Seq2Seq, embedding: Embedding, never: list[int]) -> None:
        """Take the decoder's weights; the ids in `never` are not produced."""
        decoder: Decoder = network.decoder
        self.size = size = network.config.size
        self.embedding = embedding
        self.first = Cell("first", decoder.first)
        self.second = Cell("second", decoder.second)
        self.attention = None if decoder.attention is None else AttentionHead(decoder.attention)
        self.initial = linear("initial", decoder.initial)
        # The output layer's three inputs are multiplied apart: what comes of the embedding is
        # a table, what comes of the context shares a product with the second cell's gates.
        from_state, from_context, from_embedding = np.split(array(decoder.output.weight), 3, axis=1)
        self.state_output = Linear("output.state", from_state.T, None)
        self.context = Linear(
            "context",
            np.concatenate([array(decoder.second.input.weight), from_context]).T,
            np.concatenate([array(decoder.second.input.bias), np.zeros(size, np.float32)]),
        )
        self.token = Linear(
            "token",
            np.concatenate([array(decoder.first.input.weight), from_embedding]).T,
            np.concatenate([array(decoder.first.input.bias), array(decoder.output.bias)]),
        )
        bias = array(network.output_bias).copy()
        bias[never] = -np.inf
        self.vocabulary = Linear("embedding", array(network.embedding.weight).T, bias)

    def token_table(self, graph: Graph) -> str:
        """First-cell gates and output share of every token, [V, 4D]; a constant expression."""
        return self.token(graph, self.embedding.table(graph), Precision.FLOAT, None)

    def __call__(
        self,
        graph: Graph,
        *,
        token: str,
        hidden: str,
        attend: Callable[[str], tuple[str, str | None]],
        precision: Precision,
        memory_bound: float | None,
    ) -> tuple[str, str, str | None]:
        """One step.

        Args:
            graph: Where the nodes go.
            token: Rows of `token_table`, [R, 4D].
            hidden: s_{t-1}, [R, D].
            attend: Context rows [R, D] and weights [B, N, K, S] for s'_t [R, D].
            precision: How to multiply.
            memory_bound: Bound of the contexts.

        Returns:
            Logits [R, V], s_t [R, D] and the attention weights.
        """
        size = self.size
        gates, token_share = graph.split(token, [3 * size, size])
        middle = self.first(graph, gates, hidden, precision)
        context, weights = attend(middle)
        from_context = self.context(graph, context, precision, memory_bound)
        context_gates, context_share = graph.split(from_context, [3 * size, size])
        state = self.second(graph, context_gates, middle, precision)
        state_share = self.state_output(graph, state, precision, 1.0)
        total = graph.op("Add", graph.op("Add", state_share, context_share), token_share)
        feature = graph.op("Tanh", total)
        return self.vocabulary(graph, feature, precision, 1.0), state, weights
