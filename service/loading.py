"""Bundles into models that answer: an engine, a pipeline and metrics for each."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from service.api.catalogue import Catalogue, FailedModel, ServedModel
from service.bundle.loader import Bundle, Provider, find_bundles, load_bundle
from service.bundle.manifest import Manifest, Precision
from service.cores import usable_cores
from service.decoding.buckets import read_buckets
from service.decoding.contract import DecoderModel
from service.decoding.runtime import Device
from service.engine import Engine
from service.engine.limits import EngineLimits
from service.engine.plan import CPU_COSTS, GPU_COSTS
from service.errors import BundleError, SettingsError
from service.logs import log_event
from service.metrics import Metrics, ModelInfo
from service.pipeline import Pipeline, TextLimits
from service.settings import BATCH_SOURCES, Settings
from service.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)


class Loaded(Protocol):
    """What is served of a bundle; `service.bundle.Bundle`, or one with another model in tests."""

    @property
    def manifest(self) -> Manifest: ...
    @property
    def tokenizer(self) -> Tokenizer: ...
    @property
    def model(self) -> DecoderModel: ...
    @property
    def device(self) -> Device: ...
    @property
    def precision(self) -> Precision: ...


def load_catalogue(settings: Settings, metrics: Metrics) -> Catalogue:
    """Load every bundle in `settings.models_dir`.

    A bundle that is refused does not stop the others: it is logged, /models and /readyz list
    it, and `seq2serve_model_ready` is 0 for it.

    Raises:
        SettingsError: There is no such directory, or no bundle in it.
        BundleError: Every bundle was refused.
    """
    directory = settings.models_dir
    paths = find_bundles(directory)
    if not paths:
        raise SettingsError(f"models_dir is {directory}; it has no */manifest.json")
    models: list[ServedModel] = []
    failed: list[FailedModel] = []
    for path in paths:
        try:
            taken = [model.manifest.name for model in models]
            bundle = _load(path, settings, taken)
            models.append(serve(bundle, engine_limits(settings, bundle.device), settings, metrics))
        except BundleError as error:
            log_event(
                logger,
                logging.ERROR,
                "bundle refused",
                exception=error,
                bundle=path.name,
                code=error.code,
            )
            failed.append(FailedModel(path.name, error.code, str(error)))
    if not models:
        reasons = "; ".join(f"{each.name}: {each.message}" for each in failed)
        raise BundleError(f"every bundle in {directory} was refused: {reasons}")
    return Catalogue(models, failed)


def serve(
    bundle: Loaded, limits: EngineLimits, settings: Settings, metrics: Metrics
) -> ServedModel:
    """Put a bundle behind an engine and a pipeline; the engine is not started.

    Args:
        bundle: The model and all that goes with it.
        limits: What its engine may hold at once.
        settings: Say how large a text may be.
        metrics: Where the model is shown and its work counted.
    """
    manifest = bundle.manifest
    observer = metrics.models.add(model_info(manifest, bundle.device, limits))
    engine = Engine(bundle.model, limits, observer=observer)
    pipeline = Pipeline(
        manifest,
        bundle.tokenizer,
        bundle.tokenizer,
        engine,
        TextLimits(max_characters=settings.max_text_chars, max_sentences=settings.max_sentences),
    )
    return ServedModel(manifest, bundle.device, bundle.precision, pipeline, engine, observer)


def model_info(manifest: Manifest, provider: str, limits: EngineLimits) -> ModelInfo:
    """What the metrics say of a model.

    Args:
        manifest: Of its bundle.
        provider: What really runs it.
        limits: Of its engine.
    """
    return ModelInfo(
        name=manifest.name,
        version=manifest.version,
        task=manifest.task,
        directions=tuple(manifest.prefixes),
        digest=manifest.digest,
        provider=provider,
        max_queue_sources=limits.max_queue_items,
        max_queue_tokens=limits.max_queue_tokens,
    )


def engine_limits(settings: Settings, device: Device = Device.CPU) -> EngineLimits:
    """What the engine of a model on `device` may hold at once."""
    cores = 1 if device is Device.CUDA else usable_cores()
    return EngineLimits(
        max_queue_items=settings.max_queue_sources,
        max_queue_tokens=settings.max_queue_tokens,
        max_batch_sources=settings.max_batch_sources or BATCH_SOURCES[device],
        max_batch_tokens=settings.max_batch_tokens,
        workers=settings.workers or max(1, cores // settings.threads),
        max_encode_tokens=settings.max_encode_tokens,
        costs=GPU_COSTS if device is Device.CUDA else CPU_COSTS,
    )


def _load(path: Path, settings: Settings, taken: Sequence[str]) -> Bundle:
    log_event(logger, logging.INFO, "bundle loading", bundle=path.name)
    bundle = load_bundle(
        path, Provider(settings.provider), settings.threads, read_buckets(settings.cuda_graphs)
    )
    name = bundle.manifest.name
    if name in taken:
        raise BundleError(f"another bundle is called {name} too; names have to differ")
    _log_loaded(bundle, settings)
    return bundle


def _log_loaded(bundle: Bundle, settings: Settings) -> None:
    fell_back = settings.provider == "cuda" and bundle.device != "cuda"
    log_event(
        logger,
        logging.WARNING if fell_back else logging.INFO,
        "bundle loaded, but not on the provider that was asked for"
        if fell_back
        else "bundle loaded",
        model=bundle.manifest.name,
        version=bundle.manifest.version,
        digest=bundle.manifest.digest,
        provider=bundle.device,
        precision=bundle.precision,
    )
