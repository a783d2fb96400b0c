"""Laws of planning: nothing lost, repeated or overfilled; nobody starved."""

from hypothesis import given
from hypothesis import strategies as st

from service.engine.plan import (
    MAX_PADDING,
    BatchShape,
    Budget,
    Candidate,
    encode_groups,
    fair_share,
    padded,
    plan_admission,
)

candidates = st.builds(
    Candidate,
    length=st.integers(1, 300),
    beam_size=st.integers(1, 8),
    priority=st.integers(0, 2),
)
queues = st.lists(candidates, max_size=40).map(
    lambda queue: sorted(queue, key=lambda candidate: candidate.priority)
)
budgets = st.builds(Budget, max_sources=st.integers(1, 20), max_cells=st.integers(16, 20_000))


def filled(running: BatchShape, joining: list[Candidate]) -> BatchShape:
    for candidate in joining:
        running = running.joined_by(candidate)
    return running


@st.composite
def batches(draw: st.DrawFn, budget: Budget) -> BatchShape:
    """Any running batch within the budget."""
    batch = BatchShape()
    for candidate in draw(st.lists(candidates, max_size=10)):
        if budget.allows(batch.joined_by(candidate)):
            batch = batch.joined_by(candidate)
    return batch


@given(waiting=queues, budget=budgets, hold=st.booleans(), data=st.data())
def test_a_plan_repeats_nothing_and_overfills_nothing(
    waiting: list[Candidate], budget: Budget, hold: bool, data: st.DataObject
) -> None:
    running = data.draw(batches(budget))
    picked = plan_admission(waiting, running, budget, hold_for_first=hold)
    assert picked == sorted(set(picked))
    assert all(0 <= position < len(waiting) for position in picked)
    assert budget.allows(filled(running, [waiting[position] for position in picked]))


@given(waiting=queues.filter(bool), budget=budgets, hold=st.booleans(), data=st.data())
def test_the_first_in_line_goes_if_it_fits(
    waiting: list[Candidate], budget: Budget, hold: bool, data: st.DataObject
) -> None:
    running = data.draw(batches(budget))
    picked = plan_admission(waiting, running, budget, hold_for_first=hold)
    if budget.allows(running.joined_by(waiting[0])):
        assert 0 in picked
    elif hold:
        assert picked == []


@given(waiting=queues, budget=budgets, data=st.data())
def test_a_place_stays_free_only_if_nobody_fits_it(
    waiting: list[Candidate], budget: Budget, data: st.DataObject
) -> None:
    running = data.draw(batches(budget))
    picked = plan_admission(waiting, running, budget, hold_for_first=False)
    full = filled(running, [waiting[position] for position in picked])
    left = [waiting[p] for p in range(len(waiting)) if p not in picked]
    assert not any(budget.allows(full.joined_by(candidate)) for candidate in left)


def test_those_that_fit_the_batch_go_first_when_not_all_can() -> None:
    lengths = [90, 10, 200, 88, 12, 96]
    waiting = [Candidate(length, beam_size=4) for length in lengths]
    picked = plan_admission(waiting, BatchShape(), Budget(3, 100_000), hold_for_first=False)
    assert [lengths[position] for position in picked] == [90, 88, 96]


def test_priority_goes_before_fit() -> None:
    waiting = [Candidate(90, 4, priority=0), Candidate(10, 4, priority=0), Candidate(90, 4, 1)]
    picked = plan_admission(waiting, BatchShape(), Budget(2, 100_000), hold_for_first=False)
    assert picked == [0, 1]


@given(lengths=st.lists(st.integers(1, 500), max_size=40))
def test_encode_groups_lose_nothing_and_bound_padding(lengths: list[int]) -> None:
    groups = encode_groups(lengths)
    assert sorted(position for group in groups for position in group) == list(range(len(lengths)))
    for group in groups:
        widths = [padded(lengths[position]) for position in group]
        assert 1 - sum(widths) / (len(group) * max(widths)) <= MAX_PADDING


def test_similar_lengths_are_encoded_in_one_call() -> None:
    assert encode_groups([10, 80, 40, 20]) == [[1, 2, 3, 0]]
    assert encode_groups([10, 200, 12, 11]) == [[1, 2], [3, 0]]


@given(waiting=st.integers(1, 100), loads=st.lists(st.integers(0, 30), min_size=1, max_size=5))
def test_fair_shares_leave_nothing_waiting(waiting: int, loads: list[int]) -> None:
    shares = [
        fair_share(waiting, own, loads[:number] + loads[number + 1 :])
        for number, own in enumerate(loads)
    ]
    assert sum(shares) >= waiting
    # An idle worker is never sent away from a queue that is not empty.
    assert all(share >= 1 for share, own in zip(shares, loads, strict=True) if own == 0)


def test_fair_shares() -> None:
    assert fair_share(waiting=16, own=0, others=[0]) == 8  # many: halves
    assert fair_share(waiting=1, own=0, others=[0]) == 1  # a lone one: whoever is there
    assert fair_share(waiting=1, own=10, others=[0]) == 0  # leave it to the idle one
    assert fair_share(waiting=1, own=5, others=[2]) == 1  # nobody is idle: do not wait
