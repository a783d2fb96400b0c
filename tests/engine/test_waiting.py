"""The bounded queue: all or nothing in, in order out, nobody left for ever."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import DecodeRequest
from service.engine.limits import EngineLimits
from service.engine.plan import BatchShape
from service.engine.ticket import Ticket
from service.engine.waiting import MAX_PASSES, Full, NotOpen, Phase, WaitingRoom
from service.errors import SettingsError
from tests.engine.scenes import Notes, options, request, requests

LIMITS = EngineLimits(
    max_queue_items=10,
    max_queue_tokens=200,
    max_batch_sources=4,
    max_batch_tokens=500,
    workers=1,
)


def tickets(asked: list[DecodeRequest]) -> list[Ticket]:
    return [Ticket(number, one, submitted_s=0.0) for number, one in enumerate(asked)]


def shape_of(batch: list[Ticket]) -> BatchShape:
    shape = BatchShape()
    for ticket in batch:
        shape = shape.joined_by(ticket.candidate)
    return shape


@given(groups=st.lists(st.lists(requests(), min_size=1, max_size=4), max_size=8))
def test_the_queue_takes_all_of_a_group_or_nothing(groups: list[list[DecodeRequest]]) -> None:
    notes = Notes()
    room = WaitingRoom(LIMITS, notes)
    number = 0
    for group in groups:
        before = (room.items, room.tokens)
        arriving = [Ticket(number + i, one, 0.0) for i, one in enumerate(group)]
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
        picked = room.take_batch(0, shape_of(batch))
        batch += picked
        out += picked
        assert len(batch) <= 4
        assert shape_of(batch).cells <= 500
        if leave and batch:
            batch.pop(0)
    while room.items:
        picked = room.take_batch(0, shape_of(batch))
        out += picked
        batch = picked
    assert sorted(ticket.number for ticket in out) == list(range(len(asked)))
    assert room.tokens == 0


def test_urgent_tickets_go_first_and_equals_in_order_of_arrival() -> None:
    room = WaitingRoom(EngineLimits(10, 1000, 1, 500, 1), Notes())
    room.put(tickets([request(priority=priority) for priority in (1, 0, 2, 0)]))
    order = [room.take_batch(0, BatchShape())[0].number for _ in range(4)]
    assert order == [1, 3, 0, 2]


def test_the_oldest_is_not_starved_by_urgent_ones() -> None:
    room = WaitingRoom(EngineLimits(100, 1000, 1, 500, 1), Notes())
    room.put(tickets([request(priority=5)]))
    passed = 0
    while room.items < 2 or room.take_batch(0, BatchShape())[0].number != 0:
        room.put([Ticket(100 + passed, request(priority=0), 0.0)])
        passed += 1
        assert passed <= MAX_PASSES + 2
    assert passed >= MAX_PASSES  # urgent ones did go first


def test_the_oldest_is_not_starved_by_those_that_fit_better() -> None:
    room = WaitingRoom(LIMITS, Notes())
    # 112 wide * 4 slots = 448 cells: fits only an empty batch; the short ones take 32 each.
    wide = Ticket(0, request(100, options(4)), 0.0)
    batch = [Ticket(number, request(3, options(2)), 0.0) for number in (1, 2)]
    room.put([wide])
    number = 10
    for _ in range(MAX_PASSES):
        room.put([Ticket(number, request(3, options(2)), 0.0)])
        number += 1
        (picked,) = room.take_batch(0, shape_of(batch))
        assert picked is not wide
        batch = [*batch[1:], picked]
    room.put([Ticket(number, request(3, options(2)), 0.0)])
    assert room.take_batch(0, shape_of(batch)) == []  # the door is held
    assert room.take_batch(0, BatchShape()) == [wide]  # until the batch has run out


def test_expired_and_discarded_tickets_free_their_place() -> None:
    notes = Notes()
    room = WaitingRoom(LIMITS, notes)
    first, second, third = tickets([request(deadline_s=9.0), request(deadline_s=5.0), request()])
    room.put([first, second, third])
    assert room.take_expired(4.9) == []
    assert room.take_expired(5.0) == [second]
    room.discard(third)
    room.discard(third)
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
    busy = shape_of(tickets([request()] * 5))
    room.put(tickets([request()] * 2))
    assert len(room.take_batch(1, BatchShape())) == 1
    # Worker 1 is busy, so worker 0 takes what there is, although it has more to do already.
    assert len(room.take_batch(0, busy)) == 1
    room.put(tickets([request()]))
    assert room.wait_for_work(1)
    assert room.take_batch(0, busy) == []
    assert len(room.take_batch(1, BatchShape())) == 1
