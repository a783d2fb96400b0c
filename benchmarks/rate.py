"""How fast this machine multiplies matrices: the yardstick of `benchmarks.arithmetic`.

ONNX Runtime's own products at shapes large enough to be compute-bound, on one core and on all
cores at once, each core on a product of its own: that is how batches run side by side.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from service.cores import usable_cores
from service.domain import FloatArray

# Rows, inner size, columns: batches of rows against weights that fit the cache of one core.
_SHAPES = ((64, 512, 1536), (256, 512, 512), (256, 1024, 1024), (512, 512, 2048))
_RUN_S = 0.15
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Rates:
    """Multiply-accumulates a second.

    Attributes:
        int8_core: uint8 x int8, one core alone.
        int8: All cores at once, together.
        float32_core: float32, one core alone.
        float32: All cores at once, together.
    """

    int8_core: float
    int8: float
    float32_core: float
    float32: float


def measure_rates() -> Rates:
    """The best of several shapes and rounds; takes a few seconds."""
    cores = usable_cores()
    return Rates(
        int8_core=_best(_int8_product, 1),
        int8=_best(_int8_product, cores),
        float32_core=_best(_float_product, 1),
        float32=_best(_float_product, cores),
    )


Product = Callable[[], object]


def _best(product: Callable[[int, int, int], Product], cores: int) -> float:
    best = 0.0
    for rows, inner, columns in _SHAPES:
        products = [product(rows, inner, columns) for _ in range(cores)]
        for _ in range(_ROUNDS):
            best = max(best, rows * inner * columns * _calls_per_second(products))
    return best


def _calls_per_second(products: list[Product]) -> float:
    """Calls a second of all products together, each in a thread of its own."""
    rates = [0.0] * len(products)
    start = threading.Barrier(len(products))

    def run(number: int) -> None:
        products[number]()
        start.wait()
        calls, began_s = 0, time.perf_counter()
        while (elapsed_s := time.perf_counter() - began_s) < _RUN_S:
            products[number]()
            calls += 1
        rates[number] = calls / elapsed_s

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(products))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)


def _int8_product(rows: int, inner: int, columns: int) -> Product:
    draw = np.random.default_rng(1)
    weights = draw.integers(-127, 128, (inner, columns)).astype(np.int8)
    constants = {
        "weights": weights,
        "given_scale": np.array(0.01, np.float32),
        "weight_scales": np.full(columns, 0.01, np.float32),
        "given_zero": np.array(128, np.uint8),
        "weight_zero": np.array(0, np.int8),
    }
    names = ["given", "weights", "given_scale", "weight_scales", "given_zero", "weight_zero"]
    node = helper.make_node("MatMulIntegerToFloat", names, ["made"], domain="com.microsoft")
    session = _session(node, TensorProto.UINT8, [rows, inner], constants)
    given = draw.integers(0, 256, (rows, inner)).astype(np.uint8)
    return lambda: session.run(None, {"given": given})


def _float_product(rows: int, inner: int, columns: int) -> Product:
    draw = np.random.default_rng(1)
    weights = draw.normal(size=(inner, columns)).astype(np.float32)
    node = helper.make_node("MatMul", ["given", "weights"], ["made"])
    session = _session(node, TensorProto.FLOAT, [rows, inner], {"weights": weights})
    given: FloatArray = draw.normal(size=(rows, inner)).astype(np.float32)
    return lambda: session.run(None, {"given": given})


def _session(node: Any, element: int, shape: list[int], constants: dict[str, Any]) -> Any:
    """A model of one node from `given` to `made`, on one thread."""
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("given", element, shape)],
        [helper.make_tensor_value_info("made", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
