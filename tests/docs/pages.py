"""The Markdown pages of the repository, and what stands in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        page: Where it stands.
        language: What its fence says; "" for nothing.
        text: What is inside.
    """

    page: Path
    language: str
    text: str


def pages() -> list[Path]:
    """Every page that is written by hand, and the model cards."""
    own = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*own, *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("models/*/*.md"))]


def blocks(language: str) -> Iterator[Block]:
    """All fenced blocks of one language."""
    for page in pages():
        for match in _FENCE.finditer(page.read_text("utf-8")):
            if match[1] == language:
                yield Block(page, language, match[2])


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def code_words(page: Path) -> set[str]:
    """Everything that is set as code within a line of a page."""
    return set(_CODE.findall(prose(page)))


def explained(page: Path) -> set[str]:
    """What tables of a page explain: the code in the first cell of each row."""
    cells = re.findall(r"^\| (.*?) \|", prose(page), re.MULTILINE)
    return {word for cell in cells for word in _CODE.findall(cell)}


def anchors(page: Path) -> set[str]:
    """The fragments that headings of a page can be linked by, as GitHub makes them."""
    headings = _HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(page: Path, heading: str) -> str:
    """What stands below `heading` up to the next one of its level or above."""
    level = heading.split(maxsplit=1)[0]
    lines = page.read_text("utf-8").splitlines()
    start = lines.index(heading)
    ends = (
        number
        for number, line in enumerate(lines[start + 1 :], start + 1)
        if re.match(rf"#{{1,{len(level)}}} ", line)
    )
    return "\n".join(lines[start + 1 : next(ends, len(lines))])
