"""What a measurement leaves behind: a table for people, and JSON that says where it was made."""

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from service.cores import usable_cores

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results"

# The instructions that decide how fast integers and floats are multiplied here.
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "amx_bf16", "asimddp", "i8mm")
_PACKAGES = ("onnxruntime", "onnxruntime-gpu", "torch", "numpy")

Value = str | int | float | bool | None
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a measurement was made.

    Attributes:
        processor: The processor's name.
        cores: Logical processors that this process may use.
        flags: Instruction sets that matter to matrix products, of those it has.
        memory_bytes: Main memory; 0 where the system does not say.
        accelerators: Names of the NVIDIA devices.
        python: Version of the interpreter.
        packages: Versions of the packages that compute.
    """

    processor: str
    cores: int
    flags: tuple[str, ...]
    memory_bytes: int
    accelerators: tuple[str, ...]
    python: str
    packages: dict[str, str]

    @classmethod
    def here(cls) -> Self:
        """The machine this runs on."""
        about = _processor_fields(_text(Path("/proc/cpuinfo")))
        present = about.get("flags", about.get("Features", "")).split()
        return cls(
            processor=about.get("model name", platform.processor() or platform.machine()),
            cores=usable_cores(),
            flags=tuple(flag for flag in _FLAGS if flag in present),
            memory_bytes=_memory_bytes(_text(Path("/proc/meminfo"))),
            accelerators=_accelerators(),
            python=platform.python_version(),
            packages=_versions(),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """One table.

    Attributes:
        name: Of the JSON file.
        title: One line above the table.
        settings: What was fixed for the whole run.
        rows: Column names and values; a column that a row lacks is left empty.
        notes: Sentences under the table: what failed, what to mind when reading it.
        details: Every figure behind the table; in the JSON only.
    """

    name: str
    title: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    details: list[Row] = field(default_factory=list)

    def text(self) -> str:
        """Title, settings, aligned table and notes."""
        settings = ", ".join(f"{name} {shown(value)}" for name, value in self.settings.items())
        notes = (f"* {note}" for note in self.notes)
        return "\n".join([self.title, settings, "", aligned(self.rows), "", *notes]).rstrip() + "\n"

    def content(self, machine: Machine, commit: str, date: datetime) -> dict[str, object]:
        """What the JSON file holds."""
        return {
            "name": self.name,
            "title": self.title,
            "date": date.isoformat(timespec="seconds"),
            "commit": commit,
            "machine": asdict(machine),
            "settings": dict(self.settings),
            "rows": [dict(row) for row in self.rows],
            "notes": list(self.notes),
            "details": [dict(row) for row in self.details],
        }

    def publish(self, directory: Path = RESULTS) -> Path:
        """Print the table and write `directory`/`name`.json; returns that path."""
        print(self.text())
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.name}.json"
        content = self.content(Machine.here(), commit(), datetime.now(UTC))
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"written to {path}")
        return path


def shown(value: Value) -> str:
    """A value as the table shows it: three significant digits, more for large numbers.

    Worked cases: 1234.5 -> 1234, 12.345 -> 12.3, 0.01234 -> 0.0123, None -> empty.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def aligned(rows: Sequence[Row]) -> str:
    """Rows as lines of columns: text to the left, numbers to the right."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    numeric = {
        name: all(not isinstance(row.get(name), (str, bool)) for row in rows) for name in names
    }
    cells = [names, *([shown(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if numeric[name] else cell.ljust(width)
            for name, cell, width in zip(names, line, widths, strict=True)
        ).rstrip()
        for line in cells
    )


def commit() -> str:
    """The commit that is checked out, marked when a tracked file differs from it.

    Results do not count: writing one must not mark the next.
    """
    described = _git("rev-parse", "--short=12", "HEAD")
    if not described:
        return "unknown"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{RESULTS}")
    return f"{described}-dirty" if changed else described


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _processor_fields(text: str) -> dict[str, str]:
    """The first processor's fields in the text of /proc/cpuinfo."""
    lines = text.split("\n\n", 1)[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _memory_bytes(text: str) -> int:
    """MemTotal in the text of /proc/meminfo, which counts in KiB."""
    for line in text.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def _accelerators() -> tuple[str, ...]:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(line.strip() for line in found.stdout.splitlines() if line.strip())


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
