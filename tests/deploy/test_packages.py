"""What gets installed: the wheel's content, and one ONNX Runtime at a time."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.deploy.queries import ROOT

EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
    "project"
]["optional-dependencies"]


@pytest.mark.slow
def test_the_wheel_holds_both_packages_with_their_data_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in ("service", "model_export")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == ours
    assert any(name.endswith(".toml") for name in packed), "the recipes are missing"


def test_no_extra_brings_a_second_onnxruntime() -> None:
    runtimes = {
        extra: re.findall(r"^onnxruntime(?:-gpu)?\b", "\n".join(requirements), re.MULTILINE)
        for extra, requirements in EXTRAS.items()
    }

    assert {extra: names for extra, names in runtimes.items() if names} == {
        "cpu": ["onnxruntime"],
        "gpu": ["onnxruntime-gpu"],
    }


@pytest.mark.parametrize("pins", ["serve.txt", "gpu.txt", "dev.txt"])
def test_pins_are_exact_and_name_no_index(pins: str) -> None:
    lines = (ROOT / "constraints" / pins).read_text("utf-8").splitlines()

    assert len(lines) > 1
    for line in lines:
        assert re.fullmatch(r"#.*|[a-z0-9-]+==[0-9][0-9a-z.]*", line), line


def test_every_extra_is_pinned() -> None:
    pinned = {
        line.split("==")[0]
        for pins in (ROOT / "constraints").glob("*.txt")
        for line in pins.read_text("utf-8").splitlines()
    }

    for extra, requirements in EXTRAS.items():
        for requirement in requirements:
            name = re.match(r"[A-Za-z0-9-]+", requirement)
            assert name
            assert name[0].lower() in pinned, (
                f"{requirement} of the extra {extra}: run constraints/relock.py"
            )
