"""Blocks of code are code, and the answers that the README shows are those that a server gives."""

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.bundle.manifest import Manifest
from service.loading import load_catalogue
from service.settings import Settings
from tests.api.serving import client_of, serving
from tests.docs.pages import ROOT, Block, blocks, section

README = ROOT / "README.md"
BUNDLES = list((ROOT / "models").glob("*/manifest.json"))


def _named(found: Iterator[Block]) -> list[Any]:
    return [
        pytest.param(block, id=f"{block.page.stem}-{number}") for number, block in enumerate(found)
    ]


@pytest.mark.parametrize("block", _named(blocks("python")))
def test_python_is_python(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.slow
@pytest.mark.skipif(not BUNDLES, reason="no bundle in models/")
def test_python_in_the_page_on_bundles_prints_what_stands_below_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "bundle.md"
    [code] = [block for block in blocks("python") if block.page == page]
    [output] = [block for block in blocks("text") if block.page == page]
    monkeypatch.chdir(ROOT)
    exec(compile(code.text, page.name, "exec"), {})
    assert capsys.readouterr().out == output.text


@pytest.mark.parametrize("block", _named(blocks("json")))
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", _named(blocks("toml")))
def test_toml_is_toml(block: Block) -> None:
    tomllib.loads(block.text)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A curl command of the README and the answer that it shows."""

    path: str
    body: str
    answer: Any


def exchanges(text: str) -> Iterator[Exchange]:
    """Every ``$ curl URL -d 'BODY'`` with the JSON below it, up to the next command."""
    joined = text.replace("\\\n", " ")
    for command, shown in re.findall(
        r"^\$ (curl .+)\n((?:(?!\$ |```).*\n)*)", joined, re.MULTILINE
    ):
        words = shlex.split(command)
        [url] = [word for word in words if word.startswith("http://127.0.0.1:8000")]
        body = words[words.index("-d") + 1]
        yield Exchange(url.removeprefix("http://127.0.0.1:8000"), body, json.loads(shown))


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    settings = Settings(port=0, models_dir=ROOT / "models", provider="cpu", workers=1)
    with serving(settings, load_catalogue) as server, client_of(server) as client:
        yield client


def test_the_readme_shows_a_request_for_each_task() -> None:
    paths = {exchange.path for exchange in exchanges(section(README, "## A first request"))}
    assert {"/translate", "/summarize"} <= paths


@pytest.mark.slow
@pytest.mark.skipif(not BUNDLES, reason="no bundle in models/")
def test_the_answers_in_the_readme_are_those_of_the_shipped_models(client: httpx.Client) -> None:
    for exchange in exchanges(section(README, "## A first request")):
        # As curl sends it: JSON that is labelled as a form.
        kind = "application/x-www-form-urlencoded"
        answer = client.post(exchange.path, content=exchange.body, headers={"Content-Type": kind})
        assert answer.status_code == 200, answer.text
        assert alike(answer.json(), exchange.answer), answer.text


@pytest.mark.parametrize("bundle", [pytest.param(path, id=path.parent.name) for path in BUNDLES])
def test_the_readme_shows_the_scores_of_the_manifest(bundle: Path) -> None:
    manifest = Manifest.read(bundle.parent)
    measured = {
        f"{score.metric} {score.value:.2f}"
        for score in manifest.scores
        if score.precision == "int8"
    }
    rows = [
        line
        for line in section(README, "## In the box").splitlines()
        if line.startswith(f"| [{manifest.name}](models/{manifest.name}/README.md) |")
    ]
    assert rows, "the model is not listed"
    shown = [found for row in rows for found in re.findall(r"(?:BLEU|chrF|ROUGE-\w) [\d.]+", row)]
    assert shown
    assert set(shown) <= measured


def alike(left: Any, right: Any) -> bool:
    """Equal, but for the last digits of numbers and for times."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            key == "seconds" or alike(left[key], right[key]) for key in left
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, float) and isinstance(right, float):
        return left == pytest.approx(right, abs=0.05)
    return bool(left == right)
