"""A token bucket: so much a minute on average, at most a minute's worth at once."""

from dataclasses import dataclass

# A bucket is filled in floating point; what is short by less than this is rounding.
_TOLERANCE = 1e-6


@dataclass(slots=True)
class Bucket:
    """What may still be taken, refilled as time goes by.

    Attributes:
        per_minute: How much comes back in a minute, and how much it holds.
        level: What was in it at `at_s`.
        at_s: Seconds of any clock that every call uses; a clock that is set back refills
            nothing until it is where it was.
    """

    per_minute: int
    level: float
    at_s: float

    def wait_s(self, amount: int, now_s: float) -> float:
        """Seconds until `amount` can be taken; 0 when it can be now.

        Worked case: 60 a minute, empty; 3 can be taken in 3 seconds.

        Args:
            amount: At most `per_minute`; more than that never can be.
            now_s: The present.
        """
        missing = amount - self.left(now_s)
        return 0.0 if missing <= _TOLERANCE else missing * 60 / self.per_minute

    def left(self, now_s: float) -> float:
        """What is in it now."""
        self._refill(now_s)
        return self.level

    @property
    def whole(self) -> int:
        """What could be taken when it was last asked."""
        return int(self.level + _TOLERANCE)

    def take(self, amount: int, now_s: float) -> None:
        """Take `amount`, for which `wait_s` was 0."""
        self.level = max(0.0, self.left(now_s) - amount)

    def _refill(self, now_s: float) -> None:
        if now_s > self.at_s:
            gained = (now_s - self.at_s) * self.per_minute / 60
            self.level = min(float(self.per_minute), self.level + gained)
            self.at_s = now_s
