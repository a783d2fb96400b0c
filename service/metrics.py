"""Everything Prometheus can know of a running service; docs/metrics.md explains each.

One registry per app, so two apps in one process (every test) count apart. Names begin with
`seq2serve_`, units are base units, label values come from closed sets: routes as declared,
tasks, error codes, names of loaded bundles.
"""

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from service.domain import Direction, FinishReason, Task
from service.errors import Cancelled, DeadlineExceeded, Draining, EngineDead
from service.jobs.job import Census, State
from service.trust.guard import Problem

OK = "ok"
STAGES = ("queue", "encode", "decode", "detokenise")
PROVIDERS = ("cpu", "cuda")
# What became of a problem: another hypothesis was given, or there was none without it.
RESCUED, KEPT = "rescued", "kept"
TERM, COPY = "term", "copy"
HELD, LOST = "held", "lost"
REQUESTS = ("auto", "cpu", "cuda", "require-cuda")
# What can become of a sentence that was queued; others are counted when they first happen.
_FAILURES = (Cancelled.code, DeadlineExceeded.code, Draining.code, EngineDead.code)

# A cached sentence (5 ms) from a short text from a page; above 10 s, timeouts: 30 s is the
# default and 120 s the largest one that a request may name by default.
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
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


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the metrics say of a model without asking it again."""

    name: str
    version: str
    task: Task
    directions: Sequence[Direction]
    digest: str
    provider: str
    max_queue_sources: int
    max_queue_tokens: int


class Metrics:
    """The metrics of one app. Every method may be called from any thread.

    Attributes:
        registry: What /metrics shows.
    """

    def __init__(
        self,
        version: str,
        requested_provider: str,
        work_routes: Sequence[tuple[str, Task]],
        codes: Iterable[str],
    ) -> None:
        """Create the metrics, those of requests at zero.

        Args:
            version: The service's version.
            requested_provider: What the settings ask for, one of `REQUESTS`.
            work_routes: Routes that run a model, each with its task.
            codes: Error codes that an answer can have; "ok" is added.
        """
        # Creation times would double the number of series, and nobody asks for them.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # as the library has it
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "seq2serve_requests",
            "HTTP requests by route, task and outcome: ok or the error's code.",
            ["route", "task", "code"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "seq2serve_request_seconds",
            "Seconds from a request's arrival to its last byte.",
            ["route", "task"],
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._request_series: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._in_flight = Gauge(
            "seq2serve_requests_in_flight",
            "HTTP requests that are not answered yet.",
            registry=registry,
        )
        self._ready = Gauge(
            "seq2serve_ready",
            "1 when /readyz says ready, else 0.",
            registry=registry,
        )
        build = Gauge(
            "seq2serve_build_info",
            "Always 1; the labels say what runs.",
            ["version", "python"],
            registry=registry,
        )
        build.labels(version, platform.python_version()).set(1)
        requested = Gauge(
            "seq2serve_provider_requested",
            "1 for the provider that the settings ask for, 0 for the others.",
            ["provider"],
            registry=registry,
        )
        for provider in REQUESTS:
            requested.labels(provider).set(provider == requested_provider)
        self._jobs = Gauge(
            "seq2serve_jobs",
            "Jobs that are kept, by how they stand.",
            ["state"],
            registry=registry,
        )
        self._oldest_job = Gauge(
            "seq2serve_oldest_job_seconds",
            "Seconds since the oldest unfinished job was submitted; 0 without one.",
            registry=registry,
        )
        self._add_model_metrics(registry)
        self._add_decoding_metrics(registry)
        # A series that first appears with its first error hides that error from rate().
        for route, task in work_routes:
            self._request_seconds.labels(route, task)
            for code in (OK, *codes):
                self._requests.labels(route, task, code)

    def _add_model_metrics(self, registry: CollectorRegistry) -> None:
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

    def _add_decoding_metrics(self, registry: CollectorRegistry) -> None:
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

    def request_started(self) -> None:
        """A request came in."""
        self._in_flight.inc()

    def request_finished(self, route: str, task: str, code: str, seconds: float) -> None:
        """A request is over, answered or given up."""
        self._in_flight.dec()
        counter, histogram = self._of_request(route, task, code)
        counter.inc()
        histogram.observe(seconds)

    def _of_request(self, route: str, task: str, code: str) -> tuple[Counter, Histogram]:
        # Kept here, because the library makes and locks its way to a series with every ask.
        key = (route, task, code)
        series = self._request_series.get(key)
        if series is None:
            series = self._requests.labels(*key), self._request_seconds.labels(route, task)
            self._request_series[key] = series
        return series

    def watch_readiness(self, ready: Callable[[], bool]) -> None:
        """Ask `ready` at every scrape."""
        self._ready.set_function(lambda: float(ready()))

    def add_model(self, served: ModelInfo) -> "ModelMetrics":
        """Show a loaded bundle and return where its engine reports."""
        model = served.name
        self._model_info.labels(
            model,
            served.version,
            served.task,
            ", ".join(map(str, served.directions)),
            served.digest,
        ).set(1)
        for known in sorted({*PROVIDERS, served.provider}):
            self._provider.labels(model, known).set(known == served.provider)
        self._queue_capacity.labels(model).set(served.max_queue_sources)
        self._queue_capacity_tokens.labels(model).set(served.max_queue_tokens)
        for code in _FAILURES:
            self._failed.labels(model, code)
        return ModelMetrics(
            queue_depth=self._queue_depth.labels(model),
            queue_depth_tokens=self._queue_depth_tokens.labels(model),
            stage_seconds={stage: self._stage_seconds.labels(model, stage) for stage in STAGES},
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
                (kind == COPY, outcome == HELD): self._marks.labels(model, kind, outcome)
                for kind in (TERM, COPY)
                for outcome in (HELD, LOST)
            },
            rescued={problem: self._guard.labels(model, problem, RESCUED) for problem in Problem},
            kept={problem: self._guard.labels(model, problem, KEPT) for problem in Problem},
        )

    def watch_model(self, model: str, alive: Callable[[], bool]) -> None:
        """Ask at every scrape whether a model's engine is alive."""
        self._model_ready.labels(model).set_function(lambda: float(alive()))

    def watch_jobs(self, census: Callable[[], Census], now_s: Callable[[], float]) -> None:
        """Ask at every scrape how many jobs there are, and how old the oldest is."""

        def count(state: State) -> float:
            return census().states.get(state, 0)

        for state in State:
            self._jobs.labels(state).set_function(partial(count, state))

        def age_s() -> float:
            oldest_s = census().oldest_s
            return 0.0 if oldest_s is None else max(0.0, now_s() - oldest_s)

        self._oldest_job.set_function(age_s)

    def add_failed_model(self, model: str) -> None:
        """Show a bundle that was refused."""
        self._model_ready.labels(model).set(0)


@dataclass(frozen=True, slots=True)
class ModelMetrics:
    """One model's metrics; an `EngineObserver`."""

    queue_depth: Gauge
    queue_depth_tokens: Gauge
    stage_seconds: Mapping[str, Histogram]
    batch_sources: Histogram
    batch_tokens: Histogram
    padding_ratio: Histogram
    uncaptured: Counter
    decode_steps: Counter
    source_tokens: Counter
    generated_tokens: Counter
    finished_by: Mapping[FinishReason, Counter]
    count_failure: Callable[[str], None]
    marks: Mapping[tuple[bool, bool], Counter]
    rescued: Mapping[Problem, Counter]
    kept: Mapping[Problem, Counter]

    def queue_changed(self, *, items: int, tokens: int) -> None:
        """What waits now."""
        self.queue_depth.set(items)
        self.queue_depth_tokens.set(tokens)

    def encoded(
        self, *, sources: int, source_tokens: int, padded_tokens: int, seconds: float
    ) -> None:
        """Nothing: `advanced` sees the batch, `finished` the seconds."""

    def advanced(
        self,
        *,
        sources: int,
        rows: int,  # noqa: ARG002 - sources times the beam; sources say it all
        steps: int,
        source_tokens: int,
        padded_tokens: int,
        seconds: float,  # noqa: ARG002 - `finished` has it per sentence
        captured: bool | None = None,
    ) -> None:
        """One call of `advance`."""
        if captured is False:
            self.uncaptured.inc()
        self.batch_sources.observe(sources)
        self.batch_tokens.observe(source_tokens)
        self.padding_ratio.observe(1 - source_tokens / padded_tokens)
        self.decode_steps.inc(steps)

    def finished(
        self,
        *,
        reason: FinishReason,
        source_tokens: int,
        generated_tokens: int,
        queue_s: float,
        encode_s: float,
        decode_s: float,
    ) -> None:
        """One sentence was answered."""
        self.finished_by[reason].inc()
        self.source_tokens.inc(source_tokens)
        self.generated_tokens.inc(generated_tokens)
        self.stage_seconds["queue"].observe(queue_s)
        self.stage_seconds["encode"].observe(encode_s)
        self.stage_seconds["decode"].observe(decode_s)

    def failed(self, *, code: str) -> None:
        """One queued sentence was not answered."""
        self.count_failure(code)

    def died(self, *, error: BaseException) -> None:
        """Nothing: the engine logs it, and `seq2serve_model_ready` asks the engine."""

    def marked(self, *, is_copy: bool, is_held: bool) -> None:
        """A term, or something to be copied, was in a sentence."""
        self.marks[is_copy, is_held].inc()

    def guarded(self, *, kept: Iterable[Problem], avoided: Iterable[Problem]) -> None:
        """The guard saw something in a sentence: in its answer, or in one that was not given."""
        for problem in kept:
            self.kept[problem].inc()
        for problem in set(avoided) - set(kept):
            self.rescued[problem].inc()

    def text_finished(self, *, detokenise_s: float) -> None:
        """A text was put together from its decoded sentences."""
        self.stage_seconds["detokenise"].observe(detokenise_s)
