"""A service that has keys, and the keys that it has."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from service.access.key import NewKey
from service.access.records import Limits, Tally
from service.access.store import KeyStore
from service.app import create_app
from service.settings import Settings
from tests.api.fakes import FakeModels
from tests.api.local import LocalClient

FIELDS = {"q": "hello", "source": "en", "target": "de"}


@dataclass
class KeyedService:
    """Keys in a file, and clients of services that read it."""

    path: Path
    models: FakeModels

    def add(self, **limits: int) -> NewKey:
        """Make a key, before there is a client."""
        store = KeyStore.open(self.path) if self.path.exists() else KeyStore.create(self.path)
        with closing(store):
            return store.add("somebody", Limits(**limits))

    def revoke(self, key_id: str) -> None:
        """Revoke a key, as the command does."""
        with closing(KeyStore.open(self.path)) as store:
            assert store.revoke(key_id)

    def kept(self, key_id: str) -> Tally:
        """What the file says that a key used."""
        with closing(KeyStore.open(self.path)) as store:
            return store.read().used.get(key_id, Tally())

    def client(self, **settings: object) -> LocalClient:
        """A client of a service of its own, to be entered."""
        base = {"models_dir": Path("nowhere"), "keys_file": self.path, "max_text_chars": 1000}
        return LocalClient(create_app(Settings.model_validate(base | settings), load=self.models))
