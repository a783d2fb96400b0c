"""What is served was checked: damaged, unverified and wrong bundles are not."""

import json
import logging
import math
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from service.bundle.golden import check_golden, read_golden
from service.bundle.loader import (
    Bundle,
    Provider,
    load_bundle,
    load_device_model,
    load_verified,
)
from service.bundle.manifest import MANIFEST_NAME, Manifest, Precision, sha256
from service.decoding.batch import decode
from service.decoding.buckets import Bucket
from service.decoding.runtime import Device, cuda_is_available
from service.errors import BundleDamaged, BundleUnverified, GoldenMismatch, SettingsError

FILES = [
    "advance.float.onnx",
    "advance.half.onnx",
    "advance.int8.onnx",
    "encode.float.onnx",
    "encode.half.onnx",
    "encode.int8.onnx",
    "golden.jsonl",
    "rearrange.onnx",
    "vocabulary.spm",
    "weights.bin",
]
FOR_A_DEVICE = [
    "advance.float.onnx",
    "advance.half.onnx",
    "encode.float.onnx",
    "encode.half.onnx",
    "rearrange.onnx",
]
no_cuda = pytest.mark.skipif(cuda_is_available(), reason="this ONNX Runtime has CUDA")


def load(bundle: Path, provider: Provider = Provider.CPU) -> Bundle:
    return load_bundle(bundle, provider, threads=1)


def sign(bundle: Path, *names: str) -> None:
    """Put the sha256 of changed files into the manifest, as a careful forger would."""
    manifest = Manifest.read(bundle)
    files = manifest.files | {name: sha256(bundle / name) for name in names}
    manifest.model_copy(update={"files": files}).write(bundle)


def multiply_wrongly(bundle: Path, precision: Precision, by: float = 3) -> None:
    """Let the graphs of one precision compute something else, as another processor might."""
    name = f"advance.{precision}.onnx"
    model = onnx.load(bundle / name, load_external_data=False)
    for number, tensor in enumerate(model.graph.initializer):
        # The cells' biases, and so every gate.
        if tensor.name.endswith(".bias") and tensor.data_location != onnx.TensorProto.EXTERNAL:
            shifted = numpy_helper.to_array(tensor) + np.float32(by)
            model.graph.initializer[number].CopyFrom(numpy_helper.from_array(shifted, tensor.name))
    (bundle / name).write_bytes(model.SerializeToString())
    sign(bundle, name)


def test_a_good_bundle_answers_its_golden_cases(bundle: Path) -> None:
    loaded = load(bundle)
    assert (loaded.precision, loaded.device) == (Precision.INT8, Device.CPU)
    assert loaded.manifest.files.keys() == set(FILES)
    cases = read_golden(bundle / "golden.jsonl")
    assert len(cases) > 10
    answers = decode(loaded.model, [cases[0].source_ids], cases[0].options)
    assert answers[0][0].token_ids == cases[0].token_ids


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleDamaged, match=f"{name} is missing"):
        load(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_named(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content[:-1])
    with pytest.raises(BundleDamaged, match=rf"{name} has sha256 .*; the manifest says "):
        load(bundle)


@given(name=st.sampled_from(FILES), place=st.integers(0, 10**9), bit=st.integers(0, 7))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_bit_is_noticed_wherever_it_flips(
    made: Path, tmp_path: Path, name: str, place: int, bit: int
) -> None:
    bundle = tmp_path / "flipped"
    shutil.copytree(made / "bundle", bundle, dirs_exist_ok=True)
    content = bytearray((bundle / name).read_bytes())
    content[place % len(content)] ^= 1 << bit
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleDamaged, match=name):
        load(bundle)


@pytest.mark.parametrize("name", [each for each in FILES if each not in FOR_A_DEVICE])
def test_rubbish_with_the_right_digest_is_refused_too(bundle: Path, name: str) -> None:
    """Of what the CPU is served with; float graphs are not read while the int8 ones do."""
    (bundle / name).write_bytes(b"rubbish")
    sign(bundle, name)
    with pytest.raises(BundleDamaged, match=r"graph|weights|int8|SentencePiece|golden.jsonl, line"):
        load(bundle)


def test_a_tokenizer_of_another_size_is_refused(bundle: Path) -> None:
    manifest = Manifest.read(bundle)
    manifest.model_copy(update={"vocabulary_size": manifest.vocabulary_size + 1}).write(bundle)
    with pytest.raises(BundleDamaged, match=r"vocabulary.spm has \d+ pieces; the manifest says"):
        load(bundle)


def test_an_unverified_bundle_is_refused(bundle: Path) -> None:
    manifest = Manifest.read(bundle)
    manifest.model_copy(update={"verification": None}).write(bundle)
    with pytest.raises(BundleUnverified, match="tiny was exported but never verified"):
        load(bundle)


def test_a_bundle_without_golden_cases_is_refused(bundle: Path) -> None:
    (bundle / "golden.jsonl").write_text("")
    sign(bundle, "golden.jsonl")
    with pytest.raises(GoldenMismatch, match="at any precision"):
        load(bundle)


def test_where_int8_computes_wrongly_floats_are_served(
    bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    multiply_wrongly(bundle, Precision.INT8)
    loaded = load(bundle)
    assert loaded.precision is Precision.FLOAT
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "tiny, int8 on cpu, is not served: golden case 1: " in record.getMessage()
    with pytest.raises(GoldenMismatch, match=r"golden case 1: .*PyTorch gave"):
        load_verified(bundle, Device.CPU, Precision.INT8, threads=1)


def test_a_model_that_is_wrong_at_both_is_refused(bundle: Path) -> None:
    for precision in Precision:
        multiply_wrongly(bundle, precision)
    with pytest.raises(GoldenMismatch, match="tiny does not answer its golden cases at any"):
        load(bundle)


def test_no_answer_counts_as_wrong(bundle: Path) -> None:
    multiply_wrongly(bundle, Precision.FLOAT, by=math.nan)
    with pytest.raises(GoldenMismatch, match="golden case 1: the search found no answer"):
        load_verified(bundle, Device.CPU, Precision.FLOAT, threads=1)


def test_wrong_scores_count_as_wrong(bundle: Path) -> None:
    path = bundle / "golden.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines[3]["score"] -= 0.5
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    sign(bundle, "golden.jsonl")
    with pytest.raises(GoldenMismatch, match=r"golden case 4: the score is .*tolerance is 0\.15"):
        load_verified(bundle, Device.CPU, Precision.FLOAT, threads=1)


@pytest.mark.parametrize("line", ["{", "[]", '{"source_ids": [3]}', '{"score": "high"}'])
def test_a_broken_golden_case_is_named(bundle: Path, line: str) -> None:
    with (bundle / "golden.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    sign(bundle, "golden.jsonl")
    with pytest.raises(BundleDamaged, match=r"golden.jsonl, line \d+: "):
        load(bundle)


@pytest.mark.parametrize("precision", [Precision.FLOAT, Precision.HALF])
def test_the_graphs_for_a_device_answer_the_golden_cases(
    bundle: Path, precision: Precision, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = Manifest.read(bundle)
    buckets = [Bucket(64, 128, 4)]
    model = load_device_model(bundle, manifest, precision, Device.CPU, threads=1, buckets=buckets)
    worker = model.for_worker()
    check_golden(worker, read_golden(bundle / manifest.golden))
    assert "no CUDA graph" not in caplog.text


@no_cuda
def test_cuda_that_is_required_and_missing_is_an_error(bundle: Path) -> None:
    with pytest.raises(SettingsError, match="require-cuda"):
        load(bundle, Provider.REQUIRE_CUDA)


@no_cuda
@pytest.mark.parametrize(
    ("provider", "level"), [(Provider.AUTO, logging.INFO), (Provider.CUDA, logging.WARNING)]
)
def test_without_cuda_the_cpu_serves_and_says_so(
    bundle: Path, provider: Provider, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loaded = load(bundle, provider)
    assert (loaded.precision, loaded.device) == (Precision.INT8, Device.CPU)
    (record,) = [each for each in caplog.records if "no CUDA here" in each.getMessage()]
    assert record.levelno == level


def test_a_manifest_alone_is_no_bundle(bundle: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(bundle / MANIFEST_NAME, empty)
    with pytest.raises(BundleDamaged, match="is missing"):
        load(empty)
