"""What requests there are, and what comes of them."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.domain import Task

OK = "ok"  # the outcome of a request that did not fail

# A cached sentence (5 ms) from a short text from a page; above 10 s, timeouts: 30 s is the
# default and 120 s the largest one that a request may name by default.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class RequestMetrics:
    """Requests by route. Every method may be called from any thread."""

    def __init__(
        self,
        registry: CollectorRegistry,
        work_routes: Sequence[tuple[str, Task]],
        codes: Iterable[str],
    ) -> None:
        """Create the metrics, at zero.

        Args:
            registry: Where they are shown.
            work_routes: Routes that run a model, each with its task.
            codes: Error codes that an answer can have; "ok" is added.
        """
        self._count = Counter(
            "seq2serve_requests",
            "HTTP requests by route, task and outcome: ok or the error's code.",
            ["route", "task", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "seq2serve_request_seconds",
            "Seconds from a request's arrival to its last byte.",
            ["route", "task"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._series: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._in_flight = Gauge(
            "seq2serve_requests_in_flight",
            "HTTP requests that are not answered yet.",
            registry=registry,
        )
        # A series that first appears with its first error hides that error from rate().
        for route, task in work_routes:
            self._seconds.labels(route, task)
            for code in (OK, *codes):
                self._count.labels(route, task, code)

    def started(self) -> None:
        """A request came in."""
        self._in_flight.inc()

    def finished(self, route: str, task: str, code: str, seconds: float) -> None:
        """A request is over, answered or given up."""
        self._in_flight.dec()
        counter, histogram = self._series_of(route, task, code)
        counter.inc()
        histogram.observe(seconds)

    def _series_of(self, route: str, task: str, code: str) -> tuple[Counter, Histogram]:
        # Kept here, because the library makes and locks its way to a series with every ask.
        key = (route, task, code)
        series = self._series.get(key)
        if series is None:
            series = self._count.labels(*key), self._seconds.labels(route, task)
            self._series[key] = series
        return series
