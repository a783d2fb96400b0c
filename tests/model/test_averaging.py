"""`average`: which checkpoints become the model, and that training's end averages alike."""

from pathlib import Path

import pytest
import torch

from model_export import checkpoint
from model_export.averaging import average_run
from model_export.errors import CheckpointError
from model_export.model.seq2seq import Seq2Seq
from model_export.training import Trainer
from service.text.tokenizer import Tokenizer
from tests.model.toy_training import ALONE, cost_per_token, toy_pairs, toy_recipe


@pytest.fixture
def network(tokenizer: Tokenizer) -> Seq2Seq:
    return Seq2Seq.of_vocabulary(toy_recipe().model, tokenizer)


@pytest.fixture
def run(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    """Trained; keeps steps 3, 6, 9 and 12, of which 9 scored best and 3 worst."""
    scores = iter([1.0, 2.0, 4.0, 3.0])
    recipe = toy_recipe(average_checkpoints=4)
    Trainer(
        recipe, tmp_path, toy_pairs(), tokenizer, process=ALONE, score_dev=lambda _: next(scores)
    ).run()
    return tmp_path


def weights(run: Path) -> dict[str, torch.Tensor]:
    return {name: weight.float() for name, weight in checkpoint.load_weights(run)[1].items()}


def mean(run: Path, *steps: int) -> dict[str, torch.Tensor]:
    states = [checkpoint.load(run / f"step-{step}.pt")["network"] for step in steps]
    return {
        name: (sum(state[name] for state in states) / len(states)).half().float()
        for name in states[0]
    }


def test_all_that_is_kept_is_what_training_ended_with(run: Path, network: Seq2Seq) -> None:
    before = checkpoint.load(run / "model.pt")
    chosen = average_run(run, network, lambda _: 0.0, last=4)
    assert chosen == (3, 6, 9, 12)
    after = checkpoint.load(run / "model.pt")
    assert after["progress"] == before["progress"]
    assert after["model"] == before["model"]
    assert all(
        torch.equal(after["network"][name], each) for name, each in before["network"].items()
    )


@pytest.mark.parametrize(
    ("options", "expected"), [({"last": 2}, (9, 12)), ({"steps": [9, 3, 9]}, (3, 9))]
)
def test_a_choice_is_averaged(
    run: Path, network: Seq2Seq, options: dict[str, object], expected: tuple[int, ...]
) -> None:
    chosen = average_run(run, network, lambda _: 0.0, **options)  # type: ignore[arg-type]
    assert chosen == expected
    torch.testing.assert_close(weights(run), mean(run, *expected))


def test_the_best_scored_choice_is_written(
    run: Path, network: Seq2Seq, tokenizer: Tokenizer, caplog: pytest.LogCaptureFixture
) -> None:
    choices = [(9,), (9, 12), (6, 9, 12), (3, 6, 9, 12)]
    found: list[float] = []

    def score_dev(network: Seq2Seq) -> float:
        assert not network.training
        found.append(-cost_per_token(network, tokenizer))
        return found[-1]

    with caplog.at_level("INFO"):
        chosen = average_run(run, network, score_dev)
    assert chosen == choices[found.index(max(found))]
    torch.testing.assert_close(weights(run), mean(run, *chosen))
    assert [record.message.split(":")[0] for record in caplog.records[:4]] == [
        "average of steps 9",
        "average of steps 9, 12",
        "average of steps 6, 9, 12",
        "average of steps 3, 6, 9, 12",
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"last": 5}, "not 5 of them"),
        ({"last": 0}, "not 0 of them"),
        ({"last": -1}, "not -1 of them"),
        ({"steps": [6, 8, 7]}, r"not of \[7, 8\]"),
    ],
)
def test_what_is_not_kept_cannot_be_averaged(
    run: Path, network: Seq2Seq, options: dict[str, object], problem: str
) -> None:
    with pytest.raises(CheckpointError, match=rf"of steps \[3, 6, 9, 12\], {problem}"):
        average_run(run, network, lambda _: 0.0, **options)  # type: ignore[arg-type]


def test_a_run_that_has_not_looked_yet_cannot_be_averaged(tmp_path: Path, network: Seq2Seq) -> None:
    with pytest.raises(CheckpointError, match=r"last.pt cannot be read"):
        average_run(tmp_path, network, lambda _: 0.0)
