"""A trained network as pieces that graphs are put together from.

Each piece holds its weights in the form the graphs multiply by, and adds its nodes to a graph
when called. The equations stand with the PyTorch modules in `model_export.model`; the names
here are the same.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from model_export.config import AttentionKind
from model_export.export.graph import Graph
from model_export.export.linear import Linear, QuantizedMatrix, dequantized, operand
from model_export.model.attention import Attention
from model_export.model.decoder import Decoder
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
    return Linear.of(name, array(module.weight).T, bias)


@dataclass(frozen=True, slots=True)
class Source:
    """What the encoder graph computes; see `model_export.model.encoder.Encoded`.

    Attributes:
        memory: [B, S, D], within [-1, 1].
        summary: [B, D], within [-1, 1].
    """

    memory: str
    summary: str


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
        memory = operand(graph, source.memory, precision)
        return linear("attention.key", self.module.key)(graph, memory, precision)

    @property
    def has_keys(self) -> bool:
        """Whether keys are other than the values."""
        return self.kind is not AttentionKind.DOT

    def lay_out(self, graph: Graph, memory: str) -> str:
        """Keys or values for the calls: [B, S, D] -> [B, N, S, D/N]."""
        return split_heads(graph, memory, self.module.heads)

    def __call__(
        self, graph: Graph, query: str, *, keys: str, values: str, bias: str, precision: Precision
    ) -> tuple[str, str]:
        """Attend once.

        Args:
            graph: Where the nodes go.
            query: s'_t, [B, K, D], within [-1, 1].
            keys: From `lay_out`.
            values: From `lay_out`.
            bias: 0 at source tokens and -inf at padding, [B, 1, 1, S].
            precision: How to multiply weights.

        Returns:
            Contexts [B, K, D] and weights [B, N, K, S].
        """
        heads = self.module.heads
        if self.kind is AttentionKind.ADDITIVE:
            projection = linear("attention.query", self.module.query)
            projected = projection(graph, operand(graph, query, precision), precision)
            asked = graph.unsqueeze(split_heads(graph, projected, heads), 3)
            hidden = graph.op("Tanh", graph.op("Add", asked, graph.unsqueeze(keys, 2)))
            energy = array(self.module.energy)[:, np.newaxis, :, np.newaxis]  # [N, 1, D/N, 1]
            product = graph.op("MatMul", hidden, graph.const(energy, np.float32))
            scores = graph.op("Squeeze", product, graph.ints(4))
        else:
            asked = split_heads(graph, query, heads)
            scores = graph.op(
                "FusedMatMul",
                asked,
                keys,
                transB=1,
                alpha=self.module.scale,
                domain="com.microsoft",
            )
        weights = graph.op("Softmax", graph.op("Add", scores, bias), axis=-1)
        return join_heads(graph, graph.op("MatMul", weights, values)), weights


class StepValues(NamedTuple):
    """What one decoder step computes; names of values.

    Attributes:
        feature: o_t, [R, D].
        state: s_t, [R, D].
        weights: Attention weights, [B, N, K, S]; None without attention.
        gate: Scores of generating and of copying, [R, 2]; None for a model that does not copy.
    """

    feature: str
    state: str
    weights: str | None
    gate: str | None


class DecoderStep:
    """One step of the conditional GRU, on R = B * K rows.

    Products that share their left side's columns are made one, and what depends on the last
    token alone is a table with a row for every token.
    """

    def __init__(self, network: Seq2Seq, embedding: Embedding) -> None:
        """Take the decoder's weights."""
        decoder: Decoder = network.decoder
        self.size = size = network.config.size
        self.embedding = embedding
        self.attention = None if decoder.attention is None else AttentionHead(decoder.attention)
        self.initial = linear("initial", decoder.initial)

        # Rows of a cell's weights: 2 D for the gates r and z, then D for the new state.
        first, second = decoder.first, decoder.second
        first_gates, first_new = _gates_and_new(first.recurrent)
        self.first_gates = Linear.of("first.gates", *first_gates)
        self.first_new = Linear.of("first.new", *first_new)
        input_gates, input_new = _gates_and_new(second.input)
        recurrent_gates, recurrent_new = _gates_and_new(second.recurrent)
        self.second_gates = Linear.of(
            "second.gates",
            np.concatenate([input_gates[0], recurrent_gates[0]]),
            input_gates[1] + recurrent_gates[1],
        )
        self.second_input = Linear.of("second.input", *input_new)
        self.second_new = Linear.of("second.new", *recurrent_new)

        output = array(decoder.output.weight).T  # rows: state, context, embedding
        self.output = Linear.of(
            "output",
            np.concatenate([output[size : 2 * size], output[:size]]),
            array(decoder.output.bias),
        )
        token_gates, token_new = _gates_and_new(first.input)
        self.tokens = [
            Linear.of("token.gates", *token_gates),
            Linear.of("token.new", *token_new),
            Linear.of("token.output", output[2 * size :], None),
        ]
        self.gate = None
        if decoder.copy_gate is not None:
            # A sigmoid as a softmax of two, the second score being 0, which gives the logarithms
            # of both shares; rows as those of the output layer.
            odds = array(decoder.copy_gate.linear.weight).T
            gate = np.concatenate([odds, np.zeros_like(odds)], axis=1)
            bias = np.append(array(decoder.copy_gate.linear.bias), np.float32(0))
            joined = np.concatenate([gate[size : 2 * size], gate[:size]])
            self.gate = Linear.of("copy.gate", joined, bias)
            self.tokens.append(Linear.of("token.copy", gate[2 * size :], None))

    def token_tables(self, graph: Graph, precision: Precision) -> tuple[str, ...]:
        """What every token brings to a step; constant expressions.

        They are most of the memory that a loaded model takes. Beside integers, half precision
        costs no accuracy, and half the bytes are no slower to fetch.

        Returns:
            Shares of the first cell's gates [V, 2D] and new state [V, D], of the output layer
            [V, D] and, of a model that copies, of its gate [V, 2].
        """
        embedded = self.embedding.table(graph)
        tables = (linear(graph, embedded, Precision.FLOAT) for linear in self.tokens)
        if precision is Precision.FLOAT:
            return tuple(tables)
        return tuple(graph.cast(table, np.float16) for table in tables)

    def token_rows(self, graph: Graph, tables: tuple[str, ...], ids: str) -> tuple[str, ...]:
        """Rows of `token_tables` for ids [R], float32."""
        rows = (graph.op("Gather", table, ids) for table in tables)
        return tuple(graph.cast(row, np.float32) for row in rows)

    def __call__(
        self,
        graph: Graph,
        *,
        token: tuple[str, ...],
        hidden: str,
        attend: Callable[[str], tuple[str, str | None]],
        precision: Precision,
    ) -> StepValues:
        """One step.

        Args:
            graph: Where the nodes go.
            token: From `token_rows`, for y_{t-1}.
            hidden: s_{t-1}, [R, D].
            attend: Context rows [R, D] and weights [B, N, K, S] for s'_t [R, D].
            precision: How to multiply.
        """
        token_gates, token_new, token_output, *token_copy = token
        before = operand(graph, hidden, precision)
        middle = self._cell(
            graph,
            gates=graph.op("Add", token_gates, self.first_gates(graph, before, precision)),
            new_x=token_new,
            new_h=self.first_new(graph, before, precision),
            state=hidden,
        )
        found, weights = attend(middle)
        context = operand(graph, found, precision)
        between = operand(graph, middle, precision)
        joined = graph.op("Concat", context, between, axis=1)
        state = self._cell(
            graph,
            gates=self.second_gates(graph, joined, precision),
            new_x=self.second_input(graph, context, precision),
            new_h=self.second_new(graph, between, precision),
            state=middle,
        )
        joined = graph.op("Concat", context, operand(graph, state, precision), axis=1)
        total = graph.op("Add", self.output(graph, joined, precision), token_output)
        feature = graph.op("Tanh", total)
        gate = None
        if self.gate is not None:
            gate = graph.op("Add", self.gate(graph, joined, precision), *token_copy)
        return StepValues(feature, state, weights, gate)

    def _cell(self, graph: Graph, *, gates: str, new_x: str, new_h: str, state: str) -> str:
        """h_t [R, D] of a GRU; see `model_export.model.decoder` for the equations."""
        reset, update = graph.split(graph.op("Sigmoid", gates), [self.size] * 2)
        new = graph.op("Tanh", graph.op("Add", new_x, graph.op("Mul", reset, new_h)))
        return graph.op("Add", new, graph.op("Mul", update, graph.op("Sub", state, new)))


def _gates_and_new(
    module: nn.Linear,
) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """A GRU's layer [3D, I] as (weights [I, O], bias [O]) of its two gates and its new state."""
    weight, bias = array(module.weight).T, array(module.bias)
    gates = 2 * len(bias) // 3
    return (weight[:, :gates], bias[:gates]), (weight[:, gates:], bias[gates:])
