"""How a benchmark talks to a peer: one JSON object a line, over the child's stdin and stdout.

    benchmark                              child
    {"do": "load", "settings": {...}}  ->
                                       <-  {"about": {...}}
    {"do": "run", "job": {...}}        ->
                                       <-  {"seconds": 1.25}
    {"do": "latency", "job": {...}}    ->
                                       <-  {"seconds": [0.0125, ...]}

The child's clock measures, from token ids to all answers, so the pipe costs nobody anything.
Libraries print: until the child says `{"ready": true}` its other lines are skipped, and from
then on whatever it prints goes to stderr, whose end is shown when it dies.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

_ROOT = Path(__file__).resolve().parent.parent.parent
_STDERR_TAIL = 2000


class PeerError(Exception):
    """A peer could not be started, refused what it was asked, or died."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a peer spreads its work; what it is best at is found out, not assumed.

    Attributes:
        workers: Batches decoded side by side.
        threads: Threads of each.
        variant: What else can be chosen, such as the precision.
    """

    workers: int
    threads: int
    variant: str


@dataclass(frozen=True, slots=True)
class Job:
    """Sources to decode.

    Attributes:
        setting: How.
        batch: Most sources in one batch of one worker.
        beam: Hypotheses kept.
        target_tokens: Decoder steps of every source: no search ends earlier.
        sources: Token ids, the end mark included, all of one length.
    """

    setting: Setting
    batch: int
    beam: int
    target_tokens: int
    sources: tuple[tuple[int, ...], ...]

    @classmethod
    def of_wire(cls, values: Mapping[str, Any]) -> Self:
        """What `dataclasses.asdict` and JSON made of a job."""
        sources = tuple(map(tuple, values["sources"]))
        return cls(**{**values, "setting": Setting(**values["setting"]), "sources": sources})


class Peer(Protocol):
    """What a child does."""

    def load(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make ready; returns what the report should say of the peer (JSON values)."""
        ...

    def prepare(self, job: Job) -> Callable[[], Sequence[int]]:
        """Everything that is not decoding, untimed.

        Returns:
            What is timed: decodes the job and returns the tokens of each answer.
        """
        ...


def serve(peer: Peer) -> None:
    """The child's side: answer until stdin ends."""
    reply(partial(_answer, peer))


def reply(answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """The child's side for questions of another kind; both are objects that JSON can hold."""
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)  # also what C++ prints
    # Ends whatever was printed so far without an end of line.
    _say(answers, {"ready": True}, before="\n")
    for line in questions:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # whatever it was, the benchmark has to hear of it
            said = {"error": f"{type(error).__name__}: {error}"}
        _say(answers, said)


def _answer(peer: Peer, question: Mapping[str, Any]) -> Mapping[str, Any]:
    match question["do"]:
        case "load":
            return {"about": peer.load(question["settings"])}
        case "run":
            return {"seconds": _timed(peer, Job.of_wire(question["job"]))}
        case "latency":
            job = Job.of_wire(question["job"])
            alone = (replace(job, sources=(source,)) for source in job.sources)
            return {"seconds": [_timed(peer, each) for each in alone]}
        case unknown:
            raise ValueError(f"nothing is known of {unknown!r}")


def _timed(peer: Peer, job: Job) -> float:
    work = peer.prepare(job)
    began_s = time.perf_counter()
    tokens = work()
    seconds = time.perf_counter() - began_s
    if len(tokens) != len(job.sources) or set(tokens) != {job.target_tokens}:
        raise ValueError(
            f"{len(tokens)} answers of {sorted(set(tokens))} tokens; "
            f"{len(job.sources)} of {job.target_tokens} were asked for"
        )
    return seconds


def _say(stream: IO[str], message: Mapping[str, Any], before: str = "") -> None:
    stream.write(before + json.dumps(message) + "\n")
    stream.flush()


class Child:
    """The benchmark's side of one child; a context manager that ends it."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it.

        Args:
            name: For error messages.
            command: The interpreter and its arguments.
            environment: Variables on top of our own.

        Raises:
            PeerError: It cannot be started.
        """
        self.name = name
        self._errors = tempfile.TemporaryFile("w+b")  # noqa: SIM115  # closed in `close`
        try:
            self._process = subprocess.Popen(
                [*command],
                cwd=_ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            self._errors.close()
            raise PeerError(f"{name} cannot be started: {error}") from error
        self._ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child. It has nothing to lose."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def load(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Make the peer ready; returns what it says of itself, or raises `PeerError`."""
        about: dict[str, Any] = self.ask({"do": "load", "settings": settings})["about"]
        return about

    def run(self, job: Job) -> float:
        """Seconds for all sources of the job, or `PeerError`."""
        return float(self.ask({"do": "run", "job": asdict(job)})["seconds"])

    def latency(self, job: Job) -> list[float]:
        """Seconds of each source, one after the other and alone, or `PeerError`."""
        return list(self.ask({"do": "latency", "job": asdict(job)})["seconds"])

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The child's answer to any question, or `PeerError`."""
        assert self._process.stdin is not None
        if not self._ready:
            self._wait_until_ready()
        try:
            _say(self._process.stdin, question)
        except OSError as error:
            raise self._death() from error
        answer: dict[str, Any] = json.loads(self._line())
        if "error" in answer:
            raise PeerError(f"{self.name}, asked to {question['do']}: {answer['error']}")
        return answer

    def _wait_until_ready(self) -> None:
        while self._line().strip() != json.dumps({"ready": True}):
            pass
        self._ready = True

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._death()
        return line

    def _death(self) -> PeerError:
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read()[-_STDERR_TAIL:].decode("utf-8", "replace").strip()
        return PeerError(f"{self.name} ended with status {code}: {said or 'it said nothing'}")


def python_module(python: Path, module: str) -> list[str]:
    """The command that runs one of this package's modules."""
    return [str(python), "-m", module]


def this_python() -> Path:
    """The interpreter that runs the benchmark."""
    return Path(sys.executable)
