"""The output layer: scores of every token, or of a shortlist.

Scoring all tokens costs more than the rest of a step together. With a shortlist
(`service.decoding.shortlist`), one product with constant weights scores the frequent tokens
for all sources, and a batch of small ones scores each source's own candidates, whose rows are
gathered once a call. What a source's row is normalised over is its own list, whoever shares
the batch. Candidate rows are the left side of their products, so that what is gathered needs
no transposing: features come out on the right, signed.

B sources, K slots, R = B * K rows, D hidden, V vocabulary, F frequent tokens, C candidates of
a source with padding; N columns of scores: V, or F + C.
"""

from typing import Protocol

import numpy as np

from model_export.export.graph import Graph
from model_export.export.linear import (
    OPERAND_SCALE,
    OPERAND_ZERO,
    Linear,
    integer_product,
    operand,
)
from model_export.export.network import Embedding, array
from model_export.model.seq2seq import Seq2Seq
from service.bundle.manifest import Precision
from service.decoding.shortlist import NO_CANDIDATE
from service.domain import FloatArray, IntArray, SpecialIds


class Scorer(Protocol):
    """Scores tokens for the rows of one call.

    Attributes:
        end_column: Column of the end mark.
        least_columns: N has at least this many.
    """

    end_column: int
    least_columns: int

    def scores(self, graph: Graph, feature: str) -> str:
        """Scores [R, N] for o_t [R, D]; -inf for what is never produced."""
        ...

    def tokens(self, graph: Graph, columns: str) -> str:
        """Token of each chosen column, [B, X] for `columns` [B, X]."""
        ...

    def columns(self, graph: Graph, tokens: str) -> str:
        """Column of each token, [B, X] for `tokens` [B, X] that are all scored."""
        ...


class OutputLayer:
    """Weights and bias of the output layer; its weights are the tied embedding's."""

    def __init__(
        self,
        network: Seq2Seq,
        embedding: Embedding,
        ids: SpecialIds,
        frequent: IntArray | None = None,
    ) -> None:
        """Take the weights.

        Args:
            network: Where the bias is.
            embedding: Its rows are the weights.
            ids: Padding, unknown and start mark get -inf: they are never produced.
            frequent: Tokens [F] that a shortlist has for every source, the end mark first;
                None to score all tokens at either precision.
        """
        self.embedding = embedding
        self.bias: FloatArray = array(network.output_bias).copy()
        self.bias[[ids.pad_id, ids.unk_id, ids.start_id]] = -np.inf
        self.ids = ids
        self.frequent = frequent

    def prepare(self, graph: Graph, precision: Precision) -> Scorer:
        """Declare what a call needs besides, and make what none of its steps changes."""
        if precision is Precision.INT8 and self.frequent is not None:
            return _Shortlisted(graph, self, self.frequent)
        return _Whole(self, precision)


class _Whole:
    """All tokens: a column is a token."""

    def __init__(self, layer: OutputLayer, precision: Precision) -> None:
        self.end_column = layer.ids.end_id
        self.least_columns = len(layer.bias)
        self._product = Linear("embedding", layer.embedding.matrix, layer.bias)
        self._precision = precision

    def scores(self, graph: Graph, feature: str) -> str:
        """See `Scorer`."""
        return self._product(graph, operand(graph, feature, self._precision), self._precision)

    def tokens(self, graph: Graph, columns: str) -> str:  # noqa: ARG002  # see `Scorer`
        """See `Scorer`."""
        return columns

    def columns(self, graph: Graph, tokens: str) -> str:  # noqa: ARG002  # see `Scorer`
        """See `Scorer`."""
        return tokens


class _Shortlisted:
    """Columns are the frequent tokens and then the source's candidates."""

    end_column = 0

    def __init__(self, graph: Graph, layer: OutputLayer, frequent: IntArray) -> None:
        assert frequent[0] == layer.ids.end_id, "the end mark comes first"
        self.least_columns = len(frequent)
        embedding = layer.embedding
        self._size = embedding.matrix.values.shape[0]
        chosen = graph.weight("shortlist.frequent", frequent)
        integers = graph.weight("embedding.int8", embedding.matrix.values)
        scales = graph.weight("embedding.scale", embedding.matrix.scales)
        bias = graph.weight("embedding.bias", layer.bias)
        # Constant expressions: the runtime works them out when it loads the graph.
        self._matrix = graph.op("Gather", integers, chosen, axis=1)  # [D, F]
        self._scales = graph.op("Gather", scales, chosen)
        self._bias = graph.op("Gather", bias, chosen)
        zero = graph.const(OPERAND_ZERO, np.int32)
        shifted = graph.op("Add", graph.cast(graph.transpose(integers, 1, 0), np.int32), zero)
        table = graph.cast(shifted, np.uint8)  # [V, D]
        table_scales = graph.op("Mul", scales, graph.const(OPERAND_SCALE, np.float32))

        candidates = graph.input("candidates", np.int64, ["B", "C"])
        missing = graph.op("Equal", candidates, graph.const(NO_CANDIDATE, np.int64))
        # The padding token's score is -inf.
        padding = graph.const(layer.ids.pad_id, np.int64)
        candidates = graph.op("Where", missing, padding, candidates)
        self._rows = graph.op("Gather", table, candidates)  # [B, C, D]
        self._own_scales = graph.unsqueeze(graph.op("Gather", table_scales, candidates), 1)
        self._own_bias = graph.unsqueeze(graph.op("Gather", bias, candidates), 1)  # [B, 1, C]
        sources = graph.size(candidates, 0)
        shape = graph.op("Concat", sources, graph.ints(len(frequent)), axis=0)
        everywhere = graph.op("Expand", chosen, shape)
        self._tokens = graph.op("Concat", everywhere, candidates, axis=1)  # [B, N]
        self._chosen, self._candidates, self._everything = chosen, candidates, bias
        self._by_source = graph.op("Concat", sources, graph.ints(-1, self._size), axis=0)
        self._by_row = graph.op("Concat", graph.ints(-1), graph.size(candidates, 1), axis=0)

    def scores(self, graph: Graph, feature: str) -> str:
        """See `Scorer`."""
        unsigned = operand(graph, feature, Precision.INT8)
        common = integer_product(graph, unsigned, self._matrix, self._scales, self._bias)
        signed = graph.op(
            "QuantizeLinear",
            feature,
            graph.const(OPERAND_SCALE, np.float32),
            graph.const(0, np.int8),
        )
        columns = graph.transpose(graph.op("Reshape", signed, self._by_source), 0, 2, 1)
        product = graph.op(
            "MatMulInteger",
            self._rows,
            columns,
            graph.const(OPERAND_ZERO, np.uint8),
            graph.const(0, np.int8),
        )  # [B, C, K]
        sums = graph.cast(graph.transpose(product, 0, 2, 1), np.float32)
        own = graph.op("Add", graph.op("Mul", sums, self._own_scales), self._own_bias)
        return graph.op("Concat", common, graph.op("Reshape", own, self._by_row), axis=1)

    def tokens(self, graph: Graph, columns: str) -> str:
        """See `Scorer`."""
        return graph.op("GatherElements", self._tokens, columns, axis=1)

    def columns(self, graph: Graph, tokens: str) -> str:
        """See `Scorer`."""
        frequent = graph.ints(self.least_columns)
        vocabulary = graph.size(self._everything, 0)
        # Where each token stands: a constant for the frequent ones, and then each source's own.
        nowhere = graph.op("Expand", graph.const(0, np.int64), vocabulary)
        places = graph.range(frequent)
        common = graph.op("ScatterElements", nowhere, self._chosen, places, axis=0)
        sources = graph.size(self._candidates, 0)
        shape = graph.op("Concat", sources, vocabulary, axis=0)
        own = graph.op("Add", graph.range(graph.size(self._candidates, 1)), frequent)
        own = graph.op("Expand", own, graph.op("Shape", self._candidates))
        everywhere = graph.op("Expand", common, shape)
        places = graph.op("ScatterElements", everywhere, self._candidates, own, axis=1)
        return graph.op("GatherElements", places, tokens, axis=1)
