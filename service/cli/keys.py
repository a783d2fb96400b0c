"""`keys`: make, list, limit and revoke API keys, while the service runs or not."""

import argparse
import datetime as dt
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from service.access.records import Book, KeyRecord, Limits, Tally
from service.access.store import KeyStore
from service.cli.status import FAILED, OK
from service.cli.table import aligned
from service.errors import SettingsError
from service.settings import load_settings, variable

_LIMITS = {
    "requests_per_minute": "requests a minute",
    "characters_per_minute": "characters a minute",
    "characters_per_month": "characters a calendar month (UTC)",
}
_COLUMNS = (
    "id",
    "name",
    "state",
    "made",
    "requests/min",
    "characters/min",
    "characters/month",
    "characters used",
    "requests",
)


def add_to(commands: Any) -> None:
    """Declare the command.

    Args:
        commands: What `add_subparsers` returned.
    """
    parser = commands.add_parser(
        "keys",
        help="make, list, limit and revoke API keys",
        description=f"The keys in the file that {variable('keys_file')} names.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    add = actions.add_parser("add", help="make a key and show it, this once")
    add.add_argument("name", type=_name, help="whose it is, in your words")
    _add_limits(add, default=None)
    add.set_defaults(run=_add)

    show = actions.add_parser("list", help="show all keys, what they may, and what they used")
    show.set_defaults(run=_list)

    limit = actions.add_parser("limit", help="change what a key may; what is not named stays")
    limit.add_argument("id", help="the key's, as `keys list` shows it")
    _add_limits(limit, default=argparse.SUPPRESS)
    limit.set_defaults(run=_limit)

    revoke = actions.add_parser("revoke", help="make a key worthless, for good")
    revoke.add_argument("id", help="the key's, as `keys list` shows it")
    revoke.set_defaults(run=_revoke)


def _add_limits(parser: argparse.ArgumentParser, default: Any) -> None:
    for name, meaning in _LIMITS.items():
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=_count_or_none,
            default=default,
            metavar="N",
            help=f"most {meaning}; `none` for no limit",
        )


def _name(text: str) -> str:
    if not text.strip():  # most likely a variable that is not set
        raise argparse.ArgumentTypeError("it is empty; say whose the key is")
    return text


def _count_or_none(text: str) -> int | None:
    if text == "none":
        return None
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 10**15:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither `none` nor a number from 1 to 10^15")


def _add(arguments: argparse.Namespace) -> int:
    path = _keys_file()
    limits = Limits(*(getattr(arguments, name) for name in _LIMITS))
    with _opened(path, KeyStore.open if path.exists() else KeyStore.create) as store:
        made = store.add(arguments.name, limits)
    # Alone on stdout, so that it can be piped to where it is kept.
    sys.stdout.write(f"{made.key}\n")
    sys.stderr.write(f"This is key {made.id}. It is shown this once: only its hash is kept.\n")
    return OK


def _list(_: argparse.Namespace) -> int:
    with _opened(_keys_file()) as store:
        book = store.read()
    rows = [_COLUMNS, *(_row(record, book) for record in book.keys)]
    sys.stdout.writelines(f"{line}\n" for line in aligned(rows))
    return OK


def _limit(arguments: argparse.Namespace) -> int:
    with _opened(_keys_file()) as store:
        for record in store.read().keys:
            if record.id == arguments.id:
                limits = (
                    getattr(arguments, name, getattr(record.limits, name)) for name in _LIMITS
                )
                return _outcome(arguments.id, store.limit(arguments.id, Limits(*limits)))
    return _outcome(arguments.id, done=False)


def _revoke(arguments: argparse.Namespace) -> int:
    with _opened(_keys_file()) as store:
        return _outcome(arguments.id, store.revoke(arguments.id))


def _outcome(key_id: str, done: bool) -> int:
    if not done:
        sys.stderr.write(f"There is no key {key_id} that is good.\n")
        return FAILED
    return OK


@contextmanager
def _opened(
    path: Path, open_store: Callable[[Path], KeyStore] = KeyStore.open
) -> Iterator[KeyStore]:
    """The file, open.

    Raises:
        SettingsError: It cannot be opened, read or written: the disk may be full or read-only.
    """
    try:
        with closing(open_store(path)) as store:
            yield store
    except sqlite3.Error as error:
        raise SettingsError(f"keys_file is {path}; {error}") from error


def _keys_file() -> Path:
    path = load_settings().keys_file
    if path is None:
        raise SettingsError(f"{variable('keys_file')} is not set; it names the file of the keys")
    return path


def _row(record: KeyRecord, book: Book) -> tuple[str, ...]:
    used = book.used.get(record.id, Tally())
    limits = (getattr(record.limits, name) for name in _LIMITS)
    return (
        record.id,
        # A name is anybody's text; what could move the cursor stays out of the terminal.
        "".join(character if character.isprintable() else "?" for character in record.name),
        "good" if record.revoked_s is None else "revoked",
        dt.datetime.fromtimestamp(record.created_s, dt.UTC).strftime("%Y-%m-%d"),
        *("-" if limit is None else str(limit) for limit in limits),
        str(used.characters),
        str(used.requests),
    )
