"""Where answers go: whole, at once, and without a noise when they cannot."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.__main__ import main
from service.cli.output import opened
from service.cli.status import CommandFailed
from service.settings import Settings
from tests.api.fakes import FakeModels
from tests.api.serving import PATIENCE_S, ServerInThread, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerInThread]:
    with serving(Settings(port=0, models_dir=Path("nowhere")), FakeModels()) as server:
        yield server


def command(server: ServerInThread, *arguments: str) -> list[str]:
    asked = ["translate", "--server", server.url, "--from", "en", "--to", "de"]
    return [*asked, *arguments]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell has what it starts in the background ignore SIGINT, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def started(server: ServerInThread, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "service", *command(server, *arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_file_has_an_answer_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with opened(path, ["-", "missing"]) as write:
        write(["one", ""])
        assert path.read_bytes() == b"one\n\n"
        write(["ü"])
    assert path.read_text("utf-8") == "one\n\nü\n"


def test_paragraphs_into_a_file(
    server: ServerInThread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.write_text("one\ntwo\n\nthree\n")
    assert main(command(server, "--paragraphs", "-o", str(out), str(source))) == 0
    assert out.read_text() == "ONE TWO\n\nTHREE\n"
    assert capfd.readouterr() == ("", "")


def test_what_is_read_is_not_written_over(
    server: ServerInThread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text"
    path.write_text("precious\n")
    link = tmp_path / "link"
    link.symlink_to(path)
    assert main(command(server, "-o", str(link), str(path))) == 1
    assert path.read_text() == "precious\n"
    assert "it is read, so it cannot be written" in capfd.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said_once(
    server: ServerInThread, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in"
    source.write_text("one\n")
    assert main(command(server, "-o", "/dev/full", str(source))) == 1
    assert capfd.readouterr().err == "seq2serve: /dev/full: No space left on device\n"
    with pytest.raises(CommandFailed, match="Is a directory"), opened(tmp_path, []):
        pass


def test_a_reader_that_has_enough_is_no_failure(server: ServerInThread, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_text("line\n" * 50_000)
    with started(server, str(source)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"LINE\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_it_quietly(server: ServerInThread) -> None:
    with started(server) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ONE\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE_S) == 130
