"""Where the service stands: starting, serving, draining; and what is in flight.

Owned by the event loop: nothing here is touched from another thread.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from service.errors import Draining


class Phase(StrEnum):
    """The service's life, in order."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


class Lifecycle:
    """The phase, and the number of requests that are being worked on."""

    def __init__(self) -> None:
        self._phase = Phase.STARTING
        self._in_flight = 0
        self._when_cut_off: set[Callable[[], None]] = set()

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def in_flight(self) -> int:
        """Requests inside `working`."""
        return self._in_flight

    @property
    def drained(self) -> bool:
        """Draining, and nothing is in flight any more."""
        return self._phase is Phase.DRAINING and self._in_flight == 0

    def serve(self) -> None:
        """The engines run: take requests."""
        if self._phase is Phase.STARTING:
            self._phase = Phase.SERVING

    def drain(self) -> None:
        """Take no new requests; for good."""
        self._phase = Phase.DRAINING

    def cut_off(self) -> None:
        """Give up on what is still in flight: the time to drain is over."""
        for each in tuple(self._when_cut_off):
            each()

    def on_cut_off(self, call: Callable[[], None]) -> None:
        """Call `call` at `cut_off`.

        Not an event to wait for: thousands may, and an event takes as long to forget one of
        its waiters as it has.
        """
        self._when_cut_off.add(call)

    def off_cut_off(self, call: Callable[[], None]) -> None:
        """Take `on_cut_off` back."""
        self._when_cut_off.discard(call)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count a request as in flight.

        Raises:
            Draining: The service is shutting down and takes no new work.
        """
        if self._phase is Phase.DRAINING:
            raise Draining("the service is shutting down and takes no new requests")
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
