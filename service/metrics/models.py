"""The metrics that every model has, with the model's name as a label."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.domain import FinishReason
from service.errors import Cancelled, DeadlineExceeded, Draining, EngineDead
from service.metrics.model import ModelInfo, ModelMetrics
from service.trust.guard import Problem

_STAGES = ("queue", "encode", "decode", "detokenise")
_PROVIDERS = ("cpu", "cuda")
# What became of a problem: another hypothesis was given, or there was none without it.
_RESCUED, _KEPT = "rescued", "kept"
_TERM, _COPY = "term", "copy"
_HELD, _LOST = "held", "lost"
# What can become of a sentence that was queued; others are counted when they first happen.
_FAILURES = (Cancelled.code, DeadlineExceeded.code, Draining.code, EngineDead.code)

# Detokenising takes tens of microseconds, encoding milliseconds, decoding up to seconds;
# a queue that costs more than the decoding (over 1 s) is the sign to add a replica.
_STAGE_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)
# Single admissions (no batching happens) from half full and full batches of 8 to 64.
_BATCH_SOURCES = (1, 2, 4, 8, 16, 32, 64, 128)
# A short sentence (16 tokens), a long one (128), a full batch of either.
_BATCH_TOKENS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
# Under 0.1 is bucketed well, 0.25 is what sorting by length leaves, above 0.5 more is padding
# than is text.
_PADDING_RATIO = (0.01, 0.05, 0.1, 0.15, 0.25, 0.4, 0.5, 0.75)


class ModelFamilies:
    """The metrics of all models. Every method may be called from any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Create the metrics, of no model yet.

        Args:
            registry: Where they are shown.
        """
        self._add_state(registry)
        self._add_work(registry)

    def add(self, served: ModelInfo) -> ModelMetrics:
        """Show a loaded bundle and return where its engine reports."""
        model = served.name
        self._model_info.labels(
            model,
            served.version,
            served.task,
            ", ".join(map(str, served.directions)),
            served.digest,
        ).set(1)
        for known in sorted({*_PROVIDERS, served.provider}):
            self._provider.labels(model, known).set(known == served.provider)
        self._queue_capacity.labels(model).set(served.max_queue_sources)
        self._queue_capacity_tokens.labels(model).set(served.max_queue_tokens)
        for code in _FAILURES:
            self._failed.labels(model, code)
        return ModelMetrics(
            queue_depth=self._queue_depth.labels(model),
            queue_depth_tokens=self._queue_depth_tokens.labels(model),
            stage_seconds={stage: self._stage_seconds.labels(model, stage) for stage in _STAGES},
            batch_sources=self._batch_sources.labels(model),
            batch_tokens=self._batch_tokens.labels(model),
            padding_ratio=self._padding_ratio.labels(model),
            uncaptured=self._uncaptured.labels(model),
            decode_steps=self._decode_steps.labels(model),
            source_tokens=self._source_tokens.labels(model),
            generated_tokens=self._generated_tokens.labels(model),
            finished_by={reason: self._finished.labels(model, reason) for reason in FinishReason},
            count_failure=lambda code: self._failed.labels(model, code).inc(),
            marks={
                (kind == _COPY, outcome == _HELD): self._marks.labels(model, kind, outcome)
                for kind in (_TERM, _COPY)
                for outcome in (_HELD, _LOST)
            },
            rescued={problem: self._guard.labels(model, problem, _RESCUED) for problem in Problem},
            kept={problem: self._guard.labels(model, problem, _KEPT) for problem in Problem},
        )

    def add_failed(self, model: str) -> None:
        """Show a bundle that was refused."""
        self._model_ready.labels(model).set(0)

    def watch(self, model: str, alive: Callable[[], bool]) -> None:
        """Ask at every scrape whether a model's engine is alive."""
        self._model_ready.labels(model).set_function(lambda: float(alive()))

    def _add_state(self, registry: CollectorRegistry) -> None:
        self._model_info = Gauge(
            "seq2serve_model_info",
            "Always 1; the labels say which bundles are served.",
            ["model", "version", "task", "directions", "digest"],
            registry=registry,
        )
        self._model_ready = Gauge(
            "seq2serve_model_ready",
            "1 when the model's engine is alive; 0 when it died or its bundle was refused.",
            ["model"],
            registry=registry,
        )
        self._provider = Gauge(
            "seq2serve_provider_active",
            "1 for the provider that really runs the model, 0 for the others.",
            ["model", "provider"],
            registry=registry,
        )
        self._queue_depth = Gauge(
            "seq2serve_queue_depth_sources",
            "Sentences waiting for a place in a batch.",
            ["model"],
            registry=registry,
        )
        self._queue_depth_tokens = Gauge(
            "seq2serve_queue_depth_tokens",
            "Source tokens of the sentences waiting for a place in a batch.",
            ["model"],
            registry=registry,
        )
        self._queue_capacity = Gauge(
            "seq2serve_queue_capacity_sources",
            "Sentences that may wait; beyond it requests get 429.",
            ["model"],
            registry=registry,
        )
        self._queue_capacity_tokens = Gauge(
            "seq2serve_queue_capacity_tokens",
            "Source tokens that may wait; beyond it requests get 429.",
            ["model"],
            registry=registry,
        )

    def _add_work(self, registry: CollectorRegistry) -> None:
        self._stage_seconds = Histogram(
            "seq2serve_stage_seconds",
            "Seconds by stage: queue, encode and decode of one sentence, detokenise of one text.",
            ["model", "stage"],
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self._batch_sources = Histogram(
            "seq2serve_batch_sources",
            "Sentences in a worker's running batch, at each advance.",
            ["model"],
            buckets=_BATCH_SOURCES,
            registry=registry,
        )
        self._batch_tokens = Histogram(
            "seq2serve_batch_tokens",
            "Source tokens in a worker's running batch, padding left out, at each advance.",
            ["model"],
            buckets=_BATCH_TOKENS,
            registry=registry,
        )
        self._uncaptured = Counter(
            "seq2serve_uncaptured_advances",
            "Advances on a GPU that no CUDA graph was captured for: they run slower.",
            ["model"],
            registry=registry,
        )
        self._padding_ratio = Histogram(
            "seq2serve_batch_padding_ratio",
            "Share of padding in the source tokens of a worker's running batch, at each advance.",
            ["model"],
            buckets=_PADDING_RATIO,
            registry=registry,
        )
        self._decode_steps = Counter(
            "seq2serve_decode_steps",
            "Decoder steps run, each for a whole batch.",
            ["model"],
            registry=registry,
        )
        self._source_tokens = Counter(
            "seq2serve_source_tokens",
            "Source tokens of finished sentences, end marks included.",
            ["model"],
            registry=registry,
        )
        self._generated_tokens = Counter(
            "seq2serve_generated_tokens",
            "Tokens of the best hypotheses of finished sentences.",
            ["model"],
            registry=registry,
        )
        self._finished = Counter(
            "seq2serve_finished_sources",
            "Finished sentences by why their best hypothesis stopped.",
            ["model", "reason"],
            registry=registry,
        )
        self._failed = Counter(
            "seq2serve_failed_sources",
            "Sentences that were queued and not answered, by the error's code.",
            ["model", "code"],
            registry=registry,
        )
        self._marks = Counter(
            "seq2serve_marks",
            "Terms and copies in sentences, by whether the model held them; a copy that it lost "
            "was put where alignment suggests.",
            ["model", "kind", "outcome"],
            registry=registry,
        )
        self._guard = Counter(
            "seq2serve_guard",
            "Problems that the guard saw in best-scored hypotheses (rescued: another one was "
            "given) and in answers (kept).",
            ["model", "problem", "outcome"],
            registry=registry,
        )
