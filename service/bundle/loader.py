"""From a bundle's directory to a model that may be served.

Nothing is served that was not checked: every file against its sha256, the tokenizer against
the manifest, and the model against PyTorch's own answers. An int8 model that this processor
computes differently gives way to the same model in float; anything else is refused.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from service.bundle.golden import GoldenCase, check_golden, read_golden
from service.bundle.manifest import MANIFEST_NAME, Manifest, Precision, sha256
from service.decoding.buckets import Bucket
from service.decoding.device import DeviceGraphs, DeviceModel, Files
from service.decoding.runtime import Device, OnnxModel, cuda_is_available
from service.decoding.shortlist import Shortlist
from service.errors import BundleDamaged, BundleUnverified, GoldenMismatch, SettingsError
from service.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)


class Provider(StrEnum):
    """Where models are asked to run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    REQUIRE_CUDA = "require-cuda"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded, checked bundle.

    Attributes:
        directory: Where it was loaded from.
        manifest: What it says of itself.
        tokenizer: Text to ids and back, for both sides.
        model: The decoder contract on ONNX Runtime.
        precision: Which graphs are in use.
    """

    directory: Path
    manifest: Manifest
    tokenizer: Tokenizer
    model: OnnxModel | DeviceModel
    precision: Precision

    @property
    def device(self) -> Device:
        """Where the sessions really run."""
        return self.model.device


def find_bundles(models_dir: Path) -> list[Path]:
    """Directories in `models_dir` that hold a manifest, by name.

    Raises:
        SettingsError: `models_dir` does not exist or is no directory.
    """
    if not models_dir.is_dir():
        problem = "is no directory" if models_dir.exists() else "does not exist"
        raise SettingsError(f"the models directory {models_dir} {problem}")
    return sorted(path.parent for path in models_dir.glob(f"*/{MANIFEST_NAME}"))


def load_bundle(
    directory: Path, provider: Provider, threads: int, buckets: Sequence[Bucket] = ()
) -> Bundle:
    """Load and check one bundle.

    Args:
        directory: The bundle.
        provider: `cuda` falls back to the CPU with a warning, `auto` likewise, `require-cuda`
            refuses to.
        threads: CPU threads of one call; see `OnnxModel`.
        buckets: Shapes that workers capture CUDA graphs for.

    Raises:
        BundleDamaged: A file is missing, changed or unreadable.
        BundleUnverified: `model_export verify` has not passed.
        GoldenMismatch: The model does not answer as PyTorch did, in float either.
        SettingsError: `require-cuda`, and CUDA cannot be had.
    """
    manifest, tokenizer, cases = _checked(directory)
    for device, precision in _attempts(manifest, provider):
        model: OnnxModel | DeviceModel
        if device is Device.CUDA:
            model = load_device_model(
                directory, manifest, precision, device, threads=threads, buckets=buckets
            )
        else:
            model = load_model(directory, manifest, precision, device, threads)
        if model.device is not device:
            logger.error("%s was given %s and runs on %s", manifest.name, device, model.device)
            continue
        try:
            check_golden(model, cases)
        except GoldenMismatch as error:
            logger.error(
                "%s, %s on %s, is not served: %s", manifest.name, precision, model.device, error
            )
        else:
            return Bundle(directory, manifest, tokenizer, model, precision)
    if provider is Provider.REQUIRE_CUDA:
        raise SettingsError(
            f"provider is require-cuda, and {manifest.name} cannot run on CUDA here; "
            "use 'auto' or 'cpu', or install the gpu extra and its libraries"
        )
    raise GoldenMismatch(f"{manifest.name} does not answer its golden cases at any precision")


def load_verified(directory: Path, device: Device, precision: Precision, threads: int) -> Bundle:
    """Load and check one bundle at a precision of one's own choice; for evaluation.

    Raises:
        BundleError: As `load_bundle` does.
    """
    manifest, tokenizer, cases = _checked(directory)
    model = load_model(directory, manifest, precision, device, threads)
    check_golden(model, cases)
    return Bundle(directory, manifest, tokenizer, model, precision)


def load_model(
    directory: Path, manifest: Manifest, precision: Precision, device: Device, threads: int
) -> OnnxModel:
    """The graphs of one precision, unchecked; for `load_bundle` and for verification."""
    graphs = manifest.graphs[precision]
    return OnnxModel(
        directory / graphs.encode,
        directory / graphs.advance,
        manifest.special_ids,
        device,
        threads=threads,
        shortlist=None
        if graphs.shortlist is None
        else Shortlist.load(directory / graphs.shortlist),
    )


def load_device_model(
    directory: Path,
    manifest: Manifest,
    precision: Precision,
    device: Device,
    *,
    threads: int,
    buckets: Sequence[Bucket],
) -> DeviceModel:
    """The graphs of one precision, unchecked, with states that stay on the device."""
    graphs = manifest.graphs[precision]
    assert graphs.rearrange is not None, f"{precision} graphs are not for a device"
    files = Files(
        directory / graphs.encode, directory / graphs.advance, directory / graphs.rearrange
    )
    sessions = DeviceGraphs(files, device, steps=manifest.steps, threads=threads)
    return DeviceModel(sessions, manifest.special_ids, buckets)


def _device(provider: Provider) -> Device:
    if provider is Provider.CPU:
        return Device.CPU
    if cuda_is_available():
        return Device.CUDA
    if provider is Provider.REQUIRE_CUDA:
        raise SettingsError(
            "provider is require-cuda, and the installed ONNX Runtime has no CUDA; "
            "install the gpu extra"
        )
    level = logging.WARNING if provider is Provider.CUDA else logging.INFO
    logger.log(level, "ONNX Runtime has no CUDA here; models run on the CPU")
    return Device.CPU


def _attempts(manifest: Manifest, provider: Provider) -> list[tuple[Device, Precision]]:
    """What to try, best first. Integers are for the CPU: CUDA multiplies halves faster."""
    attempts: list[tuple[Device, Precision]] = []
    if _device(provider) is Device.CUDA:
        attempts += [
            (Device.CUDA, how)
            for how in (Precision.HALF, Precision.FLOAT)
            if how in manifest.graphs and manifest.graphs[how].rearrange is not None
        ]
        if not attempts:
            logger.error("%s has no graphs for a GPU; export it again", manifest.name)
    if provider is not Provider.REQUIRE_CUDA:
        attempts += [(Device.CPU, Precision.INT8), (Device.CPU, Precision.FLOAT)]
    return [(where, how) for where, how in attempts if how in manifest.graphs]


def _checked(directory: Path) -> tuple[Manifest, Tokenizer, list[GoldenCase]]:
    """Everything of a bundle but its graphs, checked."""
    manifest = Manifest.read(directory)
    if manifest.verification is None:
        raise BundleUnverified(
            f"{manifest.name} was exported but never verified; run 'model_export verify'"
        )
    _check_files(directory, manifest)
    tokenizer = Tokenizer.load(directory / manifest.vocabulary)
    if tokenizer.vocabulary_size != manifest.vocabulary_size:
        raise BundleDamaged(
            f"{manifest.vocabulary} has {tokenizer.vocabulary_size} pieces; "
            f"the manifest says {manifest.vocabulary_size}"
        )
    _check_marks(manifest, tokenizer)
    return manifest, tokenizer, read_golden(directory / manifest.golden)


def _check_marks(manifest: Manifest, tokenizer: Tokenizer) -> None:
    """Nobody may be able to write a mark into a text."""
    marks = manifest.marks
    if marks is None:
        return
    ids = (marks.term_begin, marks.term_end, *marks.placeholders)
    for id_ in ids:
        if not (0 <= id_ < tokenizer.vocabulary_size and tokenizer.is_control(id_)):
            raise BundleDamaged(f"{manifest.vocabulary}: the mark {id_} is no control symbol")
    if len(set(ids)) < len(ids) or not marks.placeholders:
        raise BundleDamaged(f"the marks of {manifest.name} are not all different, or lack one")


def _check_files(directory: Path, manifest: Manifest) -> None:
    for name, expected in manifest.files.items():
        path = directory / name
        if not path.is_file():
            raise BundleDamaged(f"{path} is missing")
        actual = sha256(path)
        if actual != expected:
            raise BundleDamaged(f"{path} has sha256 {actual}; the manifest says {expected}")
