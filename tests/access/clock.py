"""A clock that is moved by hand, and books for ledgers."""

from service.access.key import NewKey, new_key
from service.access.records import Book, KeyRecord, Limits, month_of

# 2026-11-23, 12:00 UTC.
NOON_S = 1_795_435_200.0


class Clock:
    """Seconds since 1970, as far as the test is concerned."""

    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        return self.now_s


def record_of(made: NewKey, limits: Limits, *, revoked_s: float | None = None) -> KeyRecord:
    """A key as it is kept."""
    return KeyRecord(made.id, "somebody", made.digest, limits, NOON_S, revoked_s)


def book_of(*records: KeyRecord, now_s: float = NOON_S) -> Book:
    """A book of keys that nobody has used."""
    return Book(records, month_of(now_s), {}, {})


def key_and_book(**limits: int) -> tuple[NewKey, Book]:
    """One key and the book it stands in."""
    made = new_key()
    return made, book_of(record_of(made, Limits(**limits)))
