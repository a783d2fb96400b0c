"""Counts of multiply-accumulates against cases worked by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from benchmarks import work
from benchmarks.peers.shapes import BASE, TransformerShape
from benchmarks.work import Task, Work, executed_work, node_work, transformer_work

MINIATURE = TransformerShape("miniature", 1, 1, size=2, feed_forward=3, heads=1)


def test_a_transformer_counted_by_hand() -> None:
    """One layer each, d = 2, f = 3, 5 output rows; 2 source tokens, 3 steps, 1 hypothesis."""
    encoder = 2 * (4 * 2 * 2 + 2 * 2 * 3)  # per token: query, key, value, output; two of f
    cross_memory = 2 * (2 * 2 * 2)  # per token: key, value
    step = 4 * 2 * 2 + 2 * 2 * 2 + 2 * 2 * 3 + 5 * 2  # self, cross, feed-forward, output
    encoder_attention = 2 * 2 * 2 * 2  # scores and sums of 2 x 2 positions
    decoder_attention = 2 * 2 * (2 + 2 + 2) + 2 * 2 * (1 + 2 + 3)  # source; what was said
    assert transformer_work(MINIATURE, 5, Task(2, 3, 1)) == Work(
        int8=encoder + cross_memory + 3 * step, float32=encoder_attention + decoder_attention
    )


def test_a_shortlist_saves_rows_and_nothing_else() -> None:
    task = Task(24, 24, 4)
    full, listed = (transformer_work(BASE, rows, task) for rows in (32_000, 1_500))
    assert full.int8 - listed.int8 == 24 * 4 * (32_000 - 1_500) * 512
    assert full.float32 == listed.float32


def test_the_decoder_is_paid_per_hypothesis_and_the_encoder_once() -> None:
    one, four = (transformer_work(BASE, 32_000, Task(24, 24, beam)) for beam in (1, 4))
    encoder = 24 * 6 * (4 * 512**2 + 2 * 512 * 2048) + 24 * 6 * 2 * 512**2
    assert four.int8 - encoder == 4 * (one.int8 - encoder)


@pytest.mark.parametrize(
    ("operator", "inputs", "outputs", "expected"),
    [
        # 2 rows of 3 by a matrix of 3 x 5
        ("MatMul", [{"float": [2, 3]}, {"float": [3, 5]}], [2, 5], Work(float32=30)),
        # the weight was packed, so it has no shape any more
        ("MatMulIntegerToFloat", [{"uint8": [2, 3]}, {"float": []}], [2, 5], Work(int8=30)),
        ("DynamicQuantizeMatMul", [{"float": [2, 3]}], [2, 5], Work(int8=30)),
        ("FusedMatMul", [{"float": [3, 2]}], [2, 5], Work(float32=30)),  # stored transposed
        ("MatMul", [{"float": [3]}, {"float": [3, 5]}], [5], Work(float32=15)),
        ("MatMul", [{"float": [7, 2, 3]}, {"float": [7, 3, 5]}], [7, 2, 5], Work(float32=210)),
        # broadcast: the same 2 x 3 against seven matrices
        ("MatMul", [{"float": [2, 3]}, {"float": [7, 3, 5]}], [7, 2, 5], Work(float32=210)),
        ("Gemm", [{"float": [2, 3]}], [2, 5], Work(float32=30)),
        # 4 steps, 2 sources, 2 directions, three gates of 5 from 3 inputs and 5 states
        ("GRU", [{"float": [4, 2, 3]}], [4, 2, 2, 5], Work(float32=4 * 2 * 2 * 3 * 5 * 8)),
        ("Add", [{"float": [2, 3]}, {"float": [2, 3]}], [2, 3], Work()),
    ],
)
def test_operators_counted_by_hand(
    operator: str, inputs: list[dict[str, list[int]]], outputs: list[int], expected: Work
) -> None:
    assert node_work(operator, inputs, [{"float": outputs}]) == expected


def test_an_unknown_product_is_not_overlooked() -> None:
    with pytest.raises(ValueError, match="MultiHeadAttention"):
        node_work("MultiHeadAttention", [{"float": [1, 2, 3]}], [{"float": [1, 2, 3]}])


def test_a_loop_counts_as_often_as_it_runs(tmp_path: Path) -> None:
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["inside", "weights"], ["after"]),
            helper.make_node("Identity", ["go_on"], ["still"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("inside", TensorProto.FLOAT, [2, 3]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [2, 3]),
        ],
    )
    loop = helper.make_node("Loop", ["times", "", "given"], ["made"], body=body)
    graph = helper.make_graph(
        [loop],
        "loop",
        [
            helper.make_tensor_value_info("times", TensorProto.INT64, []),
            helper.make_tensor_value_info("given", TensorProto.FLOAT, [2, 3]),
        ],
        [helper.make_tensor_value_info("made", TensorProto.FLOAT, [2, 3])],
        [onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    plain = onnxruntime.SessionOptions
    with work._profiling(tmp_path):
        session = onnxruntime.InferenceSession(
            model.SerializeToString(),
            onnxruntime.SessionOptions(),
            providers=["CPUExecutionProvider"],
        )
    assert onnxruntime.SessionOptions is plain
    session.run(None, {"times": np.array(4), "given": np.ones((2, 3), np.float32)})
    events: list[dict[str, Any]] = json.loads(Path(session.end_profiling()).read_bytes())
    assert executed_work(events) == Work(float32=4 * 2 * 3 * 3)


@given(st.tuples(*[st.integers(0, 10**9)] * 3), st.integers(1, 256), st.sampled_from([8, 16, 32]))
def test_what_any_width_takes_follows_from_three(
    coefficients: tuple[int, int, int], tokens: int, multiple: int
) -> None:
    def value(width: int) -> int:
        constant, linear, square = coefficients
        return constant + linear * width + square * width**2

    first = math.ceil(tokens / multiple) * multiple
    widths = [first, first + multiple, first + 2 * multiple]
    assert work._quadratic(widths, [value(width) for width in widths], tokens) == value(tokens)
