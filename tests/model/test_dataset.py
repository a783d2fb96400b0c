"""The order of training: complete, within budget, and a function of seed and epoch alone."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export.dataset import Batch, Pairs, Place, batch_plan, collate, training_batches
from model_export.errors import TrainingError
from service.text.tokenizer import Tokenizer

lengths = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=60)


def pairs_of(sizes: Sequence[tuple[int, int]]) -> Pairs:
    """Pairs of these lengths whose ids say which pair they are of."""
    return Pairs(
        [np.full(source, 1000 + number) for number, (source, _) in enumerate(sizes)],
        [np.full(target, 2000 + number) for number, (_, target) in enumerate(sizes)],
    )


def some_pairs(count: int = 50) -> Pairs:
    generator = np.random.default_rng(0)
    return pairs_of([tuple(size) for size in generator.integers(1, 15, (count, 2)).tolist()])


@given(sizes=lengths, budget=st.integers(1, 60), seed=st.integers(0, 5), epoch=st.integers(0, 5))
def test_a_plan_has_every_pair_once(
    sizes: list[tuple[int, int]], budget: int, seed: int, epoch: int
) -> None:
    plan = batch_plan(pairs_of(sizes), budget, seed, epoch)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(sizes)))


@given(sizes=lengths, budget=st.integers(1, 60))
def test_no_batch_exceeds_the_budget(sizes: list[tuple[int, int]], budget: int) -> None:
    for batch in batch_plan(pairs_of(sizes), budget, 1, 0):
        longest = max(max(sizes[position]) + 1 for position in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget


@given(sizes=lengths, budget=st.integers(1, 60), epoch=st.integers(0, 3))
def test_a_plan_is_a_function_of_seed_and_epoch(
    sizes: list[tuple[int, int]], budget: int, epoch: int
) -> None:
    plans = [batch_plan(pairs_of(sizes), budget, 3, epoch) for _ in range(2)]
    assert [batch.tolist() for batch in plans[0]] == [batch.tolist() for batch in plans[1]]


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    pairs = some_pairs()
    orders = {
        tuple(np.concatenate(batch_plan(pairs, 40, seed, epoch)).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_pairs_of_like_length_share_a_batch() -> None:
    pairs = some_pairs(2000)
    cells = tokens = 0
    for batch in batch_plan(pairs, 400, 0, 0):
        longer = [max(len(pairs.sources[i]), len(pairs.targets[i])) + 1 for i in batch]
        cells += len(longer) * max(longer)
        tokens += sum(longer)
    assert tokens / cells > 0.95


def test_a_batch_is_padded_and_marked(tokenizer: Tokenizer) -> None:
    pairs = Pairs([np.array([7, 8]), np.array([9])], [np.array([5]), np.array([6, 7, 8])])
    batch = collate(pairs, np.array([1, 0]), tokenizer)
    pad, start, end = tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id
    assert batch.source.tolist() == [[9, end, pad], [7, 8, end]]
    assert batch.lengths.tolist() == [2, 3]
    assert batch.inputs.tolist() == [[start, 6, 7, 8], [start, 5, pad, pad]]
    assert batch.targets.tolist() == [[6, 7, 8, end], [5, end, pad, pad]]
    assert batch.target_tokens == 6


def placed_batches(
    tokenizer: Tokenizer, count: int, place: Place, rank: int, world_size: int
) -> list[tuple[Batch, Place]]:
    endless = training_batches(
        some_pairs(),
        tokenizer,
        batch_tokens=60,
        seed=4,
        place=place,
        rank=rank,
        world_size=world_size,
    )
    return list(islice(endless, count))


def batches(tokenizer: Tokenizer, count: int, rank: int = 0, world_size: int = 1) -> list[Batch]:
    return [batch for batch, _ in placed_batches(tokenizer, count, Place(), rank, world_size)]


def same(left: Sequence[Batch], right: Sequence[Batch]) -> bool:
    return len(left) == len(right) and all(
        torch.equal(getattr(ours, name), getattr(theirs, name))
        for ours, theirs in zip(left, right, strict=True)
        for name in ("source", "lengths", "inputs", "targets")
    )


@pytest.mark.parametrize("world_size", [1, 3])
def test_a_resumed_run_sees_what_an_uninterrupted_one_does(
    tokenizer: Tokenizer, world_size: int
) -> None:
    whole = placed_batches(tokenizer, 40, Place(), world_size - 1, world_size)
    assert whole[-1][1].epoch > 0
    for step in range(1, 40):
        _, place = whole[step - 1]
        rest = placed_batches(tokenizer, 40 - step, place, world_size - 1, world_size)
        assert [after for _, after in rest] == [after for _, after in whole[step:]]
        assert same([batch for batch, _ in whole[step:]], [batch for batch, _ in rest])


def test_processes_share_an_epoch_without_overlap(tokenizer: Tokenizer) -> None:
    plan = batch_plan(some_pairs(), 60, 4, 0)
    updates = len(plan) // 3
    assert updates * 3 < len(plan), "some batches should be left out"
    alone = batches(tokenizer, len(plan))
    for rank in range(3):
        assert same(alone[rank : updates * 3 : 3], batches(tokenizer, updates, rank, 3))


def test_fewer_batches_than_processes_is_an_error(tokenizer: Tokenizer) -> None:
    with pytest.raises(TrainingError, match="1 batches; 2 processes"):
        next(
            training_batches(
                pairs_of([(3, 3)]),
                tokenizer,
                batch_tokens=60,
                seed=0,
                place=Place(),
                rank=0,
                world_size=2,
            )
        )
