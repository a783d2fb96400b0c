"""Integer products against a twin in NumPy's integers, bit for bit."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export.config import AttentionKind, EncoderKind
from model_export.export.graph import Graph, WeightsFile
from model_export.export.linear import Linear, QuantizedMatrix, operand, round_weights
from service.bundle.manifest import Precision
from service.domain import FloatArray
from tests.networks import loud_network, tiny_config

INPUTS, OUTPUTS = 24, 40


def matrix(seed: int = 0, rows: int = INPUTS, columns: int = OUTPUTS) -> FloatArray:
    """Columns of very different size, as trained layers have."""
    generator = np.random.default_rng(seed)
    sizes = np.exp(generator.normal(0, 2, columns))
    return np.asarray(generator.normal(0, 1, (rows, columns)) * sizes, dtype=np.float32)


def applied(linear: Linear, value: FloatArray, precision: Precision) -> FloatArray:
    """What ONNX Runtime makes of a graph of one layer."""
    graph = Graph("one", WeightsFile())
    # Weights small enough to go into the graph itself.
    graph.weights._SMALLEST_BYTES = 1 << 20
    name = graph.input("x", np.float32, ["B", value.shape[1]])
    output = linear(graph, operand(graph, name, precision), precision)
    graph.output("y", output, np.float32, ["B", linear.matrix.values.shape[1]])
    model = graph.model()
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (result,) = session.run(None, {"x": value})
    return np.asarray(result, dtype=np.float32)


def integer_twin(linear: Linear, value: FloatArray) -> FloatArray:
    """Round to integers, multiply them, scale the sums; nothing else."""
    step = np.float32(1 / 127)
    integers = np.clip(np.rint(value / step), -128, 127).astype(np.int64)
    sums = integers @ linear.matrix.values.astype(np.int64)
    result = sums.astype(np.float32) * (step * linear.matrix.scales)
    return np.asarray(result if linear.bias is None else result + linear.bias, dtype=np.float32)


@pytest.mark.parametrize("with_bias", [True, False])
def test_the_int8_product_is_the_integer_one(with_bias: bool) -> None:
    generator = np.random.default_rng(1)
    bias = generator.normal(0, 1, OUTPUTS).astype(np.float32) if with_bias else None
    linear = Linear.of("layer", matrix(), bias)
    value = generator.uniform(-1, 1, (33, INPUTS)).astype(np.float32)
    value[0], value[1] = 1, -1  # the ends of the range
    actual = applied(linear, value, Precision.INT8)
    expected = integer_twin(linear, value)
    assert np.array_equal(actual, expected)


def test_the_largest_sums_do_not_saturate() -> None:
    """All ones times all ones: what 16-bit sums of pairs cannot hold."""
    linear = Linear.of("layer", np.ones((INPUTS, OUTPUTS), np.float32), None)
    value = np.ones((3, INPUTS), np.float32)
    value[1] = -1
    actual = applied(linear, value, Precision.INT8)
    np.testing.assert_allclose(actual[0], INPUTS, rtol=1e-6)
    np.testing.assert_allclose(actual[1], -INPUTS, rtol=1e-6)


def test_a_row_is_the_same_bits_in_any_batch() -> None:
    linear = Linear.of("layer", matrix(), None)
    value = np.random.default_rng(2).uniform(-1, 1, (20, INPUTS)).astype(np.float32)
    together = applied(linear, value, Precision.INT8)
    for row in range(20):
        alone = applied(linear, value[row : row + 1], Precision.INT8)
        assert np.array_equal(alone[0], together[row])


def test_the_float_product_uses_the_same_weights() -> None:
    bias = np.linspace(-1, 1, OUTPUTS, dtype=np.float32)
    linear = Linear.of("layer", matrix(), bias)
    value = np.random.default_rng(3).uniform(-1, 1, (5, INPUTS)).astype(np.float32)
    expected = value @ linear.matrix.floats + bias
    actual = applied(linear, value, Precision.FLOAT)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@given(seed=st.integers(0, 1000))
def test_rounding_is_to_the_nearest_of_255_levels(seed: int) -> None:
    weights = matrix(seed, 7, 5)
    rounded = QuantizedMatrix.of(weights)
    assert np.abs(rounded.values).max(axis=0).tolist() == [127] * 5
    assert (np.abs(weights - rounded.floats) <= rounded.scales * 0.5001).all()
    again = QuantizedMatrix.of(rounded.floats)
    assert np.array_equal(again.values, rounded.values)
    np.testing.assert_allclose(again.scales, rounded.scales, rtol=1e-6)


def test_a_column_of_zeros_stays_zero() -> None:
    weights = matrix()
    weights[:, 3] = 0
    assert not QuantizedMatrix.of(weights).floats[:, 3].any()


@pytest.mark.parametrize("encoder", list(EncoderKind))
def test_rounding_a_network_twice_is_rounding_it_once(encoder: EncoderKind) -> None:
    network = loud_network(tiny_config(encoder, AttentionKind.ADDITIVE))
    once = round_weights(network)
    twice = round_weights(once)
    for (name, parameter), other in zip(once.named_parameters(), twice.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, rtol=1e-5, atol=1e-6, msg=name)


def test_rounding_leaves_the_given_network_and_its_vectors_alone() -> None:
    network = loud_network(tiny_config(attention=AttentionKind.ADDITIVE))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rounded = round_weights(network).state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(before[name], value), name
        if value.dim() < 2 or name.endswith("energy"):
            assert torch.equal(rounded[name], value), name
        else:
            assert not torch.equal(rounded[name], value), name
