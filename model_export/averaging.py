"""The `average` command: which of a run's kept checkpoints become its `model.pt`."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor
from tqdm import tqdm

from model_export import checkpoint
from model_export.errors import CheckpointError
from model_export.model.seq2seq import Seq2Seq

logger = logging.getLogger(__name__)


class _Average(NamedTuple):
    """Checkpoints of these updates as one network: its dev score (up is better) and weights."""

    steps: tuple[int, ...]
    score: float
    weights: dict[str, Tensor]


def average_run(
    run: Path,
    network: Seq2Seq,
    score_dev: Callable[[Seq2Seq], float],
    *,
    last: int | None = None,
    steps: Sequence[int] = (),
) -> tuple[int, ...]:
    """Average checkpoints of a run into its `model.pt`, and say what each choice scores.

    Args:
        run: Run directory.
        network: As the run trained it; its weights are overwritten.
        score_dev: Dev score of a network in evaluation mode; up is better.
        last: Average so many, the latest that are kept.
        steps: Average those of these updates.

    Returns:
        The updates whose weights were averaged: what `last` or `steps` say or, without both, the
        best scored among the best checkpoint, the best two, the best three ...

    Raises:
        CheckpointError: There is no such checkpoint; the message says which there are.
    """
    progress = checkpoint.load_progress(run)
    choices = _choices(progress, last, steps)

    def averaged(choice: tuple[int, ...]) -> _Average:
        weights = checkpoint.average_kept(run, choice)
        network.load_state_dict(weights)
        score = score_dev(network.eval())
        logger.info("average of steps %s: dev %.2f", ", ".join(map(str, choice)), score)
        return _Average(choice, score, weights)

    # One by one, so that no more than the best so far and the next are in memory.
    best = max(
        map(averaged, tqdm(choices, unit="choice", desc="averaging")),
        key=lambda average: average.score,
    )
    checkpoint.write_model(run, network.config, best.weights, progress)
    logger.info("wrote %s: steps %s", run / checkpoint.MODEL_NAME, ", ".join(map(str, best.steps)))
    return best.steps


def _choices(
    progress: checkpoint.Progress, last: int | None, steps: Sequence[int]
) -> list[tuple[int, ...]]:
    """Sets of updates to try, each in order."""
    kept = sorted(progress.kept)
    if missing := sorted(set(steps) - progress.kept.keys()):
        raise CheckpointError(f"the run keeps the checkpoints of steps {kept}, not of {missing}")
    if last is not None and not 1 <= last <= len(kept):
        raise CheckpointError(f"the run keeps the checkpoints of steps {kept}, not {last} of them")
    if steps:
        return [tuple(sorted(set(steps)))]
    if last is not None:
        return [tuple(kept[-last:])]
    ranked = progress.ranked()
    return [tuple(sorted(ranked[:count])) for count in range(1, len(ranked) + 1)]
