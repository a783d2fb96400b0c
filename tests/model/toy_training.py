"""A training run of seconds, for the tests and for the processes that they start and kill.

python -m tests.model.toy_training RUN VOCABULARY KILL_AT_STEP TRAINING_AS_JSON
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model_export.dataset import Pairs, collate
from model_export.model.seq2seq import Seq2Seq
from model_export.processes import Process, join_processes
from model_export.recipe import Recipe, parse_recipe
from model_export.training import Trainer
from service.text.tokenizer import Tokenizer

ALONE = Process(0, 1, torch.device("cpu"))


def toy_recipe(size: int = 16, *, copies: bool = False, **training: Any) -> Recipe:
    """A recipe in which everything that draws random numbers is on."""
    return parse_recipe(
        {
            "name": "toy",
            "task": "translation",
            "directions": [{"source": "en", "target": "de"}],
            "data": {"train": [{"generator": "reversed_letters", "count": 50}]},
            "vocabulary": {"size": 300},
            "model": {"size": size, "encoder_layers": 1, "copy": copies},
            "card": {"description": "toy", "licence": "none"},
            "training": {
                "batch_tokens": 120,
                "max_steps": 12,
                "evaluate_every": 3,
                "warmup_steps": 2,
                "learning_rate": 1e-2,
                "dropout": 0.2,
                "word_dropout": 0.1,
                "precision": "fp32",
                "average_checkpoints": 2,
                "teacher_forcing": {"start": 1.0, "end": 0.5, "steps": 8},
                **training,
            },
        }
    )


def toy_pairs(count: int = 80) -> Pairs:
    """Sources of 1 to 6 tokens, to be said backwards."""
    generator = np.random.default_rng(0)
    sources = [
        generator.integers(10, 20, generator.integers(1, 7)).astype(np.int64) for _ in range(count)
    ]
    return Pairs(sources, [source[::-1].copy() for source in sources])


@torch.no_grad()
def cost_per_token(network: Seq2Seq, tokenizer: Tokenizer) -> float:
    """On all the pairs, in evaluation mode."""
    pairs = toy_pairs()
    batch = collate(pairs, np.arange(len(pairs)), tokenizer)
    network.eval()
    cost = network(batch.source, batch.lengths, batch.inputs, batch.targets)
    return float(cost) / batch.target_tokens


def main() -> None:
    run, vocabulary, kill_at_step, training = sys.argv[1:]
    torch.set_num_threads(1)
    tokenizer = Tokenizer.load(Path(vocabulary))

    def score_dev(network: Seq2Seq) -> float:
        if trainer.progress.step == int(kill_at_step):
            os.kill(os.getpid(), signal.SIGKILL)
        return -cost_per_token(network, tokenizer)

    with join_processes() as process:
        trainer = Trainer(
            toy_recipe(**json.loads(training)),
            Path(run),
            toy_pairs(),
            tokenizer,
            process=process,
            score_dev=score_dev,
        )
        trainer.run()
        torch.save(trainer.network.state_dict(), Path(run) / f"rank-{process.rank}.pt")


if __name__ == "__main__":
    main()
