"""What the peers are made of is pinned, and left to whoever installs it to find."""

import re
from pathlib import Path

import pytest

from benchmarks.report import REPOSITORY

PEERS = REPOSITORY / "benchmarks" / "peers"
FILES = sorted(PEERS.glob("requirements*.txt"))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in FILES])
def test_pins_are_exact_and_name_no_index(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) > 1
    for line in lines:
        assert re.fullmatch(r"#.*|[a-z0-9.-]+==[0-9][0-9a-z.]*", line), line


def test_everybody_computes_with_the_same_pytorch() -> None:
    pins = [*FILES, REPOSITORY / "constraints" / "dev.txt"]
    found = {
        path.name: re.findall(r"^torch==(.+)$", path.read_text("utf-8"), re.MULTILINE)
        for path in pins
    }
    assert len(found) == 3
    assert len({tuple(versions) for versions in found.values()}) == 1, found
