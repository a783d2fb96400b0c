"""The examples of docs/clients.md, run against a server, print what the page says.

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
from tests.docs.pages import ROOT

ADDRESS = "http://127.0.0.1:8000"
PAGE = (ROOT / "docs" / "clients.md").read_text("utf-8")
PHRASES: dict[str, tuple[str, ...]] = {
    "": ("",),  # a job asks for it, to find out whether it can be done
    "The dog is sleeping.": ("Der Hund schläft.", "Der Hund schläft gerade."),
    "Where is the station?": ("Wo ist der Bahnhof?",),
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
    """Code of a language and the output that stands below it, named by their headings."""
    found = []
    for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        heading = part.partition("\n")[0]
        blocks = re.findall(
            rf"^```{language}\n(.*?)^```\n\n```text\n(.*?)^```", part, re.MULTILINE | re.DOTALL
        )
        found += [
            pytest.param(code, output, id=f"{heading} {number}")
            for number, (code, output) in enumerate(blocks)
        ]
    return found


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
    assert ADDRESS in PAGE
    doors = [
        "/translate",
        "/summarize",
        "stream",
        "URLSearchParams",
        "/translate_file",
        "/v2/translate",
    ]
    javascript = [example.values[0] for example in examples("javascript")]
    assert len(examples("python")) == len(javascript) == PAGE.count("```javascript")
    for door in doors:
        assert any(door in code for code in javascript), door
