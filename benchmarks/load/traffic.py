"""What is sent, and what came of it: plain values that travel between processes."""

import random
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.figures import percentile


@dataclass(frozen=True, slots=True)
class Closed:
    """Clients that each send their next request when the last one is answered."""

    clients: int


@dataclass(frozen=True, slots=True)
class Open:
    """Requests that are sent when they are due, whatever is still open."""

    rate_per_s: float
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests of one kind.

    Attributes:
        path: Where they are posted.
        bodies: JSON bodies, sent in turn.
        pace: When they are sent.
        leave_after_s: Seconds after which a client that has no answer closes its connection.
    """

    path: str
    bodies: tuple[bytes, ...]
    pace: Closed | Open
    leave_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """When to look.

    Attributes:
        warm_up_s: Sent but not counted.
        seconds: Counted.
    """

    warm_up_s: float
    seconds: float


@dataclass(slots=True)
class Outcome:
    """What came of one stream; times in seconds.

    Attributes:
        window_s: Length of the counted window.
        answered: 200s that came in the window, whenever they were sent.
        counts: Of the requests due in the window, by status; 0 for those that got no answer.
        ok_s: From when a request was due to its 200, of those due in the window.
        refused_s: The same of answers 429 and 503.
        retry_after_s: What those said.
        late_s: How long after they were due requests were sent.
    """

    window_s: float
    answered: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    ok_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)
    retry_after_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answered / self.window_s

    def good_per_second(self, deadline_s: float) -> float:
        """Answers a second, of those that were in time."""
        return sum(seconds <= deadline_s for seconds in self.ok_s) / self.window_s

    @property
    def refused_share(self) -> float:
        """429 and 503, of all that were sent."""
        return len(self.refused_s) / max(1, self.counts.total())

    def ok_ms(self, share: float) -> float | None:
        """Percentile of the time to a 200."""
        return 1000 * percentile(self.ok_s, share) if self.ok_s else None

    def refused_ms(self, share: float) -> float | None:
        """Percentile of the time to a refusal."""
        return 1000 * percentile(self.refused_s, share) if self.refused_s else None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Streams that were sent side by side.

    Attributes:
        outcomes: One per stream.
        cpu_s: Processor seconds the client took.
        wall_s: From the first request to the last answer.
        connections: Connections that were opened.
    """

    outcomes: list[Outcome]
    cpu_s: float
    wall_s: float
    connections: int

    @property
    def cores(self) -> float:
        """Processors that the client kept busy."""
        return self.cpu_s / self.wall_s


def poisson_arrivals(pace: Open, seconds: float) -> list[float]:
    """Instants from 0 up to `seconds` at which requests are due, ascending.

    The gaps are independent and exponentially distributed: what arrives from many clients that
    know nothing of each other.
    """
    gaps = random.Random(pace.seed)
    arrivals = []
    instant_s = gaps.expovariate(pace.rate_per_s)
    while instant_s < seconds:
        arrivals.append(instant_s)
        instant_s += gaps.expovariate(pace.rate_per_s)
    return arrivals
