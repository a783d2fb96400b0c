"""The service on a real socket, in a thread that stops by itself."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import httpx

from service.api.lifecycle import Lifecycle
from service.api.server import DrainingServer
from service.app import CatalogueFactory, create_app
from service.settings import Settings

PATIENCE_S = 20  # for what happens at once unless it never does


class Gate:
    """Holds what passes through it until the test opens it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.left = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened: asyncio.Event | None = None

    async def __call__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._opened = asyncio.Event()
        self.reached.set()
        try:
            await self._opened.wait()
        finally:
            self.left.set()

    def open(self) -> None:
        assert self._loop is not None
        assert self._opened is not None
        self._loop.call_soon_threadsafe(self._opened.set)


class ServerInThread(DrainingServer):
    """Says when it listens, and takes signals from the test's thread."""

    def __init__(self, settings: Settings, load: CatalogueFactory) -> None:
        lifecycle = Lifecycle()
        app = create_app(settings, load=load, lifecycle=lifecycle)
        super().__init__(app, settings, lifecycle)
        self.listening = threading.Event()
        self.thread = threading.Thread(target=self.run)

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup()
        self._loop = asyncio.get_running_loop()
        self.listening.set()

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()
        return f"http://{host}:{port}"

    def signal(self, number: signal.Signals, frame: FrameType | None = None) -> None:
        """Do what the process does on this signal, and return when it is done."""
        self.call(lambda: self.handle_exit(number, frame))

    def call(self, what: Callable[[], None]) -> None:
        """Do something on the event loop's thread, and return when it is done."""
        done = threading.Event()

        def do() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(do)
        assert done.wait(PATIENCE_S)


@contextmanager
def serving(settings: Settings, load: CatalogueFactory) -> Iterator[ServerInThread]:
    """A running server; on leaving, it is stopped and joined."""
    server = ServerInThread(settings, load)
    server.thread.start()
    try:
        assert server.listening.wait(PATIENCE_S)
        yield server
    finally:
        server.should_exit = True
        server.thread.join(PATIENCE_S)
        assert not server.thread.is_alive()


def client_of(server: ServerInThread) -> httpx.Client:
    """An HTTP client for it."""
    return httpx.Client(base_url=server.url, timeout=PATIENCE_S, trust_env=False)
