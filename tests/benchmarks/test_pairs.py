"""The peer's training sees every pair once an epoch, in batches of a bounded size."""

from itertools import chain, count, islice
from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers.pairs import (
    IGNORED,
    START,
    Pair,
    batch_plan,
    collate,
    read_lines,
    training_batches,
)
from benchmarks.peers.schedule import PEAK_RATE, WARMUP_STEPS, next_look, rate
from benchmarks.peers.shapes import END, PAD

IDS = st.lists(st.integers(4, 99), min_size=1, max_size=9)
PAIRS = st.lists(st.tuples(IDS, IDS), min_size=1, max_size=30)


@given(pairs=PAIRS, batch_tokens=st.integers(1, 60), epoch=st.integers(0, 3))
def test_every_pair_is_in_one_batch_of_bounded_size(
    pairs: list[Pair], batch_tokens: int, epoch: int
) -> None:
    plan = batch_plan(pairs, batch_tokens, epoch)
    assert sorted(chain(*plan)) == list(range(len(pairs)))
    for batch in plan:
        longest = max(max(map(len, pairs[place])) + 1 for place in batch)
        assert len(batch) == 1 or len(batch) * longest <= batch_tokens


@given(pairs=PAIRS, first_step=st.integers(0, 12))
def test_a_resumed_training_goes_on_where_it_was_in_the_epochs(
    pairs: list[Pair], first_step: int
) -> None:
    epochs = chain.from_iterable(batch_plan(pairs, 20, epoch) for epoch in count())
    expected = islice(epochs, first_step, first_step + 3)
    resumed = islice(training_batches(pairs, 20, first_step), 3)
    for positions, batch in zip(expected, resumed, strict=True):
        again = collate([pairs[position] for position in positions])
        assert torch.equal(batch.source, again.source)
        assert torch.equal(batch.targets, again.targets)


def test_the_decoder_reads_what_it_has_to_say_one_step_later() -> None:
    batch = collate([([7, 8], [5]), ([9], [4, 6])])
    assert batch.source.tolist() == [[7, 8, END], [9, END, PAD]]
    assert batch.inputs.tolist() == [[START, 5, PAD], [START, 4, 6]]
    assert batch.targets.tolist() == [[5, END, IGNORED], [4, 6, END]]
    assert batch.target_tokens == 5


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("a\u2028b\n\x0cc\n", encoding="utf-8")
    assert read_lines(tmp_path / "lines") == ["a\u2028b", "\x0cc"]


def test_the_rate_climbs_stays_and_falls() -> None:
    climb = [rate(step, 0.0) for step in range(WARMUP_STEPS)]
    assert climb == sorted(climb)
    assert climb[-1] == rate(5000, 0.5) == rate(5000, 0.69) == PEAK_RATE
    assert rate(5000, 0.69) > rate(5000, 0.8) > rate(5000, 0.99) > rate(5000, 1.0) == 0.0
    assert rate(5000, 1.01) == 0.0  # the last update may begin within the budget and end beyond


@given(looks=st.integers(1, 50), spent=st.floats(0, 1, exclude_max=True))
def test_the_next_look_is_ahead_and_the_last_is_at_the_end(looks: int, spent: float) -> None:
    due = next_look(spent, looks)
    assert spent < due <= 1.0
    assert due - spent <= 1 / looks + 1e-9
