"""Pages lead where they say, name what exists, and leave out whose machine they were written on."""

import re
from pathlib import Path

import pytest

from model_export.__main__ import STEPS
from service.settings import PREFIX, Settings, variable
from tests.docs.pages import ROOT, anchors, code_words, pages, prose

PAGES = [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages()]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("0*.md"))

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_STEP = re.compile(r"-m model_export ([a-z]+)\b")
_PLACE = re.compile(r"(?:service|model_export|tests|docker|docs|constraints|benchmarks)/[\w./-]*")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, fragment = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{link} leads nowhere"
        if fragment:
            assert fragment in anchors(target), f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = _TARGET.findall((ROOT / "Makefile").read_text("utf-8"))
    for target in re.findall(r"^\$ (?:[A-Z0-9_]+=\S+ )*make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets
    for step in _STEP.findall(text):
        assert step in (*STEPS, "all", "average", "ensemble", "spread")


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: Path) -> None:
    for word in code_words(page):
        if _PLACE.fullmatch(word):
            assert (ROOT / word).exists() or (page.parent / word).exists(), word


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_are_named_exist(page: Path) -> None:
    known = {variable(name) for name in Settings.model_fields}
    for name in re.findall(rf"\b{PREFIX}[A-Z_]+\b", page.read_text("utf-8")):
        assert name in known


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_place_on_somebodys_machine(page: Path) -> None:
    # /tmp and absolute paths inside images are everybody's.
    assert not re.search(r"(?<![\w.}])/(?:home|root|Users|work|mnt|opt)/", page.read_text("utf-8"))


@pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in DECISIONS])
def test_a_decision_says_why_what_at_which_price_and_what_was_measured(page: Path) -> None:
    text = page.read_text("utf-8")
    wanted = ["## Context", "## Decision", "## Consequences", "## What was measured"]
    assert re.findall(r"^## .+$", text, re.MULTILINE) == wanted
    assert text.startswith(f"# {int(page.stem[:4])}. "), "the title has the page's number"
    for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
        assert part.strip(), "a heading with nothing below it"


def test_every_decision_is_listed() -> None:
    listed = _LINK.findall((ROOT / "docs" / "adr" / "README.md").read_text("utf-8"))
    assert listed == [page.name for page in DECISIONS]
