"""Everything Prometheus can know of a running service; docs/metrics.md explains each.

One registry per app, so two apps in one process (every test) count apart. Names begin with
`seq2serve_`, units are base units, label values come from closed sets: routes as declared,
tasks, error codes, names of loaded bundles.
"""

import platform
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics

from service.domain import Task
from service.metrics.jobs import JobMetrics
from service.metrics.model import ModelInfo, ModelMetrics
from service.metrics.models import ModelFamilies
from service.metrics.requests import OK, RequestMetrics

__all__ = ["OK", "Metrics", "ModelInfo", "ModelMetrics"]

_REQUESTED_PROVIDERS = ("auto", "cpu", "cuda", "require-cuda")


class Metrics:
    """The metrics of one app.

    Attributes:
        registry: What /metrics shows.
        requests: Of the HTTP requests.
        models: Of the models and their engines.
        jobs: Of the jobs that are kept.
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
            requested_provider: What the settings ask for.
            work_routes: Routes that run a model, each with its task.
            codes: Error codes that an answer can have; "ok" is added.
        """
        # Creation times would double the number of series, and nobody asks for them.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # as the library has it
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = RequestMetrics(registry, work_routes, codes)
        self.models = ModelFamilies(registry)
        self.jobs = JobMetrics(registry)
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
        for provider in _REQUESTED_PROVIDERS:
            requested.labels(provider).set(provider == requested_provider)

    def watch_readiness(self, ready: Callable[[], bool]) -> None:
        """Ask `ready` at every scrape."""
        self._ready.set_function(lambda: float(ready()))
