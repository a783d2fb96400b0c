"""What the graph files are made of: which operators, how many bytes, what they declare."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest

from model_export.bundle import write_graphs
from model_export.config import AttentionKind, EncoderKind
from model_export.export.graph import WEIGHTS_NAME, Graph, WeightsFile
from service.bundle.manifest import Precision
from tests.export.graphs import Exported, exported
from tests.networks import ARCHITECTURES, IDS, random_sources, search_options

CONTROL_FLOW = {"Loop", "If", "Scan"}
# Operators that ONNX Runtime's CUDA provider has kernels for, at the types used here; what
# works on shapes alone runs on the CPU anywhere.
ALLOWED = {
    *("Gather", "GatherElements", "Reshape", "Transpose", "Concat", "Split", "Slice", "Pad"),
    *("Squeeze", "Unsqueeze", "Flatten", "Identity", "Cast", "Shape", "Range", "Where"),
    *("Add", "Sub", "Mul", "Div", "Min", "Max", "And", "Or", "Not", "Expand"),
    *("Equal", "Less", "GreaterOrEqual", "Sigmoid", "Tanh", "Relu", "Sin", "Cos"),
    *("MatMul", "FusedMatMul", "GRU", "Softmax", "LogSoftmax", "LayerNormalization", "TopK"),
    *("ReduceMax", "ReduceMean", "ScatterElements", "Log", "Softplus"),
}
INTEGERS = {"QuantizeLinear", "MatMulIntegerToFloat"}
# Of the self-attention encoder, which leaves out padding on the CPU.
PACKING = {"NonZero", "CumSum"}


@pytest.fixture(params=ARCHITECTURES, ids=str)
def network(request: pytest.FixtureRequest) -> Exported:
    return exported(*request.param)


def nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of Loop bodies too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes(attribute.g)


def graph(network: Exported, precision: Precision, name: str) -> onnx.ModelProto:
    path = network.directory / getattr(network.graphs[precision], name)
    return onnx.load(path, load_external_data=False)


def operators(network: Exported, precision: Precision, name: str) -> set[str]:
    return {node.op_type for node in nodes(graph(network, precision, name).graph)}


def test_the_float_graphs_can_be_captured(network: Exported) -> None:
    """No control flow, and nothing that a GPU has no kernel for."""
    for name in ("encode", "advance"):
        assert operators(network, Precision.FLOAT, name) <= ALLOWED


def test_the_int8_graphs_have_one_loop_and_integers(network: Exported) -> None:
    encode, advance = (operators(network, Precision.INT8, name) for name in ("encode", "advance"))
    assert encode <= ALLOWED | INTEGERS | PACKING
    assert advance <= ALLOWED | INTEGERS | {"Loop"}
    assert "Loop" in advance
    assert advance >= INTEGERS


def test_opset_and_domains(network: Exported) -> None:
    for precision in Precision:
        for name in ("encode", "advance"):
            model = graph(network, precision, name)
            versions = {each.domain: each.version for each in model.opset_import}
            assert versions == {"": 20, "com.microsoft": 1}
            assert model.ir_version <= 10


def test_each_large_tensor_is_stored_once_for_all_four_graphs(network: Exported) -> None:
    places: dict[str, tuple[int, int]] = {}
    for precision in Precision:
        for name in ("encode", "advance"):
            for tensor in graph(network, precision, name).graph.initializer:
                if tensor.data_location != onnx.TensorProto.EXTERNAL:
                    assert len(tensor.SerializeToString()) < 2048
                    continue
                external = {entry.key: entry.value for entry in tensor.external_data}
                assert external["location"] == WEIGHTS_NAME
                place = (int(external["offset"]), int(external["length"]))
                assert places.setdefault(tensor.name, place) == place, tensor.name
    in_order = sorted(places.values())
    for (offset, length), (following, _) in pairwise(in_order):
        assert offset + length <= following
        assert offset % 64 == 0
    content = (network.directory / WEIGHTS_NAME).read_bytes()
    assert len(content) == sum(in_order[-1])
    tensors = [content[offset : offset + length] for offset, length in in_order]
    assert len(set(tensors)) == len(tensors), "the same bytes are stored twice"


def test_an_export_is_the_same_bytes_again(network: Exported, tmp_path: Path) -> None:
    write_graphs(network.torch.network, IDS, tmp_path, None, network.roundings)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (network.directory / path.name).read_bytes(), path.name


def test_the_signature_is_what_the_graphs_give(network: Exported) -> None:
    sources = random_sources([3, 20])
    for precision in Precision:
        model = network.model(precision)
        state = model.encode(sources, [search_options(3)] * 2, 3)
        values = {f"memory.{name}": array for name, array in state.memory.items()}
        values |= {f"state.{name}": array for name, array in state.decoder.items()}
        sizes = {"B": 2, "S": 32, "K": 3}
        graphs = network.graphs[precision]
        encode, advance = network.signature[graphs.encode], network.signature[graphs.advance]
        assert set(encode.inputs) == {"ids", "lengths"}
        assert set(encode.outputs) == set(values)
        for name, tensor in advance.inputs.items():
            array = values[name] if name in values else getattr(state, name)
            assert array.dtype.name == tensor.dtype, name
            assert array.shape == tuple(sizes.get(str(axis), axis) for axis in tensor.shape), name
        _, chunk = model.advance(state)
        for name in ("tokens", "parents", "log_probs", "attention"):
            array = getattr(chunk, name)
            assert (array is None) == (f"step.{name}" not in advance.outputs)
            if array is not None:
                assert advance.outputs[f"step.{name}"].dtype == array.dtype.name


def test_two_tensors_of_one_name_are_a_bug() -> None:
    weights = WeightsFile()
    weights.tensor("w", np.zeros(1000, np.float32))
    with pytest.raises(AssertionError, match="two tensors are called w"):
        weights.tensor("w", np.ones(1000, np.float32))


def test_small_constants_stay_in_the_graph(tmp_path: Path) -> None:
    graph = Graph("small", WeightsFile())
    graph.weight("bias", np.zeros(8, np.float32))
    graph.weights.write(tmp_path)
    assert (tmp_path / WEIGHTS_NAME).stat().st_size == 0
    assert graph.proto().initializer[0].data_location != onnx.TensorProto.EXTERNAL


def test_the_int8_file_is_a_quarter_of_the_float_weights() -> None:
    network = exported(EncoderKind.GRU, AttentionKind.GENERAL, size=96)
    floats = sum(4 * each.numel() for each in network.torch.network.parameters())
    assert (network.directory / WEIGHTS_NAME).stat().st_size < 0.35 * floats
