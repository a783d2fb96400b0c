"""How many multiply-accumulates a sentence takes: of a Transformer by its equations, of a bundle
by what ONNX Runtime says it executed.

Counting what was executed, instead of reading the graphs, follows every change of them: a fused
operator, a loop that ends early, a shortlist. Only matrix products are counted; everything else
(softmax, top-k, gates) is what keeps an engine from its limit.
"""

import gc
import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime

from benchmarks.peers.engine_peer import forced_length
from benchmarks.peers.shapes import TransformerShape
from service.bundle import Manifest, Precision
from service.bundle.loader import load_model
from service.decoding.contract import SOURCE_MULTIPLE, padded_width
from service.decoding.runtime import Device
from service.domain import DecodeRequest
from service.engine import Engine, EngineLimits

ONE_AT_A_TIME = EngineLimits(
    max_queue_items=1,
    max_queue_tokens=1 << 20,
    max_batch_sources=1,
    max_batch_tokens=1 << 20,
    workers=1,
)

_INTEGERS = {"int8", "uint8"}
_PRODUCTS = {"MatMul", "MatMulInteger", "MatMulIntegerToFloat", "FusedMatMul", "QLinearMatMul"}
_GEMMS = {"Gemm", "FusedGemm", "QGemm"}
_MULTIPLY = ("MatMul", "Gemm", "Conv", "GRU", "LSTM", "RNN", "Attention", "Einsum")


@dataclass(frozen=True, slots=True)
class Work:
    """Multiply-accumulates, by how they are computed."""

    int8: int = 0
    float32: int = 0

    def __add__(self, other: Self) -> "Work":
        return Work(self.int8 + other.int8, self.float32 + other.float32)

    @property
    def total(self) -> int:
        """All of them."""
        return self.int8 + self.float32


@dataclass(frozen=True, slots=True)
class Task:
    """One sentence to decode.

    Attributes:
        source_tokens: S, the end mark included.
        target_tokens: T, decoder steps.
        beam: K, hypotheses that every step computes.
    """

    source_tokens: int
    target_tokens: int
    beam: int


def transformer_work(shape: TransformerShape, rows: int, task: Task) -> Work:
    """What a sentence takes in a Transformer that keeps keys and values (Vaswani et al. 2017).

    Products with weights are int8, products of activations (attention) float32, as in
    CTranslate2.

    Args:
        shape: The model.
        rows: Rows of the output layer: the vocabulary or a shortlist.
        task: The sentence.
    """
    size, inner = shape.size, shape.feed_forward
    s, t, k = task.source_tokens, task.target_tokens, task.beam
    feed_forward = 2 * size * inner
    encoder = s * shape.encoder_layers * (4 * size**2 + feed_forward)
    cross_memory = s * shape.decoder_layers * 2 * size**2
    step = shape.decoder_layers * (4 * size**2 + 2 * size**2 + feed_forward) + rows * size
    # Scores and weighted sum: two products with every position that is seen.
    seen_by_encoder = s * s * shape.encoder_layers
    seen_by_decoder = k * shape.decoder_layers * (t * s + t * (t + 1) // 2)
    return Work(
        int8=encoder + cross_memory + t * k * step,
        float32=2 * size * (seen_by_encoder + seen_by_decoder),
    )


def bundle_work(
    directory: Path, precision: Precision, task: Task, sources: Sequence[Sequence[int]]
) -> Work:
    """What a sentence takes in a bundle, without the padding of its source.

    The engine pads sources to a multiple of some tokens. No product is more than quadratic in
    S, so three widths without padding tell what any S takes.

    Args:
        directory: The bundle.
        precision: Which of its graphs.
        task: The sentences.
        sources: Some of them, to take the mean of: a shortlist goes by what is in a source.
    """
    widths = [padded_width(np.array([task.source_tokens])) + n * SOURCE_MULTIPLE for n in range(3)]
    if widths[0] == task.source_tokens:
        return _executed(directory, precision, task, sources)
    counts = [
        _executed(directory, precision, task, [_widened(source, width) for source in sources])
        for width in widths
    ]
    return Work(
        int8=_quadratic(widths, [count.int8 for count in counts], task.source_tokens),
        float32=_quadratic(widths, [count.float32 for count in counts], task.source_tokens),
    )


def _widened(source: Sequence[int], width: int) -> tuple[int, ...]:
    """A source of `width` tokens with the same words, over and over, and the same end mark."""
    *words, end = source
    return (*islice(cycle(words), width - 1), end)


def _quadratic(places: Sequence[int], values: Sequence[int], place: int) -> int:
    """The value at `place` of the quadratic through three others (Lagrange)."""
    total = Fraction(0)
    for here, value in zip(places, values, strict=True):
        others = [other for other in places if other != here]
        total += value * math.prod(Fraction(place - other, here - other) for other in others)
    return round(total)


def _executed(
    directory: Path, precision: Precision, task: Task, sources: Sequence[Sequence[int]]
) -> Work:
    """What decoding each of `sources` alone executes, in the mean."""
    manifest = Manifest.read(directory)
    options = forced_length(task.beam, task.target_tokens)
    with tempfile.TemporaryDirectory() as scratch, _profiling(Path(scratch)):
        model = load_model(directory, manifest, precision, Device.CPU, threads=1)
        engine = Engine(model, ONE_AT_A_TIME)
        engine.start()
        for source in sources:
            steps = engine.submit(DecodeRequest(tuple(source), options)).result().decode_steps
            assert steps == task.target_tokens, f"{steps} steps instead of {task.target_tokens}"
        engine.close()
        del engine, model  # a profile is complete when its session is gone
        gc.collect()
        profiles = sorted(Path(scratch).iterdir())
        assert profiles, "ONNX Runtime has written no profile"
        total = sum((executed_work(json.loads(path.read_bytes())) for path in profiles), Work())
    return Work(total.int8 // len(sources), total.float32 // len(sources))


@contextmanager
def _profiling(directory: Path) -> Iterator[None]:
    """Sessions that are made meanwhile write what they execute into `directory`.

    ONNX Runtime takes this from the options of a session only, and the service has no use for
    it, so the options themselves are replaced.
    """
    numbers = count()

    def options() -> Any:
        made = plain()
        made.enable_profiling = True
        made.profile_file_prefix = str(directory / f"session-{next(numbers)}")
        return made

    plain = onnxruntime.SessionOptions
    onnxruntime.SessionOptions = options
    try:
        yield
    finally:
        onnxruntime.SessionOptions = plain


def executed_work(events: Iterable[Mapping[str, Any]]) -> Work:
    """Sum over the events of one ONNX Runtime profile.

    Raises:
        ValueError: An operator multiplies matrices and is not known here.
    """
    total = Work()
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            total += node_work(
                event["args"]["op_name"],
                event["args"]["input_type_shape"],
                event["args"]["output_type_shape"],
            )
    return total


def node_work(
    operator: str, inputs: Sequence[Mapping[str, list[int]]], outputs: Sequence[Mapping[str, Any]]
) -> Work:
    """What one execution of an operator multiplies.

    Weights that were packed for the processor are missing from ONNX Runtime's inputs, so only
    the first input and the first output are looked at.

    Args:
        operator: ONNX's name.
        inputs: Element type and shape of each input: ``[{"float": [2, 3]}, ...]``.
        outputs: The same of the outputs.
    """
    if not any(word in operator for word in _MULTIPLY):
        return Work()
    ((element, given),) = inputs[0].items()
    ((_, made),) = outputs[0].items()
    if operator in _PRODUCTS | _GEMMS | {"DynamicQuantizeMatMul"}:
        # [..., M, I] x [I, O] -> [..., M, O]; also when the first is stored as [I, M].
        inner = given[-1] * given[-2] // made[-2] if len(given) > 1 else given[0]
        products = math.prod(made) * inner
        in_integers = element in _INTEGERS or operator == "DynamicQuantizeMatMul"
        return Work(int8=products) if in_integers else Work(float32=products)
    if operator == "GRU":
        steps, batch, width = given  # [S, B, I]
        directions, hidden = made[1], made[3]  # [S, 2, B, H]
        return Work(float32=steps * batch * directions * 3 * hidden * (width + hidden))
    raise ValueError(f"{operator} multiplies matrices, and how many is not known here")
