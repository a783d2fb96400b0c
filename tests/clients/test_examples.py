"""The examples of pages about the API, run against a server, print what the page says.

The models are a phrase book with the translations that the shipped models gave when the page was
written: what is tested here is the way to them.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.pipeline.request import TextRequest
from service.pipeline.response import SourceUse, TextResponse
from service.settings import Settings
from tests.api.fakes import FakeModels, FakePipeline, shout
from tests.api.serving import PATIENCE_S, serving
from tests.docs.pages import ROOT, blocks

ADDRESS = "http://127.0.0.1:8000"
CLIENTS = ROOT / "docs" / "clients.md"
PAGES = (CLIENTS, ROOT / "docs" / "jobs.md", ROOT / "docs" / "streaming.md")
PHRASES: dict[str, tuple[str, ...]] = {
    "": ("",),  # a job asks for it, to find out whether it can be done
    "The dog is sleeping.": ("Der Hund schläft.", "Der Hund schläft gerade."),
    "Where is the station?": ("Wo ist der Bahnhof?",),
    "The dog is sleeping.\nWhere is the station?": ("Der Hund schläft.\nWo ist der Bahnhof?",),
    "Oil prices rose on Monday after Saudi Arabia said it would cut its output by a million "
    "barrels a day from July.": ("Oil prices rise after Saudi Arabia to cut output",),
}
NODE = shutil.which("node")


def look_up(request: TextRequest) -> TextResponse:
    first, *others = PHRASES[request.text]
    wanted = (request.options.num_hypotheses or 1) - 1
    use = SourceUse(sentences=1, used=((0, len(request.text)),), last_is_cut=False)
    return replace(
        shout(request), text=first, alternatives=tuple(others[:wanted]), sentences=(), use=use
    )


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    models = FakeModels(translator=FakePipeline(look_up), summarizer=FakePipeline(look_up))
    with serving(Settings(port=0, models_dir=Path("nowhere")), models) as server:
        yield server.url


def examples(language: str) -> list[Any]:
    """Code of a language and the output that stands below it, named by page and heading."""
    return [
        pytest.param(code, output, id=f"{page.stem}: {heading} {number}")
        for page in PAGES
        for heading, part in parts(page)
        for number, (code, output) in enumerate(
            re.findall(
                rf"^```{language}\n(.*?)^```\n\n```text\n(.*?)^```", part, re.MULTILINE | re.DOTALL
            )
        )
    ]


def parts(page: Path) -> Iterator[tuple[str, str]]:
    """Headings of a page and what stands below them."""
    for part in re.split(r"^##+ ", page.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        yield heading, text


@pytest.mark.parametrize(("code", "output"), examples("python"))
def test_python(code: str, output: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code.replace(ADDRESS, url), "example", "exec"), {})
    assert capsys.readouterr().out == output


@pytest.mark.skipif(NODE is None, reason="there is no node to run JavaScript with")
@pytest.mark.parametrize(("code", "output"), examples("javascript"))
def test_javascript(code: str, output: str, url: str, tmp_path: Path) -> None:
    assert NODE is not None
    file = tmp_path / "example.mjs"
    file.write_text(code.replace(ADDRESS, url), "utf-8")
    done = subprocess.run(
        [NODE, str(file)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == output


def test_every_front_door_has_an_example_in_both_languages() -> None:
    doors = [
        "/translate",
        "/summarize",
        "/jobs",
        "stream",
        "/translate_file",
        "/v2/translate",
    ]
    for language in ("python", "javascript"):
        codes = [example.values[0] for example in examples(language)]
        for door in doors[:-1] if language == "python" else doors:
            assert any(door in code for code in codes), f"{door} in {language}"
    assert any("URLSearchParams" in example.values[0] for example in examples("javascript"))


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_every_example_of_every_page_is_run(language: str) -> None:
    run = [example.values[0] for example in examples(language)]
    elsewhere = {
        "docs/bundle.md",  # tests/docs/test_examples.py
        "docs/streaming.md",  # for a browser: tests/page/test_examples.py
    }
    for block in blocks(language):
        page = block.page.relative_to(ROOT).as_posix()
        assert block.text in run or page in elsewhere, f"{page}: {block.text}"
        assert ADDRESS in block.text or page in elsewhere
