"""What a run keeps: the best of its looks at the dev set, in files that are whole."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_export import checkpoint
from model_export.checkpoint import Progress


@given(
    scores=st.lists(st.integers(0, 9).map(float), min_size=1, max_size=12), keep=st.integers(1, 5)
)
def test_the_best_looks_are_kept_and_of_equals_the_later(scores: list[float], keep: int) -> None:
    progress = Progress()
    gone: set[int] = set()
    for step, score in enumerate(scores, start=1):
        progress.step = step
        gone.update(progress.add_look(score, keep))

    # The slow twin: better looks and equal ones that came later, one by one.
    ahead = {
        step: sum((other, at) > (score, step) for at, other in enumerate(scores, start=1))
        for step, score in enumerate(scores, start=1)
    }
    best_first = sorted(ahead, key=ahead.__getitem__)
    assert progress.ranked() == best_first[:keep]
    assert progress.kept == {step: scores[step - 1] for step in best_first[:keep]}
    assert gone == set(best_first[keep:])
    assert progress.best_score == max(scores)
    assert progress.looks_since_best == len(scores) - 1 - scores.index(max(scores))


def test_before_the_first_look_nothing_is_best() -> None:
    assert Progress().ranked() == []
    assert Progress().best_score == -math.inf


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"weights": torch.ones(3)})
    with pytest.raises(Exception, match="pickle"):
        checkpoint.save(path, {"weights": lambda: None})
    assert torch.equal(checkpoint.load(path)["weights"], torch.ones(3))
    # The old file is replaced and never written into.
    before = tmp_path / "before.pt"
    before.hardlink_to(path)
    checkpoint.save(path, {"weights": torch.zeros(3)})
    assert torch.equal(checkpoint.load(before)["weights"], torch.ones(3))
    assert torch.equal(checkpoint.load(path)["weights"], torch.zeros(3))
