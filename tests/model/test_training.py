"""Training: resumed to the bit, stopped in time, averaged, and the same in two processes."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from model_export import checkpoint
from model_export.errors import CheckpointError, TrainingError
from model_export.model.seq2seq import Seq2Seq
from model_export.recipe import Recipe
from model_export.training import Trainer, learning_rate
from service.text.tokenizer import Tokenizer
from tests.model.toy_training import ALONE, cost_per_token, toy_pairs, toy_recipe

ROOT = Path(__file__).parents[2]


class Killed(Exception):
    pass


@pytest.fixture
def run(tokenizer: Tokenizer) -> Callable[..., checkpoint.Progress]:
    """Trains in a directory; `kill_at_look` ends it in the n-th look at the dev set."""

    def run(
        directory: Path,
        recipe: Recipe | None = None,
        kill_at_look: int = 0,
        *,
        random_score: bool = False,
    ) -> checkpoint.Progress:
        looks = 0

        def score_dev(network: Seq2Seq) -> float:
            nonlocal looks
            looks += 1
            if looks == kill_at_look:
                raise Killed
            if random_score:
                torch.rand(7)
            return -cost_per_token(network, tokenizer)

        return Trainer(
            recipe or toy_recipe(),
            directory,
            toy_pairs(),
            tokenizer,
            process=ALONE,
            score_dev=score_dev,
        ).run()

    return run


def content(path: Path) -> dict[str, Any]:
    """A checkpoint without what only the clock decides."""
    loaded = checkpoint.load(path)
    del loaded["progress"]["seconds"]
    return loaded


def assert_equal(left: object, right: object, where: str = "") -> None:
    """Equal to the bit, tensors, containers and all."""
    assert type(left) is type(right), where
    if isinstance(left, torch.Tensor):
        assert isinstance(right, torch.Tensor)
        assert torch.equal(left, right), where
    elif isinstance(left, dict):
        assert isinstance(right, dict)
        assert left.keys() == right.keys(), where
        for key, value in left.items():
            assert_equal(value, right[key], f"{where}.{key}")
    elif isinstance(left, list):
        assert isinstance(right, list)
        assert len(left) == len(right), where
        for number, value in enumerate(left):
            assert_equal(value, right[number], f"{where}[{number}]")
    else:
        assert left == right, where


def assert_same_run(left: Path, right: Path) -> None:
    for name in ("last.pt", "model.pt"):
        assert_equal(content(left / name), content(right / name), name)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kill_at_look", [1, 2, 4])
def test_a_killed_run_ends_as_an_uninterrupted_one(
    run: Callable[..., object], tmp_path: Path, kill_at_look: int, precision: str
) -> None:
    recipe = toy_recipe(precision=precision)
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(tmp_path / "whole", recipe)
    with pytest.raises(Killed):
        run(tmp_path / "killed", recipe, kill_at_look)
    run(tmp_path / "killed", recipe)
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


def test_looking_at_the_dev_set_draws_nothing_from_training(
    run: Callable[..., object], tmp_path: Path
) -> None:
    for name in ("plain", "random"):
        (tmp_path / name).mkdir()
        run(tmp_path / name, random_score=name == "random")
    assert_same_run(tmp_path / "plain", tmp_path / "random")


def started(
    run: Path, tokenizer: Tokenizer, size: int = 16, *, copies: bool = False
) -> dict[str, torch.Tensor]:
    """Weights before the first update of a run in `run`/student that starts from `run`."""
    recipe = toy_recipe(size, copies=copies, start_from=str(run))
    student = run / "student"
    student.mkdir(exist_ok=True)
    return Trainer(
        recipe, student, toy_pairs(), tokenizer, process=ALONE, score_dev=lambda _: 0.0
    ).network.state_dict()


def test_a_run_begins_with_the_weights_it_starts_from(
    run: Callable[..., object], tmp_path: Path, tokenizer: Tokenizer
) -> None:
    run(tmp_path, toy_recipe(max_steps=3, seed=7))
    _, weights = checkpoint.load_weights(tmp_path)
    for name, weight in started(tmp_path, tokenizer).items():
        assert torch.equal(weight, weights[name].float()), name


def test_a_run_that_is_to_copy_may_start_from_one_that_does_not(
    run: Callable[..., object], tmp_path: Path, tokenizer: Tokenizer
) -> None:
    run(tmp_path, toy_recipe(max_steps=3, seed=7))
    _, weights = checkpoint.load_weights(tmp_path)
    begun = started(tmp_path, tokenizer, copies=True)
    assert begun.keys() - weights.keys() == {
        "decoder.copy_gate.linear.weight",
        "decoder.copy_gate.linear.bias",
    }
    for name, weight in weights.items():
        assert torch.equal(weight.float(), begun[name]), name
    copying = tmp_path / "copying"
    copying.mkdir()
    run(copying, toy_recipe(copies=True, max_steps=6, start_from=str(tmp_path)))
    with pytest.raises(CheckpointError, match=r"copies=True.*the recipe's is .*copies=False"):
        started(copying, tokenizer)


def test_a_run_that_started_from_another_resumes_from_itself(
    run: Callable[..., object], tmp_path: Path
) -> None:
    run(tmp_path, toy_recipe(max_steps=3, seed=7))
    recipe = toy_recipe(start_from=str(tmp_path))
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    run(tmp_path / "whole", recipe)
    with pytest.raises(Killed):
        run(tmp_path / "killed", recipe, 2)
    (tmp_path / "model.pt").unlink()  # no longer needed
    run(tmp_path / "killed", recipe)
    assert_same_run(tmp_path / "whole", tmp_path / "killed")


def test_a_run_cannot_start_from_another_network(
    run: Callable[..., object], tmp_path: Path, tokenizer: Tokenizer
) -> None:
    with pytest.raises(CheckpointError, match=r"model.pt cannot be read"):
        started(tmp_path, tokenizer)
    run(tmp_path, toy_recipe(max_steps=3))
    with pytest.raises(CheckpointError, match=r"start_from .* size=16.*the recipe's is .* size=24"):
        started(tmp_path, tokenizer, size=24)


def start(
    run: Path, vocabulary: Path, *launcher: str, kill_at_step: int = -1, **settings: Any
) -> subprocess.CompletedProcess[str]:
    run.mkdir(exist_ok=True)
    return subprocess.run(
        [
            *(sys.executable, *launcher, "-m", "tests.model.toy_training"),
            *(str(run), str(vocabulary), str(kill_at_step), json.dumps(settings)),
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_process_killed_by_the_system_loses_nothing(
    run: Callable[..., object], tmp_path: Path, sentencepiece_file: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    first = start(killed, sentencepiece_file, kill_at_step=9)
    assert first.returncode == -signal.SIGKILL, first.stderr
    assert not (killed / "model.pt").exists()
    assert checkpoint.load(killed / "last.pt")["progress"]["step"] == 6
    again = start(killed, sentencepiece_file)
    assert again.returncode == 0, again.stderr
    whole.mkdir()
    run(whole)
    assert_same_run(whole, killed)


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path: Path, sentencepiece_file: Path) -> None:
    """Two processes of half a batch each: the same weights in both, the same cost as one."""
    settings: dict[str, Any] = {
        "max_steps": 40,
        "evaluate_every": 20,
        "dropout": 0.0,
        "word_dropout": 0.0,
    }
    two, one = tmp_path / "two", tmp_path / "one"
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    finished = start(two, sentencepiece_file, *launcher, batch_tokens=60, **settings)
    assert finished.returncode == 0, finished.stderr
    assert_equal(torch.load(two / "rank-0.pt"), torch.load(two / "rank-1.pt"))
    assert len(checkpoint.load(two / "last.pt")["random"]) == 2

    finished = start(one, sentencepiece_file, batch_tokens=120, **settings)
    assert finished.returncode == 0, finished.stderr
    tokenizer = Tokenizer.load(sentencepiece_file)
    costs = []
    for path in (two / "rank-0.pt", one / "rank-0.pt"):
        network = untrained(tokenizer)
        network.load_state_dict(torch.load(path))
        costs.append(cost_per_token(network, tokenizer))
    assert costs[0] == pytest.approx(costs[1], rel=0.1)
    assert costs[0] < 0.6 * cost_per_token(untrained(tokenizer), tokenizer)


def untrained(tokenizer: Tokenizer) -> Seq2Seq:
    torch.manual_seed(1)
    return Seq2Seq.of_vocabulary(toy_recipe().model, tokenizer)


def scored_run(
    directory: Path, tokenizer: Tokenizer, scores: Sequence[float], **settings: Any
) -> checkpoint.Progress:
    """Trains with given dev scores, one a look; a further look is an error."""
    line = iter(scores)
    return Trainer(
        toy_recipe(evaluate_every=1, max_steps=20, **settings),
        directory,
        toy_pairs(),
        tokenizer,
        process=ALONE,
        score_dev=lambda network: next(line),
    ).run()


def test_training_stops_when_the_dev_score_stops_rising(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    progress = scored_run(tmp_path, tokenizer, [1, 2, 1.5, 3, 3, 2.9, 2.9], patience=3)
    assert (progress.step, progress.best_score) == (7, 3)
    # Once stopped it stays stopped.
    assert scored_run(tmp_path, tokenizer, [], patience=3).step == 7


def test_the_best_checkpoints_are_averaged(tmp_path: Path, tokenizer: Tokenizer) -> None:
    scores = [5, 1, 7, 2, 7, 6]
    progress = scored_run(tmp_path, tokenizer, scores, patience=3, average_checkpoints=3)
    assert progress.kept == {3: 7, 5: 7, 6: 6}
    assert sorted(path.name for path in tmp_path.glob("step-*.pt")) == [
        "step-3.pt",
        "step-5.pt",
        "step-6.pt",
    ]
    states = [checkpoint.load(tmp_path / f"step-{step}.pt")["network"] for step in (3, 5, 6)]
    averaged = checkpoint.load(tmp_path / "model.pt")["network"]
    for name, value in averaged.items():
        mean = (states[0][name] + states[1][name] + states[2][name]) / 3
        torch.testing.assert_close(value.float(), mean, atol=1e-6, rtol=2**-11)
        assert not torch.equal(states[0][name], states[2][name]), name


def test_the_rate_climbs_and_falls() -> None:
    config = toy_recipe(learning_rate=0.4, warmup_steps=4, max_steps=24).training
    rates = [learning_rate(config, step) for step in range(25)]
    assert rates[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])
    assert rates[14] == pytest.approx(0.4 * 0.525)  # half way down
    assert rates[24] == pytest.approx(0.02)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert learning_rate(config, 1000) == pytest.approx(0.02)
    at_once = toy_recipe(learning_rate=0.4, warmup_steps=0, max_steps=5).training
    assert learning_rate(at_once, 0) == pytest.approx(0.4)


def test_a_cost_that_is_no_number_stops_training(tmp_path: Path, tokenizer: Tokenizer) -> None:
    trainer = Trainer(
        toy_recipe(), tmp_path, toy_pairs(), tokenizer, process=ALONE, score_dev=lambda _: 0.0
    )
    trainer.network.embedding.weight.data[12] = math.inf
    with pytest.raises(TrainingError, match="training cost is nan at step 0"):
        trainer.run()
    assert not (tmp_path / "last.pt").exists()


def test_a_checkpoint_of_another_network_is_refused(
    run: Callable[..., object], tmp_path: Path
) -> None:
    run(tmp_path, toy_recipe(max_steps=1))
    with pytest.raises(CheckpointError, match=r"last.pt belongs to another network"):
        run(tmp_path, toy_recipe(size=24))


def test_a_checkpoint_of_other_company_is_refused(
    run: Callable[..., object], tmp_path: Path
) -> None:
    run(tmp_path, toy_recipe(max_steps=1))
    saved = checkpoint.load(tmp_path / "last.pt")
    saved["random"] *= 2
    checkpoint.save(tmp_path / "last.pt", saved)
    with pytest.raises(CheckpointError, match=r"written by 2 processes; this run has 1"):
        run(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", None])
def test_a_damaged_checkpoint_is_refused(
    run: Callable[..., object], tmp_path: Path, damage: bytes | None
) -> None:
    run(tmp_path, toy_recipe(max_steps=1))
    path = tmp_path / "last.pt"
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(CheckpointError, match=r"last.pt cannot be read"):
        run(tmp_path)


def test_curves_are_kept(run: Callable[..., object], tmp_path: Path) -> None:
    run(tmp_path, toy_recipe(max_steps=3))
    (events,) = (tmp_path / "tensorboard").iterdir()
    written = events.read_bytes()
    for name in (b"train/cost_per_token", b"train/learning_rate", b"dev/score"):
        assert name in written


def test_a_longer_recipe_goes_on_where_the_shorter_one_ended(
    run: Callable[..., checkpoint.Progress], tmp_path: Path
) -> None:
    run(tmp_path, toy_recipe(max_steps=3))
    assert run(tmp_path, toy_recipe(max_steps=6)).step == 6
