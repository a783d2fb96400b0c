"""A catalogue of one translator with everything real but the network's weights."""

from dataclasses import replace

from service.api.catalogue import Catalogue, ServedModel
from service.app import CatalogueFactory
from service.bundle.manifest import Precision
from service.decoding.contract import DecoderModel
from service.engine import Engine, EngineLimits
from service.metrics import Metrics, ModelInfo
from service.pipeline import Pipeline, TextLimits
from service.settings import Settings
from service.text.tokenizer import Tokenizer
from tests.api.fakes import TRANSLATOR

# Greedy: a wider search finds other hypotheses, and a translation that repeats its source would
# be rescued with one of them.
MANIFEST = TRANSLATOR.model_copy(update={"search": replace(TRANSLATOR.search, beam_size=1)})


def translating_with(
    model: DecoderModel, tokenizer: Tokenizer, *, max_batch_sources: int = 1
) -> CatalogueFactory:
    """A factory of a catalogue whose translator decodes with `model`, in one worker."""

    def load(settings: Settings, metrics: Metrics) -> Catalogue:
        limits = EngineLimits(
            max_queue_items=settings.max_queue_sources,
            max_queue_tokens=settings.max_queue_tokens,
            max_batch_sources=max_batch_sources,
            max_batch_tokens=settings.max_batch_tokens,
            workers=1,
        )
        observer = metrics.add_model(
            ModelInfo(
                name=MANIFEST.name,
                version=MANIFEST.version,
                task=MANIFEST.task,
                directions=tuple(MANIFEST.prefixes),
                digest=MANIFEST.digest,
                provider="cpu",
                max_queue_sources=limits.max_queue_items,
                max_queue_tokens=limits.max_queue_tokens,
            )
        )
        engine = Engine(model, limits, observer=observer)
        pipeline = Pipeline(
            MANIFEST,
            tokenizer,
            tokenizer,
            engine,
            TextLimits(
                max_characters=settings.max_text_chars, max_sentences=settings.max_sentences
            ),
        )
        served = ServedModel(MANIFEST, "cpu", Precision.FLOAT, pipeline, engine, observer)
        return Catalogue([served])

    return load
