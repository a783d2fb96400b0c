"""The service under test: its own process, started, watched, stopped."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from benchmarks.report import REPOSITORY

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_START_LIMIT_S = 120.0
_POLL_S = 0.005

_SAMPLE = re.compile(r"^(\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)


class ServerError(Exception):
    """The service did not start, or died."""


class Server:
    """One run of the service on a free port of the loopback interface; a context manager.

    Attributes:
        port: Where it listens.
        ready_after_s: Seconds from the start of its process to the first 200 of /readyz.
    """

    def __init__(
        self, models: Path, module: str = "service", settings: Mapping[str, str] | None = None
    ) -> None:
        """Start it and wait until it is ready.

        Args:
            models: The directory of bundles.
            module: What to run with `python -m`.
            settings: More SEQ2SERVE_* variables.

        Raises:
            ServerError: It ended, or was not ready in time; says what it logged last.
        """
        self.port = _free_port()
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 - closed by __exit__
        own = {name: value for name, value in os.environ.items() if "SEQ2SERVE_" not in name}
        chosen = {"SEQ2SERVE_PORT": str(self.port), "SEQ2SERVE_MODELS_DIR": str(models.resolve())}
        began_s = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=REPOSITORY,
            env={**own, **chosen, **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        try:
            self._wait_until_ready(began_s + _START_LIMIT_S)
        except ServerError:
            self._process.kill()
            raise
        self.ready_after_s = time.perf_counter() - began_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def get(self, path: str) -> str:
        """The body of a 200."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return str(answer.read().decode())

    def metrics(self, model: str) -> dict[str, float]:
        """The series of one model that have no other label, by name."""
        return {
            name: float(value)
            for name, labels, value in _SAMPLE.findall(self.get("/metrics"))
            if labels == f'model="{model}"'
        }

    @property
    def cpu_s(self) -> float:
        """Processor seconds taken so far, by all its threads."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S  # utime, stime

    @property
    def resident_bytes(self) -> int:
        """Memory that is its own or shared, as the system counts it."""
        return int(self._proc("statm").split()[1]) * _PAGE_BYTES

    @property
    def highest_resident_bytes(self) -> int:
        """The most memory it has had so far."""
        return 1024 * self._status("VmHWM")

    @property
    def threads(self) -> int:
        """Threads it has."""
        return self._status("Threads")

    @property
    def open_files(self) -> int:
        """Descriptors it holds, connections included."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    def _status(self, name: str) -> int:
        lines = self._proc("status").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self._process.pid}/{name}").read_text(encoding="utf-8")

    def _wait_until_ready(self, until_s: float) -> None:
        while time.perf_counter() < until_s:
            if self._process.poll() is not None:
                raise ServerError(f"the service ended: {self._last_words()}")
            try:
                self.get("/readyz")
            except (OSError, urllib.error.URLError):
                time.sleep(_POLL_S)
            else:
                return
        raise ServerError(f"the service was not ready in time: {self._last_words()}")

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
