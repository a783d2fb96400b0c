"""What jobs are kept."""

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Gauge

from service.jobs.job import Census, State


class JobMetrics:
    """Jobs by how they stand, asked for at every scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Create the metrics.

        Args:
            registry: Where they are shown.
        """
        self._count = Gauge(
            "seq2serve_jobs",
            "Jobs that are kept, by how they stand.",
            ["state"],
            registry=registry,
        )
        self._oldest = Gauge(
            "seq2serve_oldest_job_seconds",
            "Seconds since the oldest unfinished job was submitted; 0 without one.",
            registry=registry,
        )

    def watch(self, census: Callable[[], Census], now_s: Callable[[], float]) -> None:
        """Ask at every scrape how many jobs there are, and how old the oldest is."""

        def count(state: State) -> float:
            return census().states.get(state, 0)

        for state in State:
            self._count.labels(state).set_function(partial(count, state))

        def age_s() -> float:
            oldest_s = census().oldest_s
            return 0.0 if oldest_s is None else max(0.0, now_s() - oldest_s)

        self._oldest.set_function(age_s)
