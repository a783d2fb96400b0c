"""What training keeps on disk: everything that decides what the next update will be."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_export.errors import CheckpointError


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
