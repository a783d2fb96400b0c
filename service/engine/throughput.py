"""How fast the engine works, to tell clients when to come back."""

import math
import threading

# Work of this many busy seconds ago counts 1/e: long enough to average over texts, short
# enough to follow a change of load within a minute.
_MEMORY_S = 20.0

_LEAST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0


class Throughput:
    """Source tokens finished per busy second of a worker, recent ones counting more.

    Busy seconds, because idle ones say nothing about how long a full queue takes. Safe to
    use from several threads.

    Args:
        workers: Workers that share the work.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._tokens = 0.0
        self._busy_s = 0.0

    def add(self, source_tokens: int, busy_s: float) -> None:
        """One worker was busy for `busy_s` and finished sources of so many tokens."""
        with self._lock:
            kept = math.exp(-busy_s / _MEMORY_S)
            self._tokens = self._tokens * kept + source_tokens
            self._busy_s = self._busy_s * kept + busy_s

    def seconds_for(self, source_tokens: int) -> float:
        """Expected time for all the workers to finish so much, within [1, 60] s."""
        with self._lock:
            tokens, busy_s = self._tokens, self._busy_s
        if tokens == 0:
            # Nothing was finished lately: either nothing was asked, or the first sources
            # are still under way.
            return _LEAST_WAIT_S
        expected_s = source_tokens * busy_s / (tokens * self._workers)
        return min(max(expected_s, _LEAST_WAIT_S), _LONGEST_WAIT_S)
