"""How fast the engine works, to tell clients when to come back."""

import math
import threading

# Work of this many busy seconds ago counts 1/e: long enough to average over texts, short
# enough to follow a change of load within a minute.
_MEMORY_S = 20.0

# Below this it is not known how fast the engine is: the first turns after a pause fill rows
# that were empty, which is faster than what follows.
_EVIDENCE_S = 1.0

_LEAST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0


class Throughput:
    """Source tokens taken from the queue per second of a worker, recent ones counting more.

    Only turns after which somebody still waits are counted: when nobody does, workers decode
    small batches or nothing at all, which says little about how long a full queue takes. So
    neither start nor pause nor idleness counts, and a queue that is never empty is measured
    all the time. Safe to use from several threads.

    Args:
        workers: Workers that share the work.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._tokens = 0.0
        self._busy_s = 0.0

    def add(self, source_tokens: int, busy_s: float) -> None:
        """One worker had a turn of `busy_s`, took so many tokens, and others still wait."""
        with self._lock:
            kept = math.exp(-busy_s / _MEMORY_S)
            self._tokens = self._tokens * kept + source_tokens
            self._busy_s = self._busy_s * kept + busy_s

    def seconds_for(self, source_tokens: int) -> float | None:
        """Time until all the workers have taken so much; None when that is not known."""
        with self._lock:
            if self._busy_s < _EVIDENCE_S or self._tokens <= 0:
                return None
            return source_tokens * self._busy_s / (self._tokens * self._workers)

    def tokens_within(self, seconds: float) -> float:
        """What all the workers take in so much time; infinite when that is not known."""
        with self._lock:
            if self._busy_s < _EVIDENCE_S or self._tokens <= 0:
                return math.inf
            return max(seconds, 0.0) * self._tokens * self._workers / self._busy_s


def retry_after_s(wait_s: float | None) -> float:
    """What to tell a client that could not be served for `wait_s`; within [1, 60] s."""
    return min(max(wait_s or 0.0, _LEAST_WAIT_S), _LONGEST_WAIT_S)
