"""A catalogue of one translator with everything real but the network's weights."""

from dataclasses import dataclass, replace

from service.api.catalogue import Catalogue
from service.app import CatalogueFactory
from service.bundle.manifest import Manifest, Precision
from service.decoding.contract import DecoderModel
from service.decoding.runtime import Device
from service.loading import engine_limits, serve
from service.metrics import Metrics
from service.settings import Settings
from service.text.tokenizer import Tokenizer
from tests.api.fakes import TRANSLATOR

# Greedy: a wider search finds other hypotheses, and a translation that repeats its source would
# be rescued with one of them.
MANIFEST = TRANSLATOR.model_copy(update={"search": replace(TRANSLATOR.search, beam_size=1)})


@dataclass(frozen=True)
class Untrained:
    """A bundle that was not loaded from files."""

    model: DecoderModel
    tokenizer: Tokenizer
    manifest: Manifest = MANIFEST
    device: Device = Device.CPU
    precision: Precision = Precision.FLOAT


def translating_with(
    model: DecoderModel, tokenizer: Tokenizer, *, max_batch_sources: int = 1
) -> CatalogueFactory:
    """A factory of a catalogue whose translator decodes with `model`, in one worker."""

    def load(settings: Settings, metrics: Metrics) -> Catalogue:
        limits = replace(engine_limits(settings), max_batch_sources=max_batch_sources, workers=1)
        return Catalogue([serve(Untrained(model, tokenizer), limits, settings, metrics)])

    return load
