"""The ledger and its file, kept alike beside the event loop."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.access.key import NewKey
from service.access.ledger import Ledger
from service.access.records import Limits, Tally
from service.access.store import KeyStore
from service.api.bookkeeping import Bookkeeper
from service.errors import Forbidden


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.db"
    KeyStore.create(path).close()
    return path


def add(path: Path) -> NewKey:
    with closing(KeyStore.open(path)) as store:
        return store.add("somebody", Limits())


def kept(path: Path, key: NewKey) -> Tally:
    with closing(KeyStore.open(path)) as store:
        return store.read().used.get(key.id, Tally())


def bookkeeper_of(path: Path) -> Bookkeeper:
    store = KeyStore.open(path)
    return Bookkeeper(Ledger(store.read()), store)


def test_it_learns_of_keys_that_are_made_and_revoked(path: Path) -> None:
    async def scenario() -> None:
        first = add(path)
        async with bookkeeper_of(path) as bookkeeper:
            ledger = bookkeeper.ledger
            ledger.identify(first.key)
            second = add(path)
            with closing(KeyStore.open(path)) as store:
                store.revoke(first.id)

            await bookkeeper.synchronise()

            ledger.identify(second.key)
            with pytest.raises(Forbidden):
                ledger.identify(first.key)

    asyncio.run(scenario())


def test_what_is_used_is_in_the_file_after_a_while_and_all_of_it_at_the_end(path: Path) -> None:
    async def scenario() -> NewKey:
        key = add(path)
        async with bookkeeper_of(path) as bookkeeper:
            bookkeeper.ledger.charge(key.id, 10)
            await bookkeeper.synchronise()
            assert kept(path, key) == Tally(characters=10)
            bookkeeper.ledger.charge(key.id, 5)
        return key

    key = asyncio.run(scenario())
    assert kept(path, key) == Tally(characters=15)


class BrokenStore(KeyStore):
    """Fails as a full disk does, until it is mended."""

    is_broken = True

    def write(self, changes: object) -> None:
        if self.is_broken:
            raise sqlite3.OperationalError("disk is full of texts")
        super().write(changes)  # type: ignore[arg-type]


def test_what_cannot_be_written_is_written_later_and_the_log_says_so(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> NewKey:
        key = add(path)
        store = BrokenStore.open(path)
        async with Bookkeeper(Ledger(store.read()), store) as bookkeeper:
            bookkeeper.ledger.charge(key.id, 10)
            await bookkeeper.synchronise()
            assert kept(path, key) == Tally()
            assert bookkeeper.ledger.usage(key.id).characters == 10
            store.is_broken = False
            await bookkeeper.synchronise()
            assert kept(path, key) == Tally(characters=10)
        return key

    key = asyncio.run(scenario())
    assert kept(path, key) == Tally(characters=10)
    assert [record.getMessage() for record in caplog.records] == ["keys file not written"]
