"""The law: what a command writes is what a client gets, text for text."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.__main__ import main
from service.loading import load_catalogue
from service.settings import Settings
from tests.api.serving import client_of, serving

ROOT = Path(__file__).parents[2]
BUNDLES = list((ROOT / "models").glob("*/manifest.json"))

# Several sentences in a line, none, and what no model is asked for.
ODD = ["", "   ", "Hello. How are you?  I am fine!", "…", "12:30", "\ttabbed", "naïve café\u2028x"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BUNDLES, reason="no bundle in models/"),
]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    settings = Settings(port=0, models_dir=ROOT / "models", provider="cpu", workers=1)
    with serving(settings, load_catalogue) as server, client_of(server) as client:
        yield client


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    monkeypatch.setenv("SEQ2SERVE_MODELS_DIR", str(ROOT / "models"))
    sentences = (ROOT / "benchmarks" / "sentences.txt").read_text("utf-8").splitlines()
    lines = [*ODD, *sentences[:60], *ODD]
    path = tmp_path / "lines"
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path, lines


def test_translating_here_is_translating_there(
    client: httpx.Client, texts: tuple[Path, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    path, lines = texts
    assert main(["translate", "--from", "en", "--to", "de", str(path)]) == 0
    written = capfd.readouterr().out.split("\n")
    fields = {"source": "en", "target": "de"}
    answers = [
        client.post("/translate", json=fields | {"q": line}).json()["translatedText"]
        for line in lines
    ]
    assert written == [*answers, ""]


def test_summarizing_here_and_on_a_server_is_asking_it(
    client: httpx.Client, texts: tuple[Path, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    path, lines = texts
    assert main(["summarize", "--lines", str(path)]) == 0
    here = capfd.readouterr().out
    assert main(["summarize", "--lines", "--server", str(client.base_url), str(path)]) == 0
    there = capfd.readouterr().out
    answers = [client.post("/summarize", json={"text": line}).json()["summary"] for line in lines]
    assert here == there == "".join(f"{answer}\n" for answer in answers)
