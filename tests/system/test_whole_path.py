"""From nothing to an answer over HTTP: train, export, verify, evaluate, serve, ask, stop.

Two processes as a user starts them, `python -m model_export` and `python -m service`, and
between them nothing but the bundle's directory.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.evaluation import Evaluation
from service.bundle.manifest import Manifest

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "model_export" / "recipes" / "reversed-letters.toml"
PATIENCE_S = 60


def environment(**settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if "SEQ2SERVE" not in name}
    return inherited | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | settings


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory with the bundle that the shipped recipe makes."""
    directory = tmp_path_factory.mktemp("whole-path")
    finished = subprocess.run(
        [sys.executable, "-m", "model_export", "all", str(RECIPE)],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return directory / "models"


class Server:
    """`python -m service`, and what it has written to its log."""

    def __init__(self, models: Path, **settings: str) -> None:
        settings |= {"SEQ2SERVE_PORT": "0", "SEQ2SERVE_MODELS_DIR": str(models)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            env=environment(**settings),
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self.url = self._listening()

    def _listening(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"running on (http://[\d.]+:\d+)", line):
                return found[1]
        raise AssertionError("".join(self.log))

    def stop(self) -> int:
        """Ask it to end as an orchestrator does; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=PATIENCE_S)
        self.log += rest.splitlines(keepends=True)
        return self.process.returncode


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[Server]:
    server = Server(models)
    yield server
    server.process.kill()
    server.process.communicate()


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S, trust_env=False) as client:
        yield client


def ask(client: httpx.Client, q: str | list[str], **fields: Any) -> Any:
    answer = client.post("/translate", json={"q": q, "source": "en", "target": "de", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_model_learned_the_task(models: Path) -> None:
    manifest = Manifest.read(models / "reversed-letters")
    scores = {score.metric: score.value for score in manifest.scores}
    assert scores["BLEU"] > 99
    assert Evaluation.read(models.parent / "runs" / "reversed-letters") == Evaluation(
        digest=manifest.digest, scores=manifest.scores
    )
    assert manifest.verification is not None
    assert manifest.verification.int8_equal_hypotheses > 0.9
    assert (models / "reversed-letters" / "README.md").read_text().startswith("# reversed-letters")


def test_one_text(client: httpx.Client) -> None:
    assert ask(client, "d b e") == {"translatedText": "e b d"}


def test_a_list_and_lines(client: httpx.Client) -> None:
    texts = ["c h b i", "j a", "b c d\ne f g h"]
    assert ask(client, texts) == {"translatedText": ["i b h c", "a j", "d c b\nh g f e"]}


def test_alternatives_scores_and_alignment(client: httpx.Client) -> None:
    answer = ask(client, "d b e", alternatives=2, **{"return": ["scores", "alignment"]})
    assert answer["translatedText"] == "e b d"
    assert len(answer["alternatives"]) == 2
    (detail,) = answer["details"]
    (sentence,) = detail["sentences"]
    hypotheses = sentence["hypotheses"]
    scores = [each["score"] for each in hypotheses]
    assert scores == sorted(scores, reverse=True)
    # Attention looks where the letter came from: the last one first.
    pairs = [
        ("e b d"[each["target"]["start"]], "d b e"[each["source"][0]["start"]])
        for each in hypotheses[0]["alignment"]
    ]
    assert pairs == [("e", "e"), ("b", "b"), ("d", "d")]


@settings(max_examples=15)
@given(
    lines=st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=12), max_size=6),
    # A beam is named, because a stream has no second, wider search.
    options=st.sampled_from(
        [{"beam_size": 4}, {"beam_size": 1}, {"beam_size": 6, "num_hypotheses": 4}]
    ),
)
def test_a_stream_is_the_answer_piece_by_piece(
    client: httpx.Client, lines: list[list[str]], options: dict[str, int]
) -> None:
    text = "\n".join(" ".join(line) for line in lines)
    fields = {"q": text, "source": "en", "target": "de", "options": options}
    whole = client.post("/translate", json=fields).json()
    streamed = client.post("/translate", json=fields | {"stream": True}).text
    data = [json.loads(each) for each in re.findall(r"^data: (.*)$", streamed, re.MULTILINE)]
    assert "".join(each["delta"] for each in data[:-1]) == whole["translatedText"]
    assert data[-1] == whole


def test_a_job_outlives_a_kill(models: Path, tmp_path: Path) -> None:
    text = "\n".join(
        " ".join(random.Random(number).choices("abcdefghij", k=12)) for number in range(1000)
    )
    fields = {"q": text, "source": "en", "target": "de", "alternatives": 1}
    kept = {"SEQ2SERVE_JOBS_DIR": str(tmp_path)}
    killed = Server(models, **kept)
    with httpx.Client(base_url=killed.url, timeout=PATIENCE_S, trust_env=False) as client:
        place = client.post("/jobs", json={"translate": fields}).headers["location"]
        while client.get(place).json()["sentences"]["done"] == 0:
            pass
        killed.process.kill()
    killed.process.communicate()
    server = Server(models, **kept)
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S, trust_env=False) as client:
        assert client.get(place).json()["sentences"]["done"] > 0
        while (result := client.get(f"{place}/result")).status_code == 409:
            pass
        assert result.content == client.post("/translate", json=fields).content
    assert server.stop() == 0


def test_what_is_served(client: httpx.Client, models: Path) -> None:
    (model,) = client.get("/models").json()["models"]
    manifest = Manifest.read(models / "reversed-letters")
    assert model["name"] == "reversed-letters"
    assert manifest.digest.startswith(model["digest"])
    assert client.get("/readyz").status_code == 200


def test_metrics_count_what_was_asked(client: httpx.Client) -> None:
    ask(client, "f f")
    text = client.get("/metrics").text
    assert re.search(r"seq2serve_generated_tokens_total\S* [1-9]", text)
    assert 'model="reversed-letters"' in text


def test_sigterm_drains_and_exits_0(models: Path) -> None:
    server = Server(models)
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S, trust_env=False) as client:
        assert ask(client, "b c")["translatedText"] == "c b"
    assert server.stop() == 0
    events = [json.loads(line)["event"] for line in server.log]
    assert events.index("draining") < events.index("drained")
    assert not any("b c" in line for line in server.log), "user text in the log"
