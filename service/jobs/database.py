"""The file that jobs are kept in: its tables, and who may have it."""

import sqlite3
from pathlib import Path

from service.errors import SettingsError

_FILE = "jobs.sqlite3"
_VERSION = 1

_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    owner TEXT,
    kind TEXT NOT NULL,
    request BLOB NOT NULL,
    state TEXT NOT NULL,
    created_s REAL NOT NULL,
    finished_s REAL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    maker TEXT,
    result BLOB,
    code TEXT,
    message TEXT,
    status INTEGER
) STRICT;
CREATE TABLE pieces (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    text INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    sentences INTEGER NOT NULL,
    answer BLOB,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
"""

# A deleted text is overwritten and its room given back; what was promised is on the disk. That
# nobody else reads comes first: else SQLite makes a file to share the log with them.
_PRAGMAS = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA auto_vacuum = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


def opened(directory: Path | None) -> sqlite3.Connection:
    """The database, ready to be used, and nobody else's.

    Raises:
        OSError: The directory or the file cannot be made.
        sqlite3.Error: It is no such database, or another process has it.
        SettingsError: Another version made it.
    """
    place = ":memory:"
    if directory is not None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = directory / _FILE
        file.touch(mode=0o600)  # texts are for the service alone
        place = str(file)
    database = sqlite3.connect(place, timeout=0, isolation_level=None)
    try:
        _prepare(database, place)
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection, place: str) -> None:
    """Take the database for this process, and make its tables if it has none."""
    for pragma in _PRAGMAS:
        database.execute(pragma)
    [version] = database.execute("PRAGMA user_version").fetchone()
    if version == 0:
        database.executescript(
            f"BEGIN EXCLUSIVE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT"
        )
    elif version != _VERSION:
        raise SettingsError(
            f"{place} has version {version} of the jobs' store; this service knows {_VERSION}: "
            "move it away, or take the service that made it"
        )
    database.execute("BEGIN EXCLUSIVE")
    database.execute("COMMIT")
