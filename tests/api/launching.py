"""Starts `tests.api.talkative`, the service in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.settings import PREFIX

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Launched:
    """A running service.

    Attributes:
        url: Where it listens.
        process: To be killed, by a test that wants to see that.
    """

    url: str
    process: "subprocess.Popen[str]"


@contextmanager
def launched(log: Path, **settings: object) -> Iterator[Launched]:
    """A service whose stderr is a file; on leaving, it has stopped as it was told to."""
    environment = {name: value for name, value in os.environ.items() if PREFIX not in name}
    environment |= {PREFIX + name.upper(): str(value) for name, value in settings.items()}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "tests.api.talkative"],
            cwd=ROOT,
            env=environment | {f"{PREFIX}PORT": "0"},
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield Launched(process.stdout.readline().strip(), process)
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode in (0, -signal.SIGKILL), log.read_text("utf-8")
