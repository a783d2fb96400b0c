"""The bounded queue: all or nothing in, in order out, nobody left for ever."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import DecodeRequest
from service.engine.limits import EngineLimits
from service.engine.plan import Load, turns
from service.engine.ticket import Ticket
from service.engine.waiting import MAX_PASSES, Full, NotOpen, Phase, TooLate, WaitingRoom
from service.errors import SettingsError
from tests.engine.scenes import Notes, options, request, requests

LIMITS = EngineLimits(
    max_queue_items=10,
    max_queue_tokens=200,
    max_batch_sources=4,
    max_batch_tokens=500,
    workers=1,
)


def ticket(number: int, asked: DecodeRequest, arrived_s: float = 0.0) -> Ticket:
    """One source that is a request of its own."""
    [turn_s] = turns([len(asked.source_ids)], [asked.priority], arrived_s)
    return Ticket(number, asked, arrived_s, turn_s)


def tickets(asked: list[DecodeRequest]) -> list[Ticket]:
    return [ticket(number, one) for number, one in enumerate(asked)]


def load_of(batch: list[Ticket]) -> Load:
    return Load(len(batch), sum(each.candidate.cells for each in batch))


def take(room: WaitingRoom, load: Load = Load(), worker: int = 0) -> list[Ticket]:  # noqa: B008
    return room.take_batch(worker, load)


@given(groups=st.lists(st.lists(requests(), min_size=1, max_size=4), max_size=8))
def test_the_queue_takes_all_of_a_group_or_nothing(groups: list[list[DecodeRequest]]) -> None:
    notes = Notes()
    room = WaitingRoom(LIMITS, notes)
    number = 0
    for group in groups:
        before = (room.items, room.tokens)
        arriving = [ticket(number + i, one) for i, one in enumerate(group)]
        number += len(group)
        after = (
            room.items + len(group),
            room.tokens + sum(len(one.source_ids) for one in group),
        )
        if after[0] <= LIMITS.max_queue_items and after[1] <= LIMITS.max_queue_tokens:
            room.put(arriving)
            assert (room.items, room.tokens) == after == notes.depths[-1]
        else:
            with pytest.raises(Full):
                room.put(arriving)
            assert (room.items, room.tokens) == before


@settings(max_examples=60, deadline=None)
@given(asked=st.lists(requests(), max_size=10), leaves=st.lists(st.booleans(), min_size=200))
def test_every_ticket_leaves_once_and_batches_stay_within_limits(
    asked: list[DecodeRequest], leaves: list[bool]
) -> None:
    room = WaitingRoom(EngineLimits(10, 1000, 4, 500, 1), Notes())
    room.put(tickets(asked))
    out: list[Ticket] = []
    batch: list[Ticket] = []
    for leave in leaves:
        picked = take(room, load_of(batch))
        batch += picked
        out += picked
        assert len(batch) <= 4
        assert load_of(batch).cells <= 500
        if leave and batch:
            batch.pop(0)
    while room.items:
        picked = take(room, load_of(batch))
        out += picked
        batch = picked
    assert sorted(ticket.number for ticket in out) == list(range(len(asked)))
    assert room.tokens == 0


def test_a_sentence_passes_a_book_and_equals_go_in_order_of_arrival() -> None:
    room = WaitingRoom(EngineLimits(10, 1000, 1, 500, 1), Notes())
    book = turns([50, 50, 50], [0, 0, 0], 0.0)
    room.put([Ticket(n, request(49), 0.0, turn_s) for n, turn_s in enumerate(book)])
    room.put([ticket(3, request(3), 0.06), ticket(4, request(3), 0.06)])
    assert [take(room)[0].number for _ in range(5)] == [0, 3, 4, 1, 2]


def test_the_patient_let_others_pass_but_not_for_ever() -> None:
    room = WaitingRoom(EngineLimits(100, 1000, 1, 500, 1), Notes())
    patient = ticket(0, request(priority=1))
    room.put([patient])
    passed = 0
    while True:
        passed += 1
        room.put([ticket(passed, request(), arrived_s=float(passed))])
        if take(room) == [patient]:
            break
    assert passed == 5  # those that came less than 5 s after it


def test_who_does_not_fit_is_not_starved_by_those_who_do() -> None:
    room = WaitingRoom(LIMITS, Notes())
    # 112 wide * 4 slots = 448 cells: fits only with little else; the short ones take 32 each.
    wide = ticket(0, request(100, options(4)))
    batch = [ticket(number, request(3, options(2))) for number in (1, 2)]
    room.put([wide])
    number = 10
    for _ in range(MAX_PASSES):
        room.put([ticket(number, request(3, options(2)), 1.0)])
        number += 1
        (picked,) = take(room, load_of(batch))
        assert picked is not wide
        batch = [*batch[1:], picked]
    # Somebody whose turn is earlier does not reset the count either.
    room.put([ticket(number, request(3, options(2)), -1.0)])
    assert take(room, load_of(batch)) == []  # the door is held
    assert wide in take(room)  # until the batch has run out


def test_who_would_wait_too_long_is_refused_at_the_door() -> None:
    room = WaitingRoom(EngineLimits(100, 1000, 1, 500, 1), Notes())
    room.put([ticket(0, request(99))], tokens_in_time=1)  # nobody waits: never refused
    with pytest.raises(TooLate) as refused:
        room.put([ticket(1, request(9), 1.0)], tokens_in_time=109)
    assert refused.value.tokens == 100
    assert room.items == 1
    room.put([ticket(1, request(9), 1.0)], tokens_in_time=110)
    # Only what goes before it counts: a sentence does not wait for the book.
    room.put([ticket(2, request(9), 0.0)], tokens_in_time=10)
    with pytest.raises(TooLate):
        room.put([ticket(3, request(9), 0.0)], tokens_in_time=19)


def test_expired_and_discarded_tickets_free_their_place() -> None:
    notes = Notes()
    room = WaitingRoom(LIMITS, notes)
    first, second, third = tickets([request(deadline_s=9.0), request(deadline_s=5.0), request()])
    room.put([first, second, third])
    assert room.take_expired(4.9) == []
    assert room.take_expired(5.0) == [second]
    room.discard(third.rank)
    room.discard(third.rank)
    assert notes.depths[-1] == (1, 4)
    assert room.take_expired(100.0) == [first]
    assert notes.depths[-1] == (0, 0)


def test_a_closed_room_takes_nothing() -> None:
    room = WaitingRoom(LIMITS, Notes())
    room.put(tickets([request()]))
    room.drain()
    with pytest.raises(NotOpen):
        room.put(tickets([request()]))
    assert len(room.take_all(Phase.DEAD)) == 1
    assert room.take_all(Phase.CLOSED) == []
    assert room.phase is Phase.DEAD


def test_a_limit_that_lets_nothing_through_is_refused() -> None:
    with pytest.raises(SettingsError, match="max_batch_sources is 0; it has to be at least 1"):
        EngineLimits(1, 1, 0, 1, 1)


def test_a_worker_that_waits_counts_as_idle_at_once() -> None:
    room = WaitingRoom(EngineLimits(10, 1000, 16, 10_000, workers=2), Notes())
    busy = load_of(tickets([request()] * 5))
    room.put(tickets([request()] * 2))
    assert len(take(room, worker=1)) == 1
    # Worker 1 is busy, so worker 0 takes what there is, although it has more to do already.
    assert len(take(room, busy)) == 1
    room.put(tickets([request()]))
    assert room.wait_for_work(1)
    assert take(room, busy) == []
    assert len(take(room, worker=1)) == 1
