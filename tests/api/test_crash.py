"""A service that is killed: what its keys used is there when it comes back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.api.fakes import FakeModels
from tests.api.keyed import FIELDS, KeyedService
from tests.api.launching import launched
from tests.api.serving import PATIENCE_S

CHARACTERS = len(FIELDS["q"])
QUOTA = 10_000_000


@contextmanager
def client_of(url: str, key: str) -> Iterator[httpx.Client]:
    headers = {"X-API-Key": key}
    with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_S, trust_env=False) as client:
        yield client


def used(client: httpx.Client) -> int:
    return int(client.get("/v2/usage").json()["character_count"])


def test_a_crash_loses_only_what_was_not_written_yet(tmp_path: Path) -> None:
    service = KeyedService(tmp_path / "keys.db", FakeModels())
    key = service.add(characters_per_month=QUOTA)
    settings = {"keys_file": service.path, "log_level": "error"}
    with (
        launched(tmp_path / "first.log", **settings) as server,
        client_of(server.url, key.key) as client,
    ):
        sent = 0
        while service.kept(key.id).characters == 0:
            assert client.post("/translate", json=FIELDS).status_code == 200
            sent += CHARACTERS
        assert used(client) == sent
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(PATIENCE_S)

    kept = service.kept(key.id).characters
    assert 0 < kept <= sent
    assert kept % CHARACTERS == 0

    with (
        launched(tmp_path / "second.log", **settings) as server,
        client_of(server.url, key.key) as client,
    ):
        assert used(client) == kept
        client.post("/translate", json=FIELDS)
    assert service.kept(key.id).characters == kept + CHARACTERS, "an orderly end loses nothing"
