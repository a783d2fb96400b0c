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
from model_export.model.seq2seq import Seq2Seq
from service.text.tokenizer import Tokenizer

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

    def add_look(self, score: float, keep: int) -> list[int]:
        """Note the dev score of this step, and forget all kept checkpoints but the `keep` best.

        Returns:
            Steps whose checkpoints are no longer kept; this one may be among them.
        """
        if score > self.best_score:
            self.best_score = score
            self.looks_since_best = 0
        else:
            self.looks_since_best += 1
        self.kept[self.step] = score
        dropped = self.ranked()[keep:]
        for step in dropped:
            del self.kept[step]
        return dropped

    def ranked(self) -> list[int]:
        """Steps of the kept checkpoints by their dev score, best first; of equals the later."""
        return sorted(self.kept, key=lambda step: (self.kept[step], step), reverse=True)


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


def kept_path(run: Path, step: int) -> Path:
    """Where the weights of update `step` are kept."""
    return run / f"step-{step}.pt"


def average_kept(run: Path, steps: Iterable[int]) -> dict[str, Tensor]:
    """Mean of each weight over the kept checkpoints of `steps` (Vaswani et al. 2017, sec. 6.1).

    Args:
        run: Run directory.
        steps: At least one, in whatever order.

    Returns:
        Weights by name, float32.

    Raises:
        CheckpointError: One of them is missing or damaged.
    """
    states = [load(kept_path(run, step))["network"] for step in sorted(steps)]
    return {
        name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]
    }


def load_progress(run: Path) -> Progress:
    """Where a run's training stands.

    Raises:
        CheckpointError: It has not come to its first look at the dev set, or is damaged.
    """
    return Progress(**load(run / LAST_NAME)["progress"])


def write_model(
    run: Path, config: ModelConfig, weights: dict[str, Tensor], progress: Progress
) -> None:
    """Write `model.pt`: weights from `average_kept`, with the network they are of.

    They are kept in half precision: the bundle's integers are coarser.
    """
    save(
        run / MODEL_NAME,
        {
            "network": {name: weight.half() for name, weight in weights.items()},
            "model": config.model_dump(mode="json"),
            "progress": asdict(progress),
        },
    )


def load_weights(run: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
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


def load_network(run: Path, tokenizer: Tokenizer) -> Seq2Seq:
    """The trained network of a run, on the CPU in evaluation mode, in float32.

    Raises:
        CheckpointError: As `load_weights` does, or the weights do not fit the vocabulary.
    """
    config, weights = load_weights(run)
    network = Seq2Seq.of_vocabulary(config, tokenizer)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"{run / MODEL_NAME}: {error}") from error
    return network.eval()
