"""An app of fake models, and a client that talks to it in this process."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.app import CatalogueFactory, create_app
from service.settings import PREFIX, Settings
from tests.api.fakes import FakeModels
from tests.api.local import LocalClient, MakeClient


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture
def settings() -> Settings:
    return Settings(max_texts=4, max_body_bytes=20_000, models_dir=Path("nowhere"))


@pytest.fixture
def client(models: FakeModels, settings: Settings) -> Iterator[LocalClient]:
    with LocalClient(create_app(settings, load=models)) as client:
        yield client


@pytest.fixture
def make_client(settings: Settings) -> Iterator[MakeClient]:
    """Clients of apps with the models a test makes itself, and some settings of its own."""
    with ExitStack() as stack:

        def make(load: CatalogueFactory, **own: object) -> LocalClient:
            app = create_app(settings.model_copy(update=own), load=load)
            return stack.enter_context(LocalClient(app))

        yield make
