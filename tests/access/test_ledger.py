"""Accounts: what a key may do, month by month, and that a restart changes nothing."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.access.key import new_key
from service.access.ledger import Ledger
from service.access.records import Limits, Tally
from service.access.store import KeyStore, make_tables
from service.errors import Forbidden, QuotaExceeded, RateLimited, ServiceError, TooLarge
from tests.access.clock import Clock, book_of, key_and_book, record_of

DAY_S = 86_400


def test_only_the_key_itself_identifies() -> None:
    made, book = key_and_book()
    ledger = Ledger(book)
    assert ledger.identify(made.key) == made.id
    last = "0" if made.key[-1] != "0" else "1"
    for wrong in ("", "x", made.id, made.key[:-1] + last, made.key + " ", new_key().key, "\ud800"):
        with pytest.raises(Forbidden, match="not known here, or was revoked"):
            ledger.identify(wrong)


def test_a_revoked_key_identifies_no_more_but_what_it_began_ends_well() -> None:
    made, book = key_and_book()
    ledger = Ledger(book)
    receipt = ledger.charge(ledger.identify(made.key), 10)

    ledger.update(book_of(record_of(made, Limits(), revoked_s=5.0)))

    with pytest.raises(Forbidden):
        ledger.identify(made.key)
    ledger.give_back(receipt)
    assert ledger.usage(made.id).characters == 0


class TestLimits:
    def test_requests_of_a_minute(self) -> None:
        clock = Clock()
        made, book = key_and_book(requests_per_minute=2)
        ledger = Ledger(book, clock)
        ledger.begin(made.id)
        ledger.begin(made.id)
        with pytest.raises(RateLimited, match="may send 2 requests a minute and has 0 left") as hit:
            ledger.begin(made.id)
        assert hit.value.retry_after_s == 30

        clock.now_s += 30
        ledger.begin(made.id)
        assert ledger.usage(made.id).requests == 3, "what was refused is not counted"

    def test_characters_of_a_minute(self) -> None:
        clock = Clock()
        made, book = key_and_book(characters_per_minute=600)
        ledger = Ledger(book, clock)
        ledger.charge(made.id, 550)
        with pytest.raises(
            RateLimited, match=r"600 characters .* 50 left; the request has 60"
        ) as hit:
            ledger.charge(made.id, 60)
        assert hit.value.retry_after_s == pytest.approx(1)
        ledger.charge(made.id, 50)

    def test_more_than_a_minute_holds_is_never_possible_and_no_reason_to_try_again(self) -> None:
        made, book = key_and_book(characters_per_minute=600)
        with pytest.raises(TooLarge, match="has 601 characters; this key may send 600 a minute"):
            Ledger(book).charge(made.id, 601)

    def test_characters_of_a_month(self) -> None:
        clock = Clock()
        made, book = key_and_book(characters_per_month=100)
        ledger = Ledger(book, clock)
        ledger.charge(made.id, 99)
        with pytest.raises(
            QuotaExceeded,
            match=r"used 99 of its 100 characters in 2026-11, and the request has 2; "
            r"it starts anew on 2026-12-01",
        ):
            ledger.charge(made.id, 2)
        ledger.charge(made.id, 1)
        assert ledger.usage(made.id).characters == 100

        clock.now_s += 8 * DAY_S
        assert ledger.usage(made.id).characters == 0
        ledger.charge(made.id, 100)

    def test_what_is_over_the_quota_takes_nothing_of_the_rate(self) -> None:
        made, book = key_and_book(characters_per_month=100, characters_per_minute=100)
        ledger = Ledger(book, Clock())
        ledger.charge(made.id, 50)
        with pytest.raises(QuotaExceeded):
            ledger.charge(made.id, 51)
        ledger.charge(made.id, 50)

    def test_december_ends_with_the_year(self) -> None:
        clock = Clock()
        clock.now_s += 30 * DAY_S
        made, book = key_and_book(characters_per_month=1)
        with pytest.raises(QuotaExceeded, match="anew on 2027-01-01"):
            Ledger(book, clock).charge(made.id, 2)

    def test_without_limits_there_are_none(self) -> None:
        made, book = key_and_book()
        ledger = Ledger(book)
        for _ in range(1000):
            ledger.begin(made.id)
            ledger.charge(made.id, 10**9)


def test_a_charge_from_last_month_is_given_back_there() -> None:
    clock = Clock()
    made, book = key_and_book(characters_per_month=100)
    ledger = Ledger(book, clock)
    receipt = ledger.charge(made.id, 60)
    clock.now_s += 8 * DAY_S
    ledger.charge(made.id, 10)

    ledger.give_back(receipt)

    assert ledger.usage(made.id).characters == 10
    [change] = ledger.take_changes()
    assert change.used == {"2026-11": Tally(), "2026-12": Tally(characters=10)}


def test_what_others_used_counts_and_nothing_counts_twice() -> None:
    made, book = key_and_book(characters_per_month=100)
    ledger = Ledger(book, Clock())
    ledger.charge(made.id, 10)
    ledger.take_changes()
    ledger.charge(made.id, 5)  # while the 10 were being written, and 70 of another process

    ledger.update(replace(book, used={made.id: Tally(characters=80)}))

    assert ledger.usage(made.id).characters == 85


def test_what_could_not_be_written_is_there_the_next_time() -> None:
    made, book = key_and_book()
    ledger = Ledger(book, Clock())
    ledger.charge(made.id, 10)
    changes = ledger.take_changes()
    ledger.charge(made.id, 5)

    ledger.put_back(changes)

    [change] = ledger.take_changes()
    assert change.used == {"2026-11": Tally(characters=15)}
    assert ledger.take_changes() == []


def test_a_new_limit_holds_at_once() -> None:
    made, book = key_and_book(requests_per_minute=1)
    ledger = Ledger(book, Clock())
    ledger.begin(made.id)
    ledger.update(book_of(record_of(made, Limits(requests_per_minute=3))))
    for _ in range(3):
        ledger.begin(made.id)
    with pytest.raises(RateLimited):
        ledger.begin(made.id)
    ledger.update(book_of(record_of(made, Limits())))
    ledger.begin(made.id)


# The error, what it says, and how long to wait.
Outcome = tuple[type[ServiceError] | None, str, float]
# What is done, with how much, after how many sixteenths of a second.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "charge", "fail"]),
        st.integers(0, 120),
        st.sampled_from([0, 160, 16 * 45, 16 * DAY_S * 9]),
    ),
    max_size=12,
)


def outcome_of(call: Callable[[], object]) -> Outcome:
    try:
        call()
    except ServiceError as error:
        return type(error), str(error), error.retry_after_s or 0.0
    return None, "", 0.0


def step(ledger: Ledger, key_id: str, action: str, amount: int) -> Outcome:
    if action == "begin":
        return outcome_of(lambda: ledger.begin(key_id))
    if action == "charge":
        return outcome_of(lambda: ledger.charge(key_id, amount))
    return outcome_of(lambda: ledger.give_back(ledger.charge(key_id, amount)))


@settings(max_examples=200)
@given(STEPS, st.sets(st.integers(0, 11)))
def test_a_restart_changes_nothing(steps: list[tuple[str, int, int]], restarts: set[int]) -> None:
    clock = Clock()
    limits = Limits(requests_per_minute=1, characters_per_minute=150, characters_per_month=400)
    with closing(sqlite3.connect(":memory:")) as database:
        make_tables(database)
        store = KeyStore(database, clock)
        made = store.add("somebody", limits)
        lasting, restarted = Ledger(store.read(), clock), Ledger(store.read(), clock)
        for number, (action, amount, pause) in enumerate(steps):
            clock.now_s += pause / 16
            *expected, wait_s = step(lasting, made.id, action, amount)
            *seen, seen_wait_s = step(restarted, made.id, action, amount)
            assert seen == expected
            assert seen_wait_s == pytest.approx(wait_s, abs=1e-3)
            assert lasting.usage(made.id) == restarted.usage(made.id)
            if number in restarts:
                store.write(restarted.take_changes())
                restarted = Ledger(store.read(), clock)
