"""What jobs are kept, and what they came to."""

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from service.jobs.job import Census, Outcome, State


class JobMetrics:
    """Jobs by how they stand, asked for at every scrape, and by what they came to."""

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

        finished = Counter(
            "seq2serve_finished_jobs_total",
            "Jobs by what they came to.",
            ["outcome"],
            registry=registry,
        )
        self._finished = {outcome: finished.labels(outcome) for outcome in Outcome}

    def finished(self, outcome: Outcome) -> None:
        """Count a job."""
        self._finished[outcome].inc()

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
