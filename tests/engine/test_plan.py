"""Laws of planning: nothing lost, repeated or overfilled; nobody starved."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.engine.plan import (
    CPU_COSTS,
    MAX_WIDENING,
    BatchShape,
    Candidate,
    Costs,
    Space,
    encode_groups,
    fair_share,
    lanes_to_join,
    plan_admission,
    turns,
)

candidates = st.builds(Candidate, length=st.integers(1, 300), beam_size=st.integers(1, 16))
queues = st.lists(candidates, max_size=40)
spaces = st.builds(
    Space,
    sources=st.integers(0, 20),
    cells=st.integers(0, 20_000),
    encode_tokens=st.integers(1, 1000),
)
shapes = st.builds(
    BatchShape,
    sources=st.integers(1, 16),
    width=st.sampled_from([16, 32, 64, 256, 512]),
    slots=st.integers(1, 16),
)
costs = st.builds(
    Costs,
    call=st.floats(0, 1000),
    token=st.floats(0, 1),
    most_tokens=st.sampled_from([100, 2048, 1e9]),
)


@given(waiting=queues, space=spaces, hold=st.booleans())
def test_a_plan_repeats_nothing_and_overfills_nothing(
    waiting: list[Candidate], space: Space, hold: bool
) -> None:
    picked = plan_admission(waiting, space, hold_for_first=hold)
    assert picked == sorted(set(picked))
    assert all(0 <= position < len(waiting) for position in picked)
    chosen = [waiting[position] for position in picked]
    assert len(chosen) <= space.sources
    assert sum(candidate.cells for candidate in chosen) <= space.cells
    encoded = sum(candidate.width for candidate in chosen)
    assert encoded <= space.encode_tokens or len(chosen) == 1


@given(waiting=queues.filter(bool), space=spaces.filter(lambda space: space.sources > 0))
def test_the_first_in_line_goes_if_it_fits(waiting: list[Candidate], space: Space) -> None:
    free, held = (plan_admission(waiting, space, hold_for_first=hold) for hold in (False, True))
    if waiting[0].cells <= space.cells:
        assert free[0] == 0
        assert held == free
    else:
        assert held == []


@given(waiting=queues, space=spaces)
def test_a_place_stays_free_only_if_nobody_fits_it(waiting: list[Candidate], space: Space) -> None:
    picked = plan_admission(waiting, space, hold_for_first=False)
    chosen = [waiting[position] for position in picked]
    if len(chosen) == space.sources:
        return
    cells = space.cells - sum(candidate.cells for candidate in chosen)
    tokens = space.encode_tokens - sum(candidate.width for candidate in chosen)
    left = [waiting[position] for position in range(len(waiting)) if position not in picked]
    assert not any(
        candidate.cells <= cells and (candidate.width <= tokens or not chosen) for candidate in left
    )


def test_those_who_fit_go_in_order() -> None:
    lengths = [90, 10, 200, 20, 30]
    waiting = [Candidate(length, beam_size=4) for length in lengths]
    picked = plan_admission(waiting, Space(3, 100_000, 160), hold_for_first=False)
    assert picked == [0, 1, 3]


def test_a_source_beyond_the_limit_is_encoded_alone() -> None:
    waiting = [Candidate(200, 1), Candidate(1, 1)]
    assert plan_admission(waiting, Space(9, 9999, 100), hold_for_first=False) == [0]


@given(waiting=queues, space=spaces)
def test_encode_groups_lose_nothing_and_keep_within_the_space(
    waiting: list[Candidate], space: Space
) -> None:
    picked = plan_admission(waiting, space, hold_for_first=False)
    sources = [waiting[position] for position in picked]
    groups = encode_groups(sources, space)
    assert sorted(position for group in groups for position in group) == list(range(len(sources)))
    together = [BatchShape.of([sources[position] for position in group]) for group in groups]
    assert sum(shape.cells for shape in together) <= space.cells
    encoded = sum(shape.sources * shape.width for shape in together)
    assert encoded <= space.encode_tokens or len(sources) == 1
    for group, shape in zip(groups, together, strict=True):
        assert shape.width <= MAX_WIDENING * min(sources[position].width for position in group)
        beams = [sources[position].beam_size for position in group]
        assert max(beams) < 2 * min(beams) or max(beams) == min(beams)


def test_similar_sources_are_encoded_in_one_call() -> None:
    plenty = Space(100, 100_000, 100_000)

    def groups(lengths: list[int], space: Space = plenty) -> list[list[int]]:
        return encode_groups([Candidate(length, 4) for length in lengths], space)

    assert groups([10, 80, 40, 20]) == [[1, 2], [3, 0]]
    assert groups([10, 200, 12, 11]) == [[1], [0, 2, 3]]
    assert groups([80, 40, 20], Space(4, 100_000, 80 + 80 + 32)) == [[0, 1], [2]]
    assert groups([80, 40, 20], Space(4, 100_000, 80 + 48 + 32)) == [[0], [1], [2]]
    assert groups([80, 48], Space(4, (80 + 80) * 4, 999)) == [[0, 1]]
    assert groups([80, 48], Space(4, (80 + 48) * 4, 999)) == [[0], [1]]
    mixed = [Candidate(9, beam_size) for beam_size in (1, 4, 3, 2)]
    assert encode_groups(mixed, plenty) == [[1, 2], [3], [0]]


@given(lanes=st.lists(shapes, min_size=1, max_size=8), costs=costs, spare=st.integers(0, 20_000))
def test_joining_lanes_loses_nobody_costs_less_and_keeps_within_the_budget(
    lanes: list[BatchShape], costs: Costs, spare: int
) -> None:
    before = sum(costs.of(lane) for lane in lanes)
    cells = sum(lane.cells for lane in lanes) + spare
    groups = lanes_to_join(lanes, costs, cells)
    assert sorted(position for group in groups for position in group) == list(range(len(lanes)))
    joined = []
    for first, *others in groups:
        lane = lanes[first]
        for other in others:
            lane = lane.joined_by(lanes[other])
        assert not others or lane.sources * lane.width <= costs.most_tokens
        joined.append(lane)
    assert sum(lane.cells for lane in joined) <= cells
    assert sum(costs.of(lane) for lane in joined) <= before * (1 + 1e-9)
    # Whatever could still be joined would not gain anything.
    assert len(lanes_to_join(joined, costs, cells)) == len(joined)


def test_neighbours_do_not_pay_for_a_wide_beam_or_a_long_source() -> None:
    short = BatchShape(sources=15, width=32, slots=1)
    wide_beam = BatchShape(sources=1, width=32, slots=16)
    long_source = BatchShape(sources=1, width=256, slots=1)
    assert lanes_to_join([short, wide_beam], CPU_COSTS, 100_000) == [[0], [1]]
    assert lanes_to_join([short, long_source], CPU_COSTS, 100_000) == [[0], [1]]
    assert lanes_to_join([short, BatchShape(3, 48, 2)], CPU_COSTS, 100_000) == [[0], [1]]
    assert lanes_to_join([short, BatchShape(3, 32, 1)], CPU_COSTS, 100_000) == [[0, 1]]
    assert lanes_to_join([BatchShape(1, 16, 1), BatchShape(1, 32, 4)], CPU_COSTS, 999) == [[0, 1]]


@given(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=20), late_s=st.floats(0, 60))
def test_turns_follow_the_request_and_nothing_that_comes_after_a_turn_goes_before_it(
    lengths: list[int], late_s: float
) -> None:
    mine = turns(lengths, [0] * len(lengths), 100.0)
    assert all(one < other for one, other in pairwise([100.0, *mine]))
    patient = turns(lengths, [1] * len(lengths), 100.0)
    assert all(one < other for one, other in zip(mine, patient, strict=True))
    assert len(set(patient)) == 1
    newcomer = turns([1], [0], mine[-1] + late_s)
    assert newcomer[0] > mine[-1]


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
