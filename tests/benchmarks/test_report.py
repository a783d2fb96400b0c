"""What a report looks like to people and to programs."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report import Machine, Report, Value, aligned, shown

MACHINE = Machine(
    processor="Abacus 2",
    cores=2,
    flags=("avx2",),
    memory_bytes=1 << 30,
    accelerators=(),
    python="3.12.0",
    packages={"numpy": "2.0.0"},
)
REPORT = Report(
    name="race",
    title="Hare and tortoise",
    settings={"distance": 100, "fair": True},
    rows=[
        {"who": "hare", "metres/s": 17.5, "slept": True},
        {"who": "tortoise", "metres/s": 0.0612, "wins": 1},
    ],
    notes=["the hare slept"],
    details=[{"who": "hare", "round": 1, "metres/s": 17.5}],
)


def test_the_json_is_what_it_was() -> None:
    content = REPORT.content(MACHINE, "abc123", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert json.loads(json.dumps(content)) == {
        "name": "race",
        "title": "Hare and tortoise",
        "date": "2026-01-02T03:04:05+00:00",
        "commit": "abc123",
        "machine": {
            "processor": "Abacus 2",
            "cores": 2,
            "flags": ["avx2"],
            "memory_bytes": 1073741824,
            "accelerators": [],
            "python": "3.12.0",
            "packages": {"numpy": "2.0.0"},
        },
        "settings": {"distance": 100, "fair": True},
        "rows": [
            {"who": "hare", "metres/s": 17.5, "slept": True},
            {"who": "tortoise", "metres/s": 0.0612, "wins": 1},
        ],
        "notes": ["the hare slept"],
        "details": [{"who": "hare", "round": 1, "metres/s": 17.5}],
    }


def test_the_table_is_aligned() -> None:
    assert REPORT.text() == (
        "Hare and tortoise\n"
        "distance 100, fair yes\n"
        "\n"
        "who       metres/s  slept  wins\n"
        "hare          17.5  yes\n"
        "tortoise    0.0612            1\n"
        "\n"
        "* the hare slept\n"
    )


def test_no_rows_are_no_table() -> None:
    assert aligned([]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.56, "1235"),
        (12.345, "12.3"),
        (0.012345, "0.0123"),
        (123456, "123456"),
        (True, "yes"),
        (False, "no"),
        (None, ""),
        ("a", "a"),
    ],
)
def test_values_are_shown_with_three_digits(value: Value, text: str) -> None:
    assert shown(value) == text


def test_publishing_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = REPORT.publish(tmp_path / "results")
    assert path == tmp_path / "results" / "race.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["rows"] == [dict(row) for row in REPORT.rows]
    assert written["machine"]["cores"] >= 1
    assert REPORT.text() in capsys.readouterr().out


def test_the_processor_is_read_from_its_description() -> None:
    text = "processor\t: 0\nmodel name\t: Abacus 2\nflags\t\t: fpu avx2\n\nprocessor\t: 1\n"
    fields = report._processor_fields(text)
    assert fields == {"processor": "0", "model name": "Abacus 2", "flags": "fpu avx2"}
    assert report._memory_bytes("MemFree: 1 kB\nMemTotal:  2048 kB\n") == 2048 * 1024
    assert report._memory_bytes("") == 0
