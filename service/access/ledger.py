"""What each key may do and has done, in memory: who asks is answered at once.

Owned by one thread, that of the event loop. What is to be kept goes out as `Change`s and what
others wrote comes in as a `Book`; see `service.access.store`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from service.access.bucket import Bucket
from service.access.key import id_in, is_key
from service.access.records import (
    Book,
    Change,
    KeyRecord,
    Levels,
    Limits,
    Tally,
    month_of,
    next_month,
)
from service.errors import Forbidden, QuotaExceeded, RateLimited, TooLarge

# Compared with when there is no such key, so that it takes as long as when there is.
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a key has done this month, and what it may."""

    month: str
    characters: int
    requests: int
    limits: Limits

    @property
    def characters_per_month(self) -> int | None:
        """The quota; None is no limit."""
        return self.limits.characters_per_month


@dataclass(frozen=True, slots=True)
class Receipt:
    """Characters that were charged, in case they have to be given back."""

    key_id: str
    month: str
    characters: int


@dataclass(slots=True)
class _Account:
    """One key's state.

    Attributes:
        record: As it is kept.
        requests: Bucket of requests; None without a limit.
        characters: The same of characters.
        month: Whose use `used` is.
        used: As far as this process knows.
        unwritten: What the store does not know of, by month.
    """

    record: KeyRecord
    requests: Bucket | None
    characters: Bucket | None
    month: str
    used: Tally
    unwritten: dict[str, Tally] = field(default_factory=dict)

    def add(self, month: str, tally: Tally) -> None:
        """Book `tally` in `month`, which is the present one or one that is over."""
        if month > self.month:
            self.month, self.used = month, Tally()
        if month == self.month:
            self.used += tally
        self.unwritten[month] = self.unwritten.get(month, Tally()) + tally

    def used_in(self, month: str) -> Tally:
        """What was used in the present month."""
        return self.used if month == self.month else Tally()


class Ledger:
    """Every key's account.

    Args:
        book: What was kept.
        clock: Seconds since 1970; the levels of buckets outlive the process, so no other
            clock will do.
    """

    def __init__(self, book: Book, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}
        self.update(book)

    def identify(self, key: str) -> str:
        """The id of a key that is good.

        Raises:
            Forbidden: It is not; the same words for all reasons.
        """
        account = self._accounts.get(id_in(key) or "")
        digest = _NOBODY if account is None else account.record.digest
        if is_key(key, digest) and account is not None and account.record.revoked_s is None:
            return account.record.id
        raise Forbidden("the API key is not known here, or was revoked")

    def begin(self, key_id: str) -> None:
        """Count a request.

        Raises:
            RateLimited: The key has had its requests of this minute.
        """
        now_s = self._clock()
        account = self._accounts[key_id]
        if account.requests is not None:
            _take(account.requests, 1, "requests", now_s)
        account.add(month_of(now_s), Tally(requests=1))

    def charge(self, key_id: str, characters: int) -> Receipt:
        """Count characters that are about to be worked on.

        Raises:
            TooLarge: There are more than the key may ever send at once.
            RateLimited: There are more than the key has left of this minute.
            QuotaExceeded: There are more than the key has left of this month.
        """
        now_s = self._clock()
        month = month_of(now_s)
        account = self._accounts[key_id]
        limit = account.record.limits.characters_per_month
        used = account.used_in(month).characters
        if limit is not None and used + characters > limit:
            raise QuotaExceeded(
                f"this key has used {used} of its {limit} characters in {month}, and the request "
                f"has {characters}; it starts anew on {next_month(month)}"
            )
        if account.characters is not None:
            _take(account.characters, characters, "characters", now_s)
        account.add(month, Tally(characters=characters))
        return Receipt(key_id, month, characters)

    def give_back(self, receipt: Receipt) -> None:
        """Take a charge back: the work failed. The minute's rate stays as it is."""
        account = self._accounts[receipt.key_id]
        account.add(receipt.month, Tally(characters=-receipt.characters))

    def usage(self, key_id: str) -> Usage:
        """What a key has used so far."""
        month = month_of(self._clock())
        account = self._accounts[key_id]
        used = account.used_in(month)
        return Usage(month, used.characters, used.requests, account.record.limits)

    def take_changes(self) -> list[Change]:
        """What the store does not know of yet; from now on it is the caller's to keep."""
        changes = [
            Change(key_id, account.unwritten, _levels(account, self._clock()))
            for key_id, account in self._accounts.items()
            if account.unwritten
        ]
        for change in changes:
            self._accounts[change.key_id].unwritten = {}
        return changes

    def put_back(self, changes: Sequence[Change]) -> None:
        """Undo `take_changes`: they could not be kept."""
        for change in changes:
            unwritten = self._accounts[change.key_id].unwritten
            for month, tally in change.used.items():
                unwritten[month] = unwritten.get(month, Tally()) + tally

    def update(self, book: Book) -> None:
        """Learn of new, changed and revoked keys, and of what other processes counted.

        Args:
            book: What is kept, all changes that were taken included.
        """
        now_s = self._clock()
        for record in book.keys:
            account = self._accounts.get(record.id)
            if account is None:
                self._accounts[record.id] = _opened(record, book, now_s)
                continue
            limits, old = record.limits, account.record.limits
            if limits.requests_per_minute != old.requests_per_minute:
                account.requests = _full(limits.requests_per_minute, now_s)
            if limits.characters_per_minute != old.characters_per_minute:
                account.characters = _full(limits.characters_per_minute, now_s)
            account.record = record
            if book.month >= account.month:
                unwritten = account.unwritten.get(book.month, Tally())
                account.month = book.month
                account.used = book.used.get(record.id, Tally()) + unwritten


def _opened(record: KeyRecord, book: Book, now_s: float) -> _Account:
    levels = book.levels.get(record.id, Levels(None, None, now_s))
    limits = record.limits
    return _Account(
        record,
        _as_kept(limits.requests_per_minute, levels.requests, levels.at_s),
        _as_kept(limits.characters_per_minute, levels.characters, levels.at_s),
        book.month,
        book.used.get(record.id, Tally()),
    )


def _full(per_minute: int | None, now_s: float) -> Bucket | None:
    return None if per_minute is None else Bucket(per_minute, per_minute, now_s)


def _as_kept(per_minute: int | None, level: float | None, at_s: float) -> Bucket | None:
    """A bucket as it was left; a full one when nobody has used it yet."""
    if per_minute is None or level is None:
        return _full(per_minute, at_s)
    return Bucket(per_minute, min(level, per_minute), at_s)


def _levels(account: _Account, now_s: float) -> Levels:
    return Levels(
        None if account.requests is None else account.requests.left(now_s),
        None if account.characters is None else account.characters.left(now_s),
        now_s,
    )


def _take(bucket: Bucket, amount: int, what: str, now_s: float) -> None:
    if amount > bucket.per_minute:
        raise TooLarge(
            f"the request has {amount} {what}; this key may send {bucket.per_minute} a minute"
        )
    wait_s = bucket.wait_s(amount, now_s)
    if wait_s > 0:
        raise RateLimited(
            f"this key may send {bucket.per_minute} {what} a minute and has {bucket.whole} "
            f"left; the request has {amount}",
            wait_s,
        )
    bucket.take(amount, now_s)
