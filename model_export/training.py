"""The training loop: one process or many, resumable to the bit.

The run directory holds `last.pt` (weights, optimiser, random state, progress), one
`step-N.pt` per checkpoint kept for averaging, `model.pt` (their average, what is exported)
and `tensorboard/`. A killed run starts again from `last.pt` and takes the same steps that it
would have taken.
"""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from model_export import checkpoint
from model_export.checkpoint import Progress
from model_export.config import TrainingConfig
from model_export.dataset import Batch, Place, TrainingPairs, training_batches
from model_export.errors import CheckpointError, TrainingError
from model_export.model.seq2seq import Seq2Seq
from model_export.processes import Process
from model_export.recipe import Recipe
from service.text.tokenizer import Tokenizer


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Rate of update `step`, counted from 0.

    A linear climb (Goyal et al. 2017, sec. 2.2), then half a cosine (Loshchilov and Hutter 2017,
    eq. 5, without restarts) down to a twentieth of the peak.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    span = max(config.max_steps - config.warmup_steps, 1)
    progress = min((step - config.warmup_steps) / span, 1.0)
    return config.learning_rate * (0.05 + 0.95 * (1 + math.cos(math.pi * progress)) / 2)


class Trainer:
    """One training run; owns the network, the optimiser and the progress."""

    def __init__(
        self,
        recipe: Recipe,
        run: Path,
        pairs: TrainingPairs,
        tokenizer: Tokenizer,
        *,
        process: Process,
        score_dev: Callable[[Seq2Seq], float],
    ) -> None:
        """Begin a run, or go on with one.

        Args:
            recipe: What to train.
            run: Run directory; resumed from when it holds `last.pt`.
            pairs: Encoded training pairs, the same in every process.
            tokenizer: Gives the special ids.
            process: From `join_processes`.
            score_dev: Dev score of a network in evaluation mode; up is better. Asked in the
                leading process only.

        Raises:
            CheckpointError: `run/last.pt`, or the model that the recipe starts from, is damaged
                or belongs to another network.
        """
        config = recipe.training
        torch.manual_seed(config.seed)
        self.config = config
        self.directory = run
        self.process = process
        self.score_dev = score_dev
        self.progress = Progress()
        self.network = Seq2Seq.of_vocabulary(
            recipe.model, tokenizer, dropout=config.dropout, word_dropout=config.word_dropout
        ).to(process.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
        # Processes draw their own dropout masks, from here on.
        torch.manual_seed(config.seed + process.rank)
        if (run / checkpoint.LAST_NAME).exists():
            self._resume()
        elif config.start_from is not None:
            self._start_from(Path(config.start_from))
        self.model: nn.Module = self.network
        if process.world_size > 1:
            self.model = DistributedDataParallel(self.network)
        self.batches = training_batches(
            pairs,
            tokenizer,
            batch_tokens=config.batch_tokens,
            seed=config.seed,
            place=Place(self.progress.epoch, self.progress.epoch_updates),
            rank=process.rank,
            world_size=process.world_size,
        )

    def run(self) -> Progress:
        """Train until `max_steps` or until the dev score stops rising; write `run/model.pt`.

        Raises:
            TrainingError: The cost is no number, or there are fewer batches than processes.
        """
        progress = self.progress
        bar = tqdm(
            total=self.config.max_steps,
            initial=progress.step,
            unit="step",
            disable=not self.process.leads,
            mininterval=5,
        )
        with bar, SummaryWriter(self.directory / "tensorboard") as curves:
            window = _Window()
            started = time.monotonic()
            while not self._is_done():
                batch, place = next(self.batches)
                cost, norm = self._update(batch)
                progress.step += 1
                progress.epoch, progress.epoch_updates = place
                window.add(cost, batch.target_tokens)
                bar.update()
                bar.set_postfix_str(window.summary(), refresh=False)
                if self._is_time_to_look():
                    progress.seconds += time.monotonic() - started
                    score = self._look()
                    if self.process.leads:
                        self._draw(curves, window, norm, score)
                        bar.write(f"step {progress.step}: {window.summary()}, dev {score:.2f}")
                    window = _Window()
                    started = time.monotonic()
        if self.process.leads:
            weights = checkpoint.average_kept(self.directory, progress.kept)
            checkpoint.write_model(self.directory, self.network.config, weights, progress)
        return progress

    def _is_done(self) -> bool:
        progress, config = self.progress, self.config
        return progress.step >= config.max_steps or progress.looks_since_best >= config.patience

    def _is_time_to_look(self) -> bool:
        step, config = self.progress.step, self.config
        return step == config.max_steps or step % config.evaluate_every == 0

    def _draw(self, curves: SummaryWriter, window: "_Window", norm: float, score: float) -> None:
        step = self.progress.step
        curves.add_scalar("train/cost_per_token", window.cost_per_token, step)
        curves.add_scalar("train/tokens_per_second", window.tokens_per_second, step)
        curves.add_scalar("train/gradient_norm", norm, step)
        curves.add_scalar("train/learning_rate", self._rate(step), step)
        curves.add_scalar("dev/score", score, step)

    def _rate(self, step: int) -> float:
        return learning_rate(self.config, step)

    def _update(self, batch: Batch) -> tuple[float, float]:
        """One update; cost per target token of this process's batch, and the gradient's norm."""
        self.model.train()
        device = self.process.device
        step = self.progress.step
        with self._precision():
            cost = self.model(
                batch.source.to(device),
                batch.lengths.to(device),
                batch.inputs.to(device),
                batch.targets.to(device),
                label_smoothing=self.config.label_smoothing,
                teacher_forcing=self.config.teacher_forcing.ratio(step),
                r_drop=self.config.r_drop,
            )
        cost = cost / batch.target_tokens
        if not torch.isfinite(cost):
            raise TrainingError(f"the training cost is {cost.item()} at step {step}")
        self.optimizer.zero_grad()
        cost.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(step)
        self.optimizer.step()
        return cost.item(), norm.item()

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(
            self.process.device.type,
            dtype=torch.bfloat16,
            enabled=self.config.precision == "bf16",
        )

    def _look(self) -> float:
        """Score the dev set in the leading process, tell the others, and save."""
        score = torch.zeros((), dtype=torch.float64)
        if self.process.leads:
            self.network.eval()
            # Dev decoding must not move the random state that training continues from.
            with torch.random.fork_rng(devices=[]):
                score.fill_(self.score_dev(self.network))
        if self.process.world_size > 1:
            on_device = score.to(self.process.device)
            dist.broadcast(on_device, src=0)
            score = on_device.cpu()
        step = self.progress.step
        dropped = self.progress.add_look(score.item(), self.config.average_checkpoints)
        if self.process.leads and step not in dropped:
            path = checkpoint.kept_path(self.directory, step)
            checkpoint.save(path, {"network": self.network.state_dict()})
        self._save()
        # Only now: a kill before this line resumes from a checkpoint that names no lost file.
        if self.process.leads:
            for step in dropped:
                checkpoint.kept_path(self.directory, step).unlink(missing_ok=True)
        return score.item()

    def _save(self) -> None:
        own = _random_states(self.process.device)
        random_states = [own] * self.process.world_size
        if self.process.world_size > 1:
            dist.all_gather_object(random_states, own)
        if self.process.leads:
            checkpoint.save(
                self.directory / checkpoint.LAST_NAME,
                {
                    "network": self.network.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "random": random_states,
                    "progress": asdict(self.progress),
                },
            )

    def _resume(self) -> None:
        path = self.directory / checkpoint.LAST_NAME
        content = checkpoint.load(path)
        if len(content["random"]) != self.process.world_size:
            raise CheckpointError(
                f"{path} was written by {len(content['random'])} processes; "
                f"this run has {self.process.world_size}"
            )
        try:
            self.network.load_state_dict(content["network"])
            self.optimizer.load_state_dict(content["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise CheckpointError(f"{path} belongs to another network: {error}") from error
        self.progress = Progress(**content["progress"])
        states = content["random"][self.process.rank]
        torch.set_rng_state(states[0])
        if self.process.device.type == "cuda":
            torch.cuda.set_rng_state(states[1], self.process.device)

    def _start_from(self, run: Path) -> None:
        """Begin with the weights that another run has come to.

        A gate for copying that it lacks, and tokens behind its last, are as drawn.
        """
        config, weights = checkpoint.load_weights(run)
        copies = config.copies or self.network.config.copies
        if config.model_copy(update={"copies": copies}) != self.network.config:
            raise CheckpointError(
                f"start_from {run}: its network is {config}; the recipe's is {self.network.config}"
            )
        gate = "decoder.copy_gate."
        own = self.network.state_dict()
        drawn = {name: weight for name, weight in own.items() if name.startswith(gate)}
        for name in ("embedding.weight", "output_bias"):
            weights[name] = torch.cat([weights[name], own[name][len(weights[name]) :].cpu()])
        try:
            self.network.load_state_dict(drawn | weights)
        except RuntimeError as error:
            raise CheckpointError(f"start_from {run}: another vocabulary: {error}") from error


def _random_states(device: torch.device) -> list[torch.Tensor]:
    """States of the generators that dropout and sampling draw from."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


class _Window:
    """Cost and speed since the last look."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._cost = 0.0
        self._tokens = 0

    def add(self, cost_per_token: float, tokens: int) -> None:
        self._cost += cost_per_token * tokens
        self._tokens += tokens

    @property
    def cost_per_token(self) -> float:
        return self._cost / max(self._tokens, 1)

    @property
    def tokens_per_second(self) -> float:
        return self._tokens / max(time.monotonic() - self._started, 1e-9)

    def summary(self) -> str:
        return f"cost {self.cost_per_token:.3f}, {self.tokens_per_second:.0f} tokens/s"
