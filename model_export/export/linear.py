"""Matrix products with int8 weights, in integers or in floats.

Every weight is stored once, as signed int8 with one scale per output channel (symmetric).
`Precision.FLOAT` graphs turn it back into float32, which the runtime does once, when it loads
the graph. `Precision.INT8` graphs multiply in integers wherever the activation is known to
lie within a bound: a fixed scale of bound / 127 needs no calibration, and since an integer
sum does not depend on its order, a row's product is the same bits in any batch. Activations
are unsigned with a zero point in the middle, because that is the product with signed weights
that processors have instructions for.

Jacob et al. 2018 (integer-arithmetic-only inference), eq. 1 with zero points of 0.
"""

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from model_export.export.graph import Graph
from model_export.model.seq2seq import Seq2Seq
from service.bundle.manifest import Precision
from service.domain import FloatArray

_LARGEST = 127
_ZERO_POINT = 128


@dataclass(frozen=True, slots=True)
class QuantizedMatrix:
    """A weight matrix [I, O] as integers, and a scale per column [O]."""

    values: npt.NDArray[np.int8]
    scales: FloatArray

    @classmethod
    def of(cls, matrix: FloatArray) -> "QuantizedMatrix":
        """Round `matrix` [I, O] to 255 levels a column."""
        scales = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / _LARGEST
        values = np.clip(np.rint(matrix / scales), -_LARGEST, _LARGEST)
        return cls(values.astype(np.int8), scales.astype(np.float32))

    @property
    def floats(self) -> FloatArray:
        """The matrix that the integers stand for, [I, O], float32."""
        return self.values.astype(np.float32) * self.scales


def round_weights(network: Seq2Seq) -> Seq2Seq:
    """A copy of `network` whose weights are what the integers will stand for.

    It is this network that graphs are made of and compared with, so what a comparison finds
    is the graph's doing; what the rounding itself costs is measured by `evaluate`.
    """
    rounded = copy.deepcopy(network)
    with torch.no_grad():
        for name, parameter in rounded.named_parameters():
            # PyTorch keeps output channels on axis 0. The attention's energy stays in floats.
            if parameter.dim() < 2 or name.endswith("attention.energy"):
                continue
            # The output layer's three inputs are multiplied apart, with scales of their own.
            parts = 3 if name == "decoder.output.weight" else 1
            for part in parameter.chunk(parts, dim=1):
                matrix = part.flatten(1).T.contiguous().float().cpu().numpy()
                floats = torch.from_numpy(QuantizedMatrix.of(matrix).floats)
                part.copy_(floats.T.reshape(part.shape))
    return rounded


def dequantized(graph: Graph, name: str, matrix: QuantizedMatrix) -> str:
    """The float matrix [I, O]; a constant expression, folded when the graph is loaded."""
    values = graph.weight(f"{name}.int8", matrix.values)
    scales = graph.weight(f"{name}.scale", matrix.scales)
    return graph.op("Mul", graph.cast(values, np.float32), scales)


def quantize(graph: Graph, value: str, bound: float) -> str:
    """`value`, within [-bound, bound], as uint8 of scale bound / 127 and zero point 128."""
    return graph.op(
        "QuantizeLinear",
        value,
        graph.const(bound / _LARGEST, np.float32),
        graph.const(_ZERO_POINT, np.uint8),
    )


class Linear:
    """``x W + b`` for one weight matrix, to be put into graphs."""

    def __init__(self, name: str, matrix: FloatArray, bias: FloatArray | None) -> None:
        """Take a weight [I, O] and a bias [O]."""
        self.name = name
        self.matrix = QuantizedMatrix.of(matrix)
        self.bias = bias

    def __call__(self, graph: Graph, value: str, precision: Precision, bound: float | None) -> str:
        """Apply to `value` [..., I]; `bound` is None when it has none that is known."""
        if precision is Precision.INT8 and bound is not None:
            return self.of_integers(graph, quantize(graph, value, bound), bound)
        product = graph.op("MatMul", value, dequantized(graph, self.name, self.matrix))
        if self.bias is None:
            return product
        return graph.op("Add", product, graph.weight(f"{self.name}.bias", self.bias))

    def of_integers(self, graph: Graph, value: str, bound: float) -> str:
        """Apply to what `quantize` made of a value within [-bound, bound]."""
        inputs = [
            value,
            graph.weight(f"{self.name}.int8", self.matrix.values),
            graph.const(bound / _LARGEST, np.float32),
            graph.weight(f"{self.name}.scale", self.matrix.scales),
            graph.const(_ZERO_POINT, np.uint8),
            graph.const(0, np.int8),
        ]
        if self.bias is not None:
            inputs.append(graph.weight(f"{self.name}.bias", self.bias))
        return graph.op("MatMulIntegerToFloat", *inputs, domain="com.microsoft")
