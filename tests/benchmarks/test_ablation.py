"""The rows of docs/results.md differ in what they say, and are compared on equal terms."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import ablation
from benchmarks.ablation import (
    BASE,
    ROWS,
    answers,
    attention_picture,
    panels,
    quality,
    speeds,
)
from benchmarks.length_plot import Point
from benchmarks.resampling import intervals
from benchmarks.rows import Trained, load_row
from model_export import checkpoint
from model_export.bundle import export_bundle
from model_export.config import AttentionKind
from model_export.evaluation import evaluate_bundle
from model_export.metrics import bleu
from model_export.preparation import prepare
from model_export.recipe import Recipe, load_recipe, parse_recipe
from model_export.verification import verify_bundle
from model_export.vocabulary import load_vocabulary
from service.bundle.loader import load_verified
from service.bundle.manifest import Precision
from service.decoding.runtime import Device
from tests.bundle.making import RECIPE
from tests.networks import loud_network

RECIPES = Path(__file__).parents[2] / "model_export" / "recipes" / "results"

# All that a row may change, and into what; the teacher forcing of most never changes.
CHANGES: dict[str, dict[str, Any]] = {
    "results-none": {"model.attention": "none"},
    "results-dot": {"model.attention": "dot"},
    "results-general": {},
    "results-additive": {"model.attention": "additive"},
    "results-conv": {"model.encoder": "conv"},
    "results-self-attention": {"model.encoder": "self_attention"},
    "results-scheduled": {
        "training.teacher_forcing.end": 0.7,
        "training.teacher_forcing.steps": 1000,
    },
    "results-free-running": {
        "training.teacher_forcing.start": 0.0,
        "training.teacher_forcing.end": 0.0,
    },
}


def recipe_of(name: str) -> Recipe:
    return load_recipe(RECIPES / f"{name.removeprefix('results-')}.toml")


def flat(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, dict):
        for name, value in values.items():
            yield from flat(value, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, values


def test_every_row_has_its_recipe_and_every_recipe_its_row() -> None:
    assert {recipe_of(name).name for name in ROWS} == set(ROWS) == set(CHANGES)
    assert len(list(RECIPES.glob("*.toml"))) == len(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_differs_from_the_base_in_what_it_says_only(name: str) -> None:
    base = dict(flat(recipe_of(BASE).model_dump(mode="json")))
    row = dict(flat(recipe_of(name).model_dump(mode="json")))
    assert row.keys() == base.keys()
    different = {key: value for key, value in row.items() if value != base[key]}
    assert different.pop("name", BASE) == name
    assert different == CHANGES[name]


def test_schedules_end_when_training_ends() -> None:
    training = recipe_of("results-scheduled").training
    assert training.teacher_forcing.steps == training.max_steps


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a network that knows nothing, finished, twice."""
    torch.set_num_threads(1)
    directory = tmp_path_factory.mktemp("runs")
    values = RECIPE.model_dump(mode="json")
    values["training"]["batch_tokens"] = 120
    values["data"]["test"] = [{"name": "t", "generator": "reversed_letters", "count": 40}]
    recipe = parse_recipe(values)
    run = directory / BASE
    prepare(recipe, run, {})
    vocabulary_size = load_vocabulary(run).vocabulary_size
    network = loud_network(recipe.model, vocabulary_size=vocabulary_size, seed=5)
    progress = checkpoint.Progress(seconds=12.0)
    checkpoint.write_model(run, network.config, network.state_dict(), progress)
    export_bundle(recipe, run, run / "bundle")
    verify_bundle(recipe, run, run / "bundle")
    loaded = load_verified(run / "bundle", Device.CPU, Precision.INT8, threads=1)
    evaluate_bundle(run, loaded)
    shutil.copytree(run, directory / "results-none")
    return directory


@pytest.fixture(scope="module")
def rows(runs: Path) -> dict[str, Trained]:
    return {name: load_row(runs, name) for name in (BASE, "results-none")}


def test_answers_are_those_that_are_served(rows: dict[str, Trained]) -> None:
    base = rows[BASE]
    found = answers(rows, base.sources[0]).rows
    assert found == [{"row": name, "answer": base.outputs[0]} for name in rows]


def test_a_finished_run_is_read(rows: dict[str, Trained]) -> None:
    row = rows[BASE]
    assert len(row.sources) == len(row.references) == len(row.outputs) == 40
    assert row.seconds == 12.0
    vocabulary_size = row.bundle.tokenizer.vocabulary_size
    network = loud_network(row.recipe.model, vocabulary_size=vocabulary_size, seed=5)
    assert row.parameters == sum(each.numel() for each in network.parameters())


def test_quality_is_that_of_the_outputs(rows: dict[str, Trained]) -> None:
    base = rows[BASE]
    perfect = replace(rows["results-none"], outputs=base.references)
    both = {BASE: base, "results-none": perfect}
    found = intervals({name: row.outputs for name, row in both.items()}, base.references, BASE)
    assert found[BASE].p_value is None
    first, second = quality(both, found, {(1, None): found}).rows
    assert second["BLEU"] == second["multi-bleu"] == second["1-"] == 100.0
    assert found["results-none"].p_value == second["p"] == pytest.approx(1 / 1001)
    assert first["BLEU"] == round(bleu(base.outputs, base.references).value, 1) < 50


def test_speed_is_measured_for_all(rows: dict[str, Trained]) -> None:
    training, decoding = speeds(rows, rounds=2)
    for spreads in (training, decoding):
        assert spreads.keys() == rows.keys()
        assert all(len(spread.samples) == 2 and spread.low > 0 for spread in spreads.values())


def test_the_base_is_in_every_panel(rows: dict[str, Trained]) -> None:
    model = rows[BASE].recipe.model
    plain = rows[BASE].recipe.model_copy(
        update={"model": model.model_copy(update={"attention": AttentionKind.NONE})}
    )
    conv = recipe_of("results-conv")
    free = recipe_of("results-free-running")
    field = {
        BASE: rows[BASE],
        **{
            name: replace(rows[BASE], recipe=recipe)
            for name, recipe in (("none", plain), ("conv", conv), ("free", free))
        },
    }
    points: dict[str, list[Point]] = {name: [] for name in field}
    assert [[curve.name for curve in drawn] for _, drawn in panels(field, points)] == [
        ["general", "none"],
        ["gru", "conv"],
        ["100 %", "0 %"],
    ]
    pair = {name: field[name] for name in (BASE, "none")}
    assert [title for title, _ in panels(pair, points)] == ["Attention"]


def test_attention_is_drawn_for_every_token(rows: dict[str, Trained]) -> None:
    picture = attention_picture(rows[BASE], "3 1 4")
    assert picture.count('class="weight"') > 3
    assert "(end)" in picture


def test_runs_of_different_data_are_not_compared(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    report = tmp_path / "runs" / "results-none" / "corpus.json"
    text = report.read_text("utf-8")
    digest = load_row(runs, BASE).prepared[0]
    report.write_text(text.replace(digest, "0" * len(digest)), encoding="utf-8")
    arguments = ["x", "--runs", str(tmp_path / "runs"), "--rows", BASE, "results-none"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit):
        ablation.main()
    assert "differ in data or vocabulary" in capsys.readouterr().err
