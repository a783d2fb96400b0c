"""The keys' file: one SQLite database that the service and the `keys` command share.

Written in one transaction now and then, not with every request. SQLite locks the file, so any
number of processes on one machine may share it; each sees what the others wrote after its own
next writing.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import astuple
from pathlib import Path
from typing import Self

from service.access.key import NewKey, new_key
from service.access.records import Book, Change, KeyRecord, Levels, Limits, Tally, month_of
from service.errors import SettingsError

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    created_s REAL NOT NULL,
    revoked_s REAL,
    requests_per_minute INTEGER,
    characters_per_minute INTEGER,
    characters_per_month INTEGER
);
CREATE TABLE usage (
    key_id TEXT NOT NULL REFERENCES keys (id),
    month TEXT NOT NULL,
    characters INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (key_id, month)
) WITHOUT ROWID;
CREATE TABLE levels (
    key_id TEXT PRIMARY KEY REFERENCES keys (id),
    requests REAL,
    characters REAL,
    at_s REAL NOT NULL
) WITHOUT ROWID;
"""
# Seconds to wait for another process that writes.
_BUSY_S = 10


def make_tables(connection: sqlite3.Connection) -> None:
    """Turn an empty database into one of keys."""
    connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")


class KeyStore:
    """The file, open. One thread at a time.

    Args:
        connection: To a database that has the tables.
        clock: Seconds since 1970.
    """

    def __init__(
        self, connection: sqlite3.Connection, clock: Callable[[], float] = time.time
    ) -> None:
        self._connection = connection
        self._clock = clock

    @classmethod
    def open(cls, path: Path, clock: Callable[[], float] = time.time) -> Self:
        """Open a file that is there.

        Raises:
            SettingsError: It is not there, or it is something else.
        """
        if not path.is_file():
            raise SettingsError(
                f"keys_file is {path}; there is no such file; the command `keys add` makes it"
            )
        connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            connection.close()
            raise SettingsError(f"keys_file is {path}; it cannot be read: {error}") from None
        if version != _SCHEMA_VERSION:
            connection.close()
            raise SettingsError(
                f"keys_file is {path}; it is of version {version}, this service's is "
                f"{_SCHEMA_VERSION}"
            )
        return cls(connection, clock)

    @classmethod
    def create(cls, path: Path, clock: Callable[[], float] = time.time) -> Self:
        """Make an empty file that only its owner can read, and open it.

        Raises:
            SettingsError: It cannot be made, or is there.
        """
        try:
            # Before SQLite makes it, for all to read.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise SettingsError(f"keys_file is {path}; {error.strerror}") from None
        try:
            with closing(sqlite3.connect(path)) as connection:
                make_tables(connection)
        except sqlite3.Error as error:
            path.unlink()  # without tables it would be no keys' file
            raise SettingsError(f"keys_file is {path}; {error}") from error
        return cls.open(path, clock)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(self, name: str, limits: Limits) -> NewKey:
        """Make a key; what is returned is the only copy of it."""
        made = new_key()
        with self._connection as connection:
            connection.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, NULL, ?, ?, ?)",
                (made.id, name, made.digest, self._clock(), *astuple(limits)),
            )
        return made

    def revoke(self, key_id: str) -> bool:
        """Make a key worthless for good; False when there is none that was good."""
        with self._connection as connection:
            done = connection.execute(
                "UPDATE keys SET revoked_s = ? WHERE id = ? AND revoked_s IS NULL",
                (self._clock(), key_id),
            )
        return done.rowcount == 1

    def limit(self, key_id: str, limits: Limits) -> bool:
        """Change what a key may do; False when there is none that is good."""
        with self._connection as connection:
            done = connection.execute(
                "UPDATE keys SET requests_per_minute = ?, characters_per_minute = ?, "
                "characters_per_month = ? WHERE id = ? AND revoked_s IS NULL",
                (*astuple(limits), key_id),
            )
        return done.rowcount == 1

    def read(self) -> Book:
        """All that is kept, with the use of the present month."""
        month = month_of(self._clock())
        with self._connection as connection:
            connection.execute("BEGIN")  # one state of the file, whoever else writes
            keys = [
                KeyRecord(key_id, name, digest, Limits(*limits), created_s, revoked_s)
                for key_id, name, digest, created_s, revoked_s, *limits in connection.execute(
                    "SELECT * FROM keys ORDER BY created_s, id"
                )
            ]
            used = {
                key_id: Tally(characters, requests)
                for key_id, characters, requests in connection.execute(
                    "SELECT key_id, characters, requests FROM usage WHERE month = ?", (month,)
                )
            }
            levels = {
                key_id: Levels(*kept)
                for key_id, *kept in connection.execute("SELECT * FROM levels")
            }
        return Book(keys, month, used, levels)

    def write(self, changes: Sequence[Change]) -> None:
        """Keep `changes`: all of them, or none when it raises `sqlite3.Error`."""
        with self._connection as connection:
            connection.executemany(
                "INSERT INTO usage VALUES (?, ?, ?, ?) ON CONFLICT (key_id, month) DO UPDATE SET "
                "characters = characters + excluded.characters, "
                "requests = requests + excluded.requests",
                [
                    (change.key_id, month, tally.characters, tally.requests)
                    for change in changes
                    for month, tally in change.used.items()
                ],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO levels VALUES (?, ?, ?, ?)",
                [(change.key_id, *astuple(change.levels)) for change in changes],
            )

    def version(self) -> int:
        """A number that changes when another process has written."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)
