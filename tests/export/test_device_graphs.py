"""What a CUDA graph asks of `advance`, as laws on the graph: no device is needed to break them.

A graph is captured when all its nodes run on the device, none of them looks at the host, and
its shapes and addresses are constants.
"""

from functools import cache
from pathlib import Path

import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from model_export.export.half import element_types
from service.bundle.manifest import Precision
from tests.decoding.devices import files
from tests.networks import ARCHITECTURES, Architecture

_FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16}
_NUMBERS = {*_FLOATS, TensorProto.INT32, TensorProto.INT64}
_ANY = {*_NUMBERS, TensorProto.BOOL}

# What ONNX Runtime's CUDA provider has kernels for at opset 20, of what graphs here use (its
# docs/OperatorKernels.md), and for which element types.
_KERNELS = {
    "Add": _NUMBERS,
    "And": {TensorProto.BOOL},
    "Cast": _ANY,
    "Concat": _ANY,
    "Div": _NUMBERS,
    "Equal": _ANY,
    "Expand": _ANY,
    "FusedMatMul": _FLOATS,
    "Gather": _ANY,
    "GatherElements": _ANY,
    "Gemm": _FLOATS,
    "GreaterOrEqual": _NUMBERS,
    "Identity": _ANY,
    "LayerNormalization": _FLOATS,
    "Less": _NUMBERS,
    "Log": _FLOATS,
    "LogSoftmax": _FLOATS,
    "MatMul": _FLOATS,
    "Max": _NUMBERS,
    "Min": _NUMBERS,
    "Mul": _NUMBERS,
    "Not": {TensorProto.BOOL},
    "Or": {TensorProto.BOOL},
    "ReduceMax": _NUMBERS,
    "ReduceMean": _FLOATS,
    "Relu": _FLOATS,
    "Reshape": _ANY,
    "Sigmoid": _FLOATS,
    "ScatterElements": _ANY,
    "Slice": _ANY,
    "Softmax": _FLOATS,
    "Softplus": _FLOATS,
    "Split": _ANY,
    "Squeeze": _ANY,
    "Sub": _NUMBERS,
    "Tanh": _FLOATS,
    "TopK": _NUMBERS,
    "Transpose": _ANY,
    "Unsqueeze": _ANY,
    "Where": _NUMBERS,
}
architectures = pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
precisions = pytest.mark.parametrize("precision", [Precision.FLOAT, Precision.HALF])


@cache
def captured(path: Path) -> onnx.ModelProto:
    """A graph as it is when a session for one shape has simplified it for any provider."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    for axis, size in {"B": 4, "S": 32, "K": 4}.items():
        options.add_free_dimension_override_by_name(axis, size)
    written = path.with_suffix(".captured")
    options.optimized_model_filepath = str(written)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return onnx.load(written, load_external_data=False)


def typed_input(node: onnx.NodeProto) -> str:
    """The input whose type a kernel is chosen by."""
    name: str = node.input[1 if node.op_type == "Where" else 0]
    return name


@architectures
def test_every_node_of_a_captured_graph_runs_on_the_device(architecture: Architecture) -> None:
    """No control flow, no shapes computed by the host, nothing there is no kernel for."""
    model = captured(files(architecture).advance)
    types = element_types(model.graph)
    for node in model.graph.node:
        assert node.op_type in _KERNELS, node.op_type
        assert types[typed_input(node)] in _KERNELS[node.op_type], node


@architectures
def test_half_precision_adds_nothing_but_casts(architecture: Architecture) -> None:
    """The CPU has no kernels for halves and inlines what the device does not."""
    full, half = (
        onnx.load(files(architecture, precision).advance, load_external_data=False)
        for precision in (Precision.FLOAT, Precision.HALF)
    )
    types = element_types(half.graph)
    kept = [node.op_type for node in full.graph.node if node.op_type != "Cast"]
    assert [node.op_type for node in half.graph.node if node.op_type != "Cast"] == kept
    for node in half.graph.node:
        if types[typed_input(node)] == TensorProto.FLOAT16:
            assert TensorProto.FLOAT16 in _KERNELS[node.op_type], node


@precisions
@architectures
def test_every_shape_of_a_captured_graph_is_a_constant(
    architecture: Architecture, precision: Precision
) -> None:
    model = captured(files(architecture, precision).advance)
    constants = {each.name for each in model.graph.initializer}
    for value in [*model.graph.input, *model.graph.output]:
        named = [axis.dim_param for axis in value.type.tensor_type.shape.dim if axis.dim_param]
        assert named in ([], ["n"]), value.name
    for node in model.graph.node:
        # The inputs that kernels read on the host.
        hosts = {"Reshape": 1, "TopK": 1, "Expand": 1, "Split": 1, "Squeeze": 1, "Unsqueeze": 1}
        if node.op_type in hosts:
            assert node.input[hosts[node.op_type]] in constants, node


@precisions
@architectures
def test_what_comes_out_may_be_written_where_it_was_read(
    architecture: Architecture, precision: Precision
) -> None:
    """Every node that reads X is upstream of the node that makes `next.X`."""
    for model in (
        onnx.load(files(architecture, precision).advance, load_external_data=False),
        captured(files(architecture, precision).advance),
    ):
        nodes = model.graph.node
        maker = {name: number for number, node in enumerate(nodes) for name in node.output}
        outputs = [value.name for value in model.graph.output if value.name.startswith("next.")]
        assert len(outputs) == 5
        for output in outputs:
            upstream, found = {maker[output]}, [maker[output]]
            while found:
                names = nodes[found.pop()].input
                before = {maker[name] for name in names if name in maker} - upstream
                upstream |= before
                found += before
            carried = output.removeprefix("next.")
            readers = {number for number, node in enumerate(nodes) if carried in node.input}
            # A shape is no number that could be overwritten.
            readers = {number for number in readers if nodes[number].op_type != "Shape"}
            assert readers
            assert readers <= upstream, (carried, [nodes[each].op_type for each in readers])


@precisions
@architectures
def test_float_graphs_for_a_device_are_without_control_flow_and_of_an_old_opset(
    architecture: Architecture, precision: Precision
) -> None:
    paths = files(architecture, precision)
    for path in (paths.encode, paths.advance, paths.rearrange):
        model = onnx.load(path, load_external_data=False)
        assert not {node.op_type for node in model.graph.node} & {"Loop", "If", "Scan"}
        # From opset 21 on, the CUDA provider leaves Identity and others to the CPU.
        assert {each.version for each in model.opset_import if not each.domain} == {20}
        for node in model.graph.node:
            recurrent = [each for each in node.attribute if each.name == "linear_before_reset"]
            assert node.op_type != "GRU" or [each.i for each in recurrent] == [1]
