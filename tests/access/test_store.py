"""The file: nothing secret in it, private, shared, and whole or not at all."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from service.access.ledger import Ledger
from service.access.records import Change, Levels, Limits, Tally
from service.access.store import KeyStore
from service.errors import SettingsError
from tests.access.clock import NOON_S, Clock

NO_LEVELS = Levels(None, None, NOON_S)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


def test_the_key_is_nowhere_in_the_file(path: Path) -> None:
    with closing(KeyStore.create(path)) as store:
        made = store.add("weblate", Limits())
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
    secret = made.key.rpartition("_")[2]
    assert made.key.encode() not in kept
    assert secret.encode() not in kept
    assert bytes.fromhex(secret) not in kept
    assert made.digest in kept


def test_only_its_owner_may_read_it(path: Path) -> None:
    KeyStore.create(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_and_limits_are_read_as_they_were_written(path: Path) -> None:
    clock = Clock()
    with closing(KeyStore.create(path, clock)) as store:
        first = store.add("one", Limits(1, 2, 3))
        clock.now_s += 1
        second = store.add("two", Limits())
    with closing(KeyStore.open(path, clock)) as store:
        assert store.limit(second.id, Limits(characters_per_month=7))
        assert store.revoke(first.id)
        assert not store.revoke(first.id)
        assert not store.limit(first.id, Limits())
        assert not store.revoke("00000000")
        one, two = store.read().keys
    assert (one.id, one.name, one.digest, one.limits) == (
        first.id, "one", first.digest, Limits(1, 2, 3),
    )  # fmt: skip
    assert (one.created_s, one.revoked_s) == (NOON_S, NOON_S + 1)
    assert (two.limits, two.revoked_s) == (Limits(characters_per_month=7), None)


def test_what_two_processes_write_adds_up_and_each_sees_that_the_other_wrote(path: Path) -> None:
    clock = Clock()
    with (
        closing(KeyStore.create(path, clock)) as here,
        closing(KeyStore.open(path, clock)) as there,
    ):
        made = here.add("shared", Limits())
        before = here.version()
        here.write([Change(made.id, {"2026-11": Tally(10, 1), "2026-10": Tally(5, 1)}, NO_LEVELS)])
        assert here.version() == before

        there.write([Change(made.id, {"2026-11": Tally(20, 2)}, NO_LEVELS)])

        assert here.version() != before
        assert here.read().used == there.read().used == {made.id: Tally(30, 3)}


def test_a_write_that_fails_keeps_nothing(path: Path) -> None:
    clock = Clock()
    with closing(KeyStore.create(path, clock)) as store:
        made = store.add("somebody", Limits())
        good = Change(made.id, {"2026-11": Tally(10, 1)}, NO_LEVELS)
        bad = Change(made.id, {"2026-11": Tally(1, None)}, NO_LEVELS)  # type: ignore[arg-type]
        with pytest.raises(sqlite3.Error):
            store.write([good, bad])
        assert store.read().used == {}
        store.write([good])
        assert Ledger(store.read(), clock).usage(made.id).characters == 10


def test_what_is_no_keys_file_is_refused(path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        KeyStore.open(path)
    path.write_bytes(b"models/ and other things that are no database" * 100)
    with pytest.raises(SettingsError, match="cannot be read: file is not a database"):
        KeyStore.open(path)
    with pytest.raises(SettingsError, match="File exists"):
        KeyStore.create(path)
    path.unlink()
    sqlite3.connect(path).close()
    path.touch()
    with pytest.raises(SettingsError, match="of version 0, this service's is 1"):
        KeyStore.open(path)
    with pytest.raises(SettingsError, match="No such file or directory"):
        KeyStore.create(path.parent / "nowhere" / "keys.db")
