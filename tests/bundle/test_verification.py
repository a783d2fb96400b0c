"""`verify`: a bundle that is not what was trained is not marked as verified."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from model_export import checkpoint
from model_export.bundle import digests, export_bundle
from model_export.errors import CheckpointError, CorpusError, VerificationError
from model_export.export.graph import WEIGHTS_NAME
from model_export.verification import verify_bundle
from service.bundle.golden import read_golden
from service.bundle.manifest import Manifest
from service.errors import BundleError
from tests.bundle.making import RECIPE


def doctor(bundle: Path, name: str, values: slice) -> None:
    """Turn the sign of some of a weight's integers, in the file that all graphs share."""
    graph = onnx.load(bundle / "advance.float.onnx", load_external_data=False).graph
    (tensor,) = [each for each in graph.initializer if each.name == name]
    place = {entry.key: entry.value for entry in tensor.external_data}
    content = np.fromfile(bundle / WEIGHTS_NAME, dtype=np.int8)
    start = int(place["offset"])
    weights = content[start : start + int(place["length"])]
    weights[values] = -weights[values]
    content.tofile(bundle / WEIGHTS_NAME)


def unverified(bundle: Path) -> Manifest:
    manifest = Manifest.read(bundle).model_copy(update={"verification": None})
    manifest.write(bundle)
    return manifest


def test_verifying_chooses_golden_cases_and_marks_the_bundle(run: Path, bundle: Path) -> None:
    unverified(bundle)
    (bundle / "golden.jsonl").write_text("")
    found = verify_bundle(RECIPE, run, bundle)
    manifest = Manifest.read(bundle)
    assert manifest.verification == found
    assert manifest.files == digests(bundle)
    assert 0 < found.float_logit_difference < 1e-3
    assert found.float_equal_hypotheses >= 0.98
    cases = read_golden(bundle / "golden.jsonl")
    lengths = [len(case.source_ids) for case in cases]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1], "short ones and long ones"
    assert len({case.source_ids for case in cases}) == len(cases) > 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("embedding.int8", r"encode: memory\.\w+ differs by"),
        (
            "second.new.int8",
            r"advance: source 0, step 0, slot 0: token \d+ with log-probability .*; PyTorch has",
        ),
        ("output.int8", r"advance: source 0, step 0, slot 0: "),
        ("second.gates.int8", r"advance: source \d+, step 0, slot \d: "),
    ],
)
def test_a_doctored_weight_is_found_and_the_first_difference_named(
    run: Path, bundle: Path, name: str, message: str
) -> None:
    unverified(bundle)
    before = {path.name: path.stat().st_mtime_ns for path in bundle.iterdir()}
    doctor(bundle, name, slice(None))
    before[WEIGHTS_NAME] = (bundle / WEIGHTS_NAME).stat().st_mtime_ns
    with pytest.raises(VerificationError, match=message):
        verify_bundle(RECIPE, run, bundle)
    assert Manifest.read(bundle).verification is None
    assert before == {path.name: path.stat().st_mtime_ns for path in bundle.iterdir()}


def test_a_single_weight_is_enough(run: Path, bundle: Path) -> None:
    doctor(bundle, "second.new.int8", slice(5, 6))
    with pytest.raises(VerificationError, match="advance: source"):
        verify_bundle(RECIPE, run, bundle)


def test_a_bundle_of_another_training_is_found(run: Path, bundle: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "run"))
    content = checkpoint.load(other / checkpoint.MODEL_NAME)
    content["network"]["decoder.initial.bias"] += 0.1
    checkpoint.save(other / checkpoint.MODEL_NAME, content)
    with pytest.raises(VerificationError, match=r"encode: decoder\.hidden differs by"):
        verify_bundle(RECIPE, other, bundle)


def test_a_network_that_does_not_fit_the_recipe_is_refused(
    run: Path, bundle: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(run, tmp_path / "run"))
    # As many heads more or fewer fit the same weights: only the configuration tells.
    config, weights = checkpoint.load_weights(run)
    heads = config.model_copy(update={"attention_heads": config.attention_heads * 2})
    checkpoint.write_model(other, heads, weights, checkpoint.Progress())
    with pytest.raises(CheckpointError, match=r"model\.pt does not fit recipe tiny: .*_heads=4"):
        export_bundle(RECIPE, other, bundle)
    checkpoint.write_model(
        other, config, weights | {"output_bias": torch.zeros(3)}, checkpoint.Progress()
    )
    with pytest.raises(CheckpointError, match=r"model\.pt: (?s:.*)output_bias"):
        export_bundle(RECIPE, other, bundle)
    # What was there is still there.
    assert Manifest.read(bundle).verification is not None


def test_export_replaces_a_bundle_and_nothing_else(run: Path, bundle: Path, tmp_path: Path) -> None:
    (bundle / "stale.onnx").touch()
    assert export_bundle(RECIPE, run, bundle).verification is None
    assert not (bundle / "stale.onnx").exists()

    home = tmp_path / "home"
    home.mkdir()
    (home / "letters.txt").write_text("dear")
    with pytest.raises(BundleError, match="holds other files than a bundle"):
        export_bundle(RECIPE, run, home)
    assert (home / "letters.txt").read_text() == "dear"

    empty = tmp_path / "empty"
    empty.mkdir()
    assert export_bundle(RECIPE, run, empty).name == "tiny"


def test_a_run_that_was_never_prepared_is_refused(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(CorpusError, match="run `prepare` first"):
        export_bundle(RECIPE, tmp_path, bundle)
