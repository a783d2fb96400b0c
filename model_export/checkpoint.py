"""What training keeps on disk, in the run directory.

`last.pt` is everything that decides what the next update will be, `step-N.pt` the weights of one
look at the dev set, `model.pt` the average of some of those: what is exported.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from model_export.config import ModelConfig
from model_export.errors import CheckpointError

LAST_NAME = "last.pt"
MODEL_NAME = "model.pt"


@dataclass(slots=True)
class Progress:
    """Where training stands, beyond weights and optimiser.

    Attributes:
        step: Updates done.
        epoch: The epoch that the last of them was in, from 0.
        epoch_updates: Updates done in it.
        best_score: Best dev score so far (up is better).
        looks_since_best: Looks at the dev set since then.
        kept: Dev score by the step of each checkpoint kept for averaging.
        seconds: Wall time spent training, over all resumes.
    """

    step: int = 0
    epoch: int = 0
    epoch_updates: int = 0
    best_score: float = float("-inf")
    looks_since_best: int = 0
    kept: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0


def save(path: Path, content: dict[str, Any]) -> None:
    """Write atomically: a kill leaves the old file or the new one, never half of one."""
    temporary = path.with_suffix(".partial")
    torch.save(content, temporary)
    temporary.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"checkpoint {path} cannot be read: {error}") from error
    return content


def average(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of each weight over checkpoints (Vaswani et al. 2017, sec. 6.1)."""
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]
    }


def kept_path(run: Path, step: int) -> Path:
    """Where the weights of update `step` are kept."""
    return run / f"step-{step}.pt"


def load_progress(run: Path) -> Progress:
    """Where a run's training stands.

    Raises:
        CheckpointError: It has not come to its first look at the dev set, or is damaged.
    """
    return Progress(**load(run / LAST_NAME)["progress"])


def write_model(run: Path, config: ModelConfig, steps: Iterable[int], progress: Progress) -> None:
    """Average the kept checkpoints of `steps` into `model.pt`, with the network they are of.

    Raises:
        CheckpointError: One of them is missing or damaged.
    """
    states = [load(kept_path(run, step))["network"] for step in sorted(steps)]
    save(
        run / MODEL_NAME,
        {
            # In half precision: the bundle's integers are coarser.
            "network": {name: each.half() for name, each in average(states).items()},
            "model": config.model_dump(mode="json"),
            "progress": asdict(progress),
        },
    )


def load_model(run: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """The network of a run's `model.pt`, and its weights.

    Raises:
        CheckpointError: The file is missing, damaged, or of a version that did not say which
            network it is of.
    """
    path = run / MODEL_NAME
    content = load(path)
    try:
        return ModelConfig.model_validate(content["model"]), content["network"]
    except (KeyError, ValidationError) as error:
        raise CheckpointError(
            f"{path} does not say which network it is of; write it anew with `average`"
        ) from error
