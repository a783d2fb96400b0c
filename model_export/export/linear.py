"""Matrix products with int8 weights, in integers or in floats.

Every weight is stored once, as signed int8 with one scale per output channel (symmetric).
`Precision.FLOAT` graphs turn it back into float32, which the runtime does once, when it loads
the graph. `Precision.INT8` graphs multiply in integers wherever the activation's range is known:
everything the decoder multiplies lies in [-1, 1] (its states, and the encoders' outputs, end in
tanh), which takes a fixed scale of 1 / 127; what a self-attention encoder multiplies was measured
(`model_export.export.ranges`). Scales are constants, and since an integer sum does not depend on
its order, a row's product is the same bits in any batch. Activations are unsigned, because that
is the product with signed weights that processors have instructions for.

Jacob et al. 2018 (integer-arithmetic-only inference), eq. 1 with zero points of 0 for weights.
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

# A range of nothing at all still needs a scale.
_TINY = 1e-6

# How integers stand for the left side of a product, which lies in [-1, 1].
OPERAND_SCALE = 1 / _LARGEST
OPERAND_ZERO = 128


@dataclass(frozen=True, slots=True)
class Rounding:
    """How uint8 stands for floats: ``x = scale * (integer - zero)``; beyond, values are cut.

    Attributes:
        scale: What one step of the integer is worth.
        zero: The integer that stands for 0.
    """

    scale: float
    zero: int

    @classmethod
    def within(cls, least: float, largest: float) -> "Rounding":
        """For values of this range: all 255 steps above 0 where none is negative, else 127."""
        if least >= 0:
            return cls(max(largest, _TINY) / 255, 0)
        return cls(max(-least, largest, _TINY) / _LARGEST, OPERAND_ZERO)


BOUNDED = Rounding(OPERAND_SCALE, OPERAND_ZERO)


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


@torch.no_grad()
def round_weights(network: Seq2Seq) -> Seq2Seq:
    """A copy of `network` whose weights are what the integers will stand for.

    It is this network that graphs are made of and compared with, so what a comparison finds
    is the graph's doing; what the rounding itself costs is measured by `evaluate`.
    """
    rounded = copy.deepcopy(network)
    decoder = rounded.decoder
    size = network.config.size
    inputs, recurrent = decoder.second.input.weight, decoder.second.recurrent.weight
    output = decoder.output.weight
    # Matrices that the graphs multiply as one, side by side, share their scales: the second
    # cell's gates take the context and the state, and so does the output layer.
    groups = [
        [inputs[: 2 * size], recurrent[: 2 * size]],
        [inputs[2 * size :]],
        [recurrent[2 * size :]],
        [output[:, : 2 * size]],
        [output[:, 2 * size :]],
    ]
    cut = {id(inputs), id(recurrent), id(output)}
    if decoder.copy_gate is not None:
        gate = decoder.copy_gate.linear.weight
        groups += [[gate[:, : 2 * size]], [gate[:, 2 * size :]]]
        cut.add(id(gate))
    for name, parameter in rounded.named_parameters():
        # The attention's energy stays in floats.
        if parameter.dim() > 1 and id(parameter) not in cut and not name.endswith(".energy"):
            groups.append([parameter.flatten(1)])
    for group in groups:
        # PyTorch keeps output channels on axis 0.
        matrix = QuantizedMatrix.of(torch.cat(group, dim=1).T.float().cpu().numpy())
        floats = torch.from_numpy(matrix.floats.T)
        for part in group:
            part.copy_(floats[:, : part.shape[1]])
            floats = floats[:, part.shape[1] :]
    return rounded


def dequantized(graph: Graph, name: str, matrix: QuantizedMatrix) -> str:
    """The float matrix [I, O]; a constant expression, folded when the graph is loaded."""
    values = graph.weight(f"{name}.int8", matrix.values)
    scales = graph.weight(f"{name}.scale", matrix.scales)
    return graph.op("Mul", graph.cast(values, np.float32), scales)


def operand(graph: Graph, value: str, precision: Precision, rounding: Rounding = BOUNDED) -> str:
    """`value` as the left side of a `Linear`'s product.

    For integers that is uint8, rounded as said, by default for values within [-1, 1]; what
    several products take is rounded once, and operands of the same rounding can be joined
    along their last axis.
    """
    if precision is Precision.FLOAT:
        return value
    return graph.op(
        "QuantizeLinear",
        value,
        graph.const(rounding.scale, np.float32),
        graph.const(rounding.zero, np.uint8),
    )


def integer_product(
    graph: Graph,
    value: str,
    matrix: str,
    scales: str,
    bias: str | None,
    *,
    rounding: Rounding = BOUNDED,
) -> str:
    """``x W + b`` [..., O] for an integer `operand` [..., I].

    Args:
        graph: Where the node goes.
        value: An `operand` at `Precision.INT8`.
        matrix: [I, O], int8.
        scales: Scale of each column of `matrix`, [O].
        bias: b, [O].
        rounding: How `value` was rounded.
    """
    inputs = [
        value,
        matrix,
        graph.const(rounding.scale, np.float32),
        scales,
        graph.const(rounding.zero, np.uint8),
        graph.const(0, np.int8),
    ]
    if bias is not None:
        inputs.append(bias)
    return graph.op("MatMulIntegerToFloat", *inputs, domain="com.microsoft")


@dataclass(frozen=True, slots=True)
class Linear:
    """``x W + b`` for one weight matrix, to be put into graphs.

    Attributes:
        name: What the weights are called in the weights file.
        matrix: W, [I, O].
        bias: b, [O]; None without.
    """

    name: str
    matrix: QuantizedMatrix
    bias: FloatArray | None

    @classmethod
    def of(cls, name: str, matrix: FloatArray, bias: FloatArray | None) -> "Linear":
        """Round a weight [I, O]."""
        return cls(name, QuantizedMatrix.of(matrix), bias)

    def __call__(
        self, graph: Graph, value: str, precision: Precision, rounding: Rounding = BOUNDED
    ) -> str:
        """Apply to an `operand` [..., I] of the same precision and rounding."""
        bias = None if self.bias is None else graph.weight(f"{self.name}.bias", self.bias)
        if precision is Precision.INT8:
            matrix = graph.weight(f"{self.name}.int8", self.matrix.values)
            scales = graph.weight(f"{self.name}.scale", self.matrix.scales)
            return integer_product(graph, value, matrix, scales, bias, rounding=rounding)
        product = graph.op("MatMul", value, dequantized(graph, self.name, self.matrix))
        return product if bias is None else graph.op("Add", product, bias)
