"""Uvicorn with an end that loses nothing: drain first, then stop."""

import asyncio
import logging
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType

import uvicorn
from fastapi import FastAPI

from service.api.heads import BoundedHeadProtocol
from service.api.lifecycle import Lifecycle, Phase
from service.errors import SettingsError
from service.logs import log_event
from service.settings import Settings, variable

logger = logging.getLogger(__name__)

# Longer than clients and proxies keep idle connections, so that it is they who close them:
# a request sent just as the server closes is lost.
_KEEP_ALIVE_S = 75

# For who is connected to ask once more and to be told that the connection ends. A client that asks
# just as it is closed loses its request.
_FAREWELL_S = 2

# For writing out the last answers; what hangs all the same loses its connection.
_LAST_ANSWERS_S = 5


def check_address(settings: Settings) -> None:
    """See that the service can listen where it is to, before it takes time to load models.

    Raises:
        SettingsError: It cannot: no such address, not of this machine, taken, or not allowed.
    """
    host, port = settings.host, settings.port
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in places:
            with socket.socket(family, kind, protocol) as trial:
                # As the event loop does: what a former process left behind is no hindrance.
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(address)
    except OSError as error:
        raise SettingsError(
            f"cannot listen where {variable('host')} and {variable('port')} say, which is "
            f"{host}:{port}: {error.strerror}"
        ) from None


class DrainingServer(uvicorn.Server):
    """Answers, after the first SIGTERM or SIGINT, what it has accepted, and only then stops.

    Uvicorn alone closes its socket at once, so a balancer that has not noticed yet gets
    connections refused. This one goes on listening while requests are in flight: /readyz
    says 503, new requests get 503 with `Retry-After`. Then it listens no more, and who is still
    connected is told on asking, for a while, that the connection ends. A second signal stops at
    once.
    """

    def __init__(
        self,
        app: FastAPI,
        settings: Settings,
        lifecycle: Lifecycle,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,  # the process's own, see `service.logs`
                access_log=False,
                server_header=False,
                # Whom a proxy speaks for makes no difference here.
                proxy_headers=False,
                ws="none",
                http=BoundedHeadProtocol,
                timeout_graceful_shutdown=_LAST_ANSWERS_S,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )
        self._lifecycle = lifecycle
        self._drain_timeout_s = settings.drain_timeout_s
        self._clock = clock
        self._drain_until_s: float | None = None
        self._farewell_until_s: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Signal handler: begin to drain, or stop at once when already draining."""
        if self._lifecycle.phase is Phase.DRAINING or not self.started:
            super().handle_exit(sig, frame)
            return
        self.begin_drain()
        log_event(
            logger,
            logging.INFO,
            "draining",
            signal=signal.Signals(sig).name,
            in_flight=self._lifecycle.in_flight,
            drain_timeout_s=self._drain_timeout_s,
        )

    def begin_drain(self) -> None:
        """Take no new requests; stop when none is in flight, or fail the rest when time is up."""
        self._lifecycle.drain()
        self._drain_until_s = self._clock() + self._drain_timeout_s

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop; uvicorn asks ten times a second."""
        stop = await super().on_tick(counter)
        return stop or await self._drain_is_over()

    async def _drain_is_over(self) -> bool:
        if self._drain_until_s is None:
            return False
        if self._lifecycle.drained:
            return await self._farewell_is_over(self._drain_until_s)
        if self._clock() < self._drain_until_s:
            return False
        log_event(
            logger,
            logging.WARNING,
            "drain timeout passed",
            in_flight=self._lifecycle.in_flight,
            drain_timeout_s=self._drain_timeout_s,
        )
        self._lifecycle.cut_off()
        return True

    async def _farewell_is_over(self, drain_until_s: float) -> bool:
        if self._farewell_until_s is None:
            await self._shut_the_door(drain_until_s)
            self._farewell_until_s = min(self._clock() + _FAREWELL_S, drain_until_s)
        if self.server_state.connections and self._clock() < self._farewell_until_s:
            return False
        log_event(logger, logging.INFO, "drained")
        return True

    async def _shut_the_door(self, until_s: float) -> None:
        """Listen no more, after whom the kernel has let in already, as far as time allows.

        The event loop takes one connection a turn, and to close the socket resets the others.
        """
        with ExitStack() as stack:
            doors = [
                stack.enter_context(each.dup())
                for server in self.servers
                for each in server.sockets
            ]
            for door in doors:
                door.listen(0)  # the kernel lets nobody else in meanwhile
            # Each turn of the loop lets one in; there is no event to wait for.
            while select.select(doors, [], [], 0)[0] and self._clock() < until_s:  # noqa: ASYNC110
                await asyncio.sleep(0)
            for server in self.servers:
                server.close()
