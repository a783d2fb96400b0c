"""A small builder of ONNX graphs.

The graphs are written, not traced: what the engine needs (the search inside the graph, static
int8, one weights file for two graphs, a Loop or none) is decided here node by node, and
`verify` compares the result with PyTorch. Values are names; shapes are in the comments.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHTS_NAME = "weights.bin"

# From opset 21 on, ONNX Runtime's CUDA provider leaves Loop, Scan and Identity to the CPU.
OPSET = 20
_IR_VERSION = 9

Array = npt.NDArray[Any]

_ELEMENT_TYPES: dict[type[np.generic], int] = {
    np.float32: TensorProto.FLOAT,
    np.float16: TensorProto.FLOAT16,
    np.int64: TensorProto.INT64,
    np.int32: TensorProto.INT32,
    np.int8: TensorProto.INT8,
    np.uint8: TensorProto.UINT8,
    np.bool_: TensorProto.BOOL,
}


class WeightsFile:
    """Tensors of a bundle in one file that several graphs read as external data."""

    # A cache line. The runtime maps whole pages by itself; padding every bias to a page would
    # make a small model 3 % larger.
    _ALIGNMENT = 64
    # Smaller tensors go into the graphs themselves: their entries would be as long.
    _SMALLEST_BYTES = 1024

    def __init__(self) -> None:
        self._places: dict[str, tuple[Array, int]] = {}
        self._end = 0

    def tensor(self, name: str, array: Array) -> TensorProto:
        """An initializer for `array`; every graph that asks by the same name shares the bytes."""
        array = np.ascontiguousarray(array)
        if array.nbytes < self._SMALLEST_BYTES:
            return numpy_helper.from_array(array, name)
        if name not in self._places:
            self._places[name] = (array, self._end)
            self._end = -(-(self._end + array.nbytes) // self._ALIGNMENT) * self._ALIGNMENT
        stored, offset = self._places[name]
        assert np.array_equal(stored, array), f"two tensors are called {name}"
        tensor = TensorProto(
            name=name,
            dims=array.shape,
            data_type=_ELEMENT_TYPES[array.dtype.type],
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (
            ("location", WEIGHTS_NAME),
            ("offset", offset),
            ("length", array.nbytes),
        ):
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    def write(self, directory: Path) -> None:
        """Write the file that the initializers point into."""
        with (directory / WEIGHTS_NAME).open("wb") as file:
            for array, offset in self._places.values():
                file.write(b"\0" * (offset - file.tell()))
                file.write(array.tobytes())


class Graph:
    """Nodes in the order they are asked for; `scope` makes a Loop body that sees outer values."""

    def __init__(self, name: str, weights: WeightsFile) -> None:
        """An empty graph that takes its large constants from `weights`."""
        self.name = name
        self.weights = weights
        # Shared with scopes, which see the outermost graph's constants.
        self._counter = itertools.count()
        self._initializers: dict[str, TensorProto] = {}
        self._is_scope = False
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: type[np.generic], shape: Sequence[str | int] | None) -> str:
        """Declare an input; axes are numbers or symbols, and None is any number of them."""
        self._inputs.append(helper.make_tensor_value_info(name, _ELEMENT_TYPES[dtype], shape))
        return name

    def output(
        self, name: str, value: str, dtype: type[np.generic], shape: Sequence[str | int]
    ) -> None:
        """Declare `value` an output called `name`."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _ELEMENT_TYPES[dtype], shape))

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output; returns its name. An empty input name is an absent input."""
        return self.ops(kind, 1, *inputs, domain=domain, **attributes)[0]

    def ops(
        self, kind: str, outputs: int, *inputs: str, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node with several outputs; returns their names."""
        names = [self._fresh(kind) for _ in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names

    def const(self, value: Array | float | Sequence[int], dtype: type[np.generic]) -> str:
        """A constant, inside the graph."""
        name = self._fresh("const")
        array = np.array(value, dtype=dtype)
        self._initializers[name] = numpy_helper.from_array(array, name)
        return name

    def ints(self, *values: int) -> str:
        """A constant [n] of int64: axes, shapes, starts and ends."""
        return self.const(values, np.int64)

    def weight(self, name: str, array: Array) -> str:
        """A constant in the weights file."""
        self._initializers.setdefault(name, self.weights.tensor(name, array))
        return name

    def scope(self, name: str) -> "Graph":
        """A graph for a Loop's body; it may use this graph's values by name."""
        inner = Graph(name, self.weights)
        inner._counter = self._counter
        inner._initializers = self._initializers
        inner._is_scope = True
        return inner

    def proto(self) -> onnx.GraphProto:
        """The graph as a protocol buffer."""
        return helper.make_graph(
            _without_copies(self._nodes) if self._is_scope else self._nodes,
            self.name,
            self._inputs,
            self._outputs,
            initializer=[] if self._is_scope else list(self._initializers.values()),
        )

    def model(self) -> onnx.ModelProto:
        """The graph as a model."""
        return helper.make_model(
            self.proto(),
            producer_name="seq2serve",
            ir_version=_IR_VERSION,
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid("com.microsoft", 1),
            ],
        )

    # Shapes and arithmetic that every graph here needs.

    def reshape(self, value: str, *shape: int) -> str:
        """Reshape; 0 keeps an axis and -1 is what is left."""
        return self.op("Reshape", value, self.ints(*shape))

    def transpose(self, value: str, *permutation: int) -> str:
        """Reorder axes."""
        return self.op("Transpose", value, perm=list(permutation))

    def unsqueeze(self, value: str, axis: int) -> str:
        """Insert an axis of 1."""
        return self.op("Unsqueeze", value, self.ints(axis))

    def slice(self, value: str, start: int, end: int, axis: int) -> str:
        """`value[start:end]` along `axis`."""
        return self.op("Slice", value, self.ints(start), self.ints(end), self.ints(axis))

    def split(self, value: str, sizes: Sequence[int], axis: int = -1) -> list[str]:
        """Cut along an axis into parts of `sizes`."""
        return self.ops("Split", len(sizes), value, self.ints(*sizes), axis=axis)

    def cast(self, value: str, dtype: type[np.generic]) -> str:
        """Change the element type."""
        return self.op("Cast", value, to=_ELEMENT_TYPES[dtype])

    def size(self, value: str, axis: int) -> str:
        """The size of one axis, [1], int64."""
        return self.op("Shape", value, start=axis, end=axis + 1)

    def range(self, count: str) -> str:
        """0 .. count-1, int64, for `count` [1]."""
        scalar = self.op("Squeeze", count)
        return self.op("Range", self.const(0, np.int64), scalar, self.const(1, np.int64))

    def _fresh(self, kind: str) -> str:
        return f"{kind.lower()}_{next(self._counter)}"


def _without_copies(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes of a Loop's body without those that only give a value its name as an output.

    Every step would pay for each of them as much as for a small sum. A value that is two
    outputs is still copied for the second.
    """
    made = {name for node in nodes for name in node.output}
    names: dict[str, str] = {}
    kept = []
    for node in nodes:
        if node.op_type == "Identity" and node.input[0] in made and node.input[0] not in names:
            names[node.input[0]] = node.output[0]
        else:
            kept.append(node)
    renamed = []
    for node in kept:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [names.get(name, name) for name in node.input]
        copy.output[:] = [names.get(name, name) for name in node.output]
        renamed.append(copy)
    return renamed
