"""The service on a real socket, with fake models that translate both ways."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.api.fakes import TRANSLATOR, FakeModels, served
from tests.api.serving import ServerInThread, client_of, serving

BACK = TRANSLATOR.model_copy(update={"name": "shout-de-en", "directions": served("de", "en")})


@pytest.fixture(scope="module")
def models() -> FakeModels:
    return FakeModels(manifests=(TRANSLATOR, BACK))


@pytest.fixture(scope="module")
def server(models: FakeModels) -> Iterator[ServerInThread]:
    settings = Settings(port=0, models_dir=Path("nowhere"), max_texts=50, max_body_bytes=50_000)
    with serving(settings, models) as server:
        yield server


@pytest.fixture(scope="module")
def http(server: ServerInThread) -> Iterator[httpx.Client]:
    with client_of(server) as client:
        yield client


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients ask the environment for a proxy; there is none to this server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
