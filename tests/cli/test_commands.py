"""The commands as they are typed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.__main__ import main
from service.cli.table import aligned
from service.settings import Settings
from tests.api.fakes import FakeModels
from tests.api.serving import ServerInThread, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerInThread]:
    with serving(Settings(port=0, models_dir=Path("nowhere")), FakeModels()) as server:
        yield server


def test_translating_files_on_a_server(
    server: ServerInThread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("Guten Morgen\n\n")
    second.write_text("über\r\nlast", encoding="utf-8")
    command = ["translate", "--server", server.url, "--from", "en", "--to", "de"]

    assert main([*command, str(first), str(second)]) == 0

    out, err = capfd.readouterr()
    assert out == "GUTEN MORGEN\n\nÜBER\r\nLAST\n"
    assert err == "", "no progress bar where nobody looks"


def test_summarizing_files_whole_or_by_line(
    server: ServerInThread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "news.txt"
    path.write_text("a b c d e\nf g h i j\n")
    command = ["summarize", "--server", server.url, str(path)]
    assert main(command) == 0
    assert main([*command, "--lines"]) == 0
    assert capfd.readouterr().out == "a b c d e f g h\na b c d e\nf g h i j\n"


def test_the_servers_models(server: ServerInThread, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--server", server.url]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "name         version  does                 licence",
        "first-words  1.2.0    summarizes en        CC-BY-2.0-FR",
        "shout-en-de  1.2.0    translates en to de  CC-BY-2.0-FR",
    ]


def test_failures_are_one_line_and_status_1(
    server: ServerInThread, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a\n")
    missing = str(tmp_path / "missing")
    command = ["translate", "--server", server.url, "--to"]
    assert main([*command, "xx", str(path)]) == 1
    assert main([*command, "de", missing]) == 1
    assert main([*command, "de", "--key-file", missing, str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("seq2serve: ") for line in lines)
    assert "target xx" in lines[0]


def test_columns_are_aligned() -> None:
    assert [*aligned([["a", "bc", "d"], ["efg", "h", ""]])] == ["a    bc  d", "efg  h"]


@pytest.mark.slow
def test_a_pipe_through_the_shipped_models(tmp_path: Path) -> None:
    """Without a server: what reads the pipe has its answer before the pipe is closed.

    What a server on this machine is told about its clients does not matter.
    """
    jobs = tmp_path / "jobs"
    told = {"KEYS_FILE": str(tmp_path / "none.db"), "JOBS_DIR": str(jobs), "MAX_TEXTS": "1"}
    command = [sys.executable, "-m", "service", "translate", "--to", "de"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {f"SEQ2SERVE_{name}": value for name, value in told.items()},
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in ("I have lost my keys.\n", "\n"):
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer.isspace() == line.isspace()
        process.stdin.close()
        assert process.stdout.read() == ""
    assert process.returncode == 0
    assert not jobs.exists()
