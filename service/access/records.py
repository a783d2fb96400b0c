"""What passes between the ledger, which knows, and the store, which keeps."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may do; None is no limit."""

    requests_per_minute: int | None = None
    characters_per_minute: int | None = None
    characters_per_month: int | None = None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key, without the key.

    Attributes:
        id: Names it.
        name: Whose it is, in the operator's words.
        digest: See `service.access.key`.
        limits: What it may do.
        created_s: Seconds since 1970.
        revoked_s: The same; None while it is good.
    """

    id: str
    name: str
    digest: bytes
    limits: Limits
    created_s: float
    revoked_s: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What was used, or what is to be added to that."""

    characters: int = 0
    requests: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.characters + other.characters, self.requests + other.requests)


@dataclass(frozen=True, slots=True)
class Levels:
    """How full a key's buckets were at an instant, in seconds since 1970; None: no such bucket."""

    requests: float | None
    characters: float | None
    at_s: float


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one key since the last time.

    Attributes:
        key_id: Which.
        used: To be added, by month.
        levels: To be kept instead of what was.
    """

    key_id: str
    used: Mapping[str, Tally]
    levels: Levels


@dataclass(frozen=True, slots=True)
class Book:
    """All that is kept.

    Attributes:
        keys: Revoked ones included.
        month: Whose use this is.
        used: By id; a key without an entry was not used.
        levels: The same.
    """

    keys: Sequence[KeyRecord]
    month: str
    used: Mapping[str, Tally]
    levels: Mapping[str, Levels]


def month_of(now_s: float) -> str:
    """The calendar month of an instant, in UTC: 0 -> "1970-01"."""
    return dt.datetime.fromtimestamp(now_s, dt.UTC).strftime("%Y-%m")


def next_month(month: str) -> dt.date:
    """The first day of the month after `month`: "2026-12" -> 2027-01-01."""
    year, number = map(int, month.split("-"))
    return dt.date(year + number // 12, number % 12 + 1, 1)
