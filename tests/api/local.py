"""A client that calls an app in this process, without a socket."""

import asyncio
from types import TracebackType
from typing import Any, Protocol, Self

import httpx
from fastapi import FastAPI

from service.app import CatalogueFactory


class MakeClient(Protocol):
    """Clients of apps with models that a test brings; see the fixture `make_client`."""

    def __call__(self, load: CatalogueFactory, **settings: object) -> "LocalClient": ...


class LocalClient:
    """Synchronous face of httpx over ASGI; a context manager that runs the app's lifespan."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._runner = asyncio.Runner()
        self._lifespan = app.router.lifespan_context(app)
        # As a real server: an exception that gets out of the app is no answer, not a traceback.
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://service")

    def __enter__(self) -> Self:
        self._runner.run(self._lifespan.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runner.run(self._client.aclose())
        self._runner.run(self._lifespan.__aexit__(None, None, None))
        self._runner.close()

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **arguments))

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("POST", path, **arguments)
