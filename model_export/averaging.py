"""The `average` command: which of a run's kept checkpoints become its `model.pt`."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from model_export import checkpoint
from model_export.config import ModelConfig
from model_export.errors import CheckpointError
from model_export.model.seq2seq import Seq2Seq

logger = logging.getLogger(__name__)


def average_run(
    config: ModelConfig,
    run: Path,
    network: Seq2Seq,
    score_dev: Callable[[Seq2Seq], float],
    *,
    last: int | None = None,
    steps: Sequence[int] = (),
) -> tuple[int, ...]:
    """Average checkpoints of a run into its `model.pt`, and say what each choice scores.

    Args:
        config: The network's.
        run: Run directory.
        network: Of the run; its weights are overwritten.
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
    choices = _choices(progress.kept, last, steps)
    scores = {}
    for choice in tqdm(choices, unit="choice", desc="averaging"):
        states = [checkpoint.load(checkpoint.kept_path(run, step))["network"] for step in choice]
        network.load_state_dict(checkpoint.average(states))
        scores[choice] = score_dev(network.eval())
        logger.info("average of steps %s: dev %.2f", ", ".join(map(str, choice)), scores[choice])
    best = max(choices, key=lambda choice: scores[choice])
    checkpoint.write_model(run, config, best, progress)
    logger.info("wrote %s: steps %s", run / checkpoint.MODEL_NAME, ", ".join(map(str, best)))
    return best


def _choices(
    kept: dict[int, float], last: int | None, steps: Sequence[int]
) -> list[tuple[int, ...]]:
    """Sets of updates to try, each in order."""
    missing = [step for step in steps if step not in kept]
    if missing or not kept or (last is not None and last > len(kept)):
        raise CheckpointError(f"the run keeps the checkpoints of steps {sorted(kept)}, no others")
    if steps:
        return [tuple(sorted(set(steps)))]
    if last is not None:
        return [tuple(sorted(kept)[-last:])]
    ranked = sorted(kept, key=lambda step: (kept[step], step), reverse=True)
    return [tuple(sorted(ranked[:count])) for count in range(1, len(ranked) + 1)]
