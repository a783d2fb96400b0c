"""The `calibrate` step on a bundle of random weights."""

from pathlib import Path

from model_export.calibration import PLOT_NAME, calibrate_bundle, record_confidence
from service.bundle.loader import load_verified
from service.bundle.manifest import Manifest, Precision
from service.decoding.runtime import Device
from service.domain import Direction


def test_what_was_calibrated_is_in_the_manifest_and_can_be_read(run: Path, bundle: Path) -> None:
    loaded = load_verified(bundle, Device.CPU, Precision.FLOAT, threads=1)
    found = calibrate_bundle(run, loaded, least_lines=8)

    [confidence] = found
    assert confidence.sentences + confidence.held_out.sentences >= 8
    assert (run / PLOT_NAME).read_text(encoding="utf-8").startswith("<svg")
    written = record_confidence(loaded.manifest, found, bundle)
    assert written.digest == loaded.manifest.digest, "it is no other model"
    read = Manifest.read(bundle)
    assert read.calibrations == {Direction("en", "de"): confidence.calibration}


def test_a_few_lines_are_not_enough(run: Path, bundle: Path) -> None:
    loaded = load_verified(bundle, Device.CPU, Precision.FLOAT, threads=1)
    assert calibrate_bundle(run, loaded) == ()
