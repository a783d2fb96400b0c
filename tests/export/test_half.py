"""Half-precision graphs: the float graphs' answers, and floats where the digits are needed."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from model_export.export.half import element_types
from service.bundle.manifest import Precision
from tests.decoding.devices import files
from tests.export.graphs import exported
from tests.networks import ARCHITECTURES, Architecture, random_sources, search_options

architectures = pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)


@architectures
def test_halves_score_as_floats_do(architecture: Architecture) -> None:
    """Eleven bits of loud states move a log-probability by hundredths; answers, by near ties."""
    network = exported(*architecture)
    sources = random_sources([5, 17, 33, 1, 9, 12, 8, 20, 40, 3], seed=1)
    options = search_options(4)
    full, half = (
        network.model(precision).advance(
            network.model(precision).encode(sources, [options] * len(sources), 4)
        )[1]
        for precision in (Precision.FLOAT, Precision.HALF)
    )
    np.testing.assert_allclose(half.log_probs[0], full.log_probs[0], atol=0.02)
    assert not np.array_equal(half.log_probs[0], full.log_probs[0]), "nothing was halved"
    same = (half.tokens == full.tokens) & (half.parents == full.parents)
    assert same.mean() > 0.8


def loaded(architecture: Architecture, graph: str) -> onnx.ModelProto:
    path = getattr(files(architecture, Precision.HALF), graph)
    return onnx.load(path, load_external_data=False)


@architectures
def test_all_products_but_the_scores_are_of_halves(architecture: Architecture) -> None:
    for graph in ("encode", "advance"):
        model = loaded(architecture, graph)
        types = element_types(model.graph)
        constants = {each.name for each in model.graph.initializer}
        kinds = []
        for node in model.graph.node:
            is_constant = all(name in constants for name in node.input)
            if node.op_type in ("MatMul", "FusedMatMul", "GRU") and not is_constant:
                kinds.append(types[node.output[0]])
        full = [kind for kind in kinds if kind == TensorProto.FLOAT]
        assert TensorProto.FLOAT16 in kinds
        scores = [node for node in model.graph.node if node.op_type == "LogSoftmax"]
        # Tables of constants are made once, in float; the rest is one product a step.
        assert graph == "encode" or len(full) >= len(scores)


@architectures
def test_what_needs_digits_stays_in_float(architecture: Architecture) -> None:
    for graph in ("encode", "advance"):
        model = loaded(architecture, graph)
        types = element_types(model.graph)
        for node in model.graph.node:
            if node.op_type in ("LogSoftmax", "TopK", "Sin", "Cos"):
                assert types[node.input[0]] == TensorProto.FLOAT
        for value in [*model.graph.input, *model.graph.output]:
            assert value.type.tensor_type.elem_type != TensorProto.FLOAT16


@architectures
def test_both_precisions_share_their_weights(architecture: Architecture) -> None:
    for graph in ("encode", "advance"):
        half = loaded(architecture, graph)
        full = onnx.load(getattr(files(architecture), graph), load_external_data=False)
        assert list(half.graph.initializer) == list(full.graph.initializer)
        assert any(each.data_location for each in half.graph.initializer)
