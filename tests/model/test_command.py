"""`python -m model_export`: errors are one line and exit status 1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model_export.__main__ import STEPS, main

ROOT = Path(__file__).parents[2]


def run(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "model_export", *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_says_what_the_steps_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for step in (*STEPS, "all", "average", "ensemble", "spread"):
        assert step in shown


def test_a_broken_recipe_is_one_line_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('name = "x"')
    finished = run("train", "my.toml", directory=tmp_path)
    assert finished.returncode == 1
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert line.startswith("error: recipe my.toml: task: Field required")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("train", "vocabulary.spm does not exist; run `prepare` first"),
        ("export", "vocabulary.spm does not exist; run `prepare` first"),
        ("verify", "vocabulary.spm does not exist; run `prepare` first"),
        ("evaluate", "manifest.json cannot be read"),
    ],
)
def test_a_step_out_of_order_is_one_line_and_status_1(
    tmp_path: Path, step: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = ROOT / "model_export" / "recipes" / "reversed-letters.toml"
    places = ["--run", str(tmp_path / "run"), "--bundle", str(tmp_path / "bundle")]
    assert main([step, str(recipe), *places]) == 1
    (record,) = caplog.records
    assert message in record.message
    assert record.message.startswith("error: ")
    assert "\n" not in record.message


def test_a_seed_has_directories_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = ROOT / "model_export" / "recipes" / "reversed-letters.toml"
    assert main(["train", str(recipe), "--seed", "7"]) == 1
    assert "runs/reversed-letters-seed-7/vocabulary.spm does not exist" in caplog.text
    assert not (tmp_path / "runs" / "reversed-letters").exists()


def test_a_seed_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "my.toml", "--seed", "-1"])
    assert stopped.value.code == 2
    assert "'-1' is no seed; it is a whole number from 0 on" in capsys.readouterr().err


def test_an_unknown_step_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["bake", "my.toml"])
    assert stopped.value.code == 2
    assert "invalid choice: 'bake'" in capsys.readouterr().err


def test_several_processes_can_only_train(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SystemExit) as stop:
        main(["all", "recipe.toml"])
    assert stop.value.code == 2
    assert "run all without torchrun" in capsys.readouterr().err
