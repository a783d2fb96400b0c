"""The page in a browser, served over a real socket by models that do what a test tells them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from service.settings import Settings
from tests.api.fakes import (
    SUMMARIZER,
    TRANSLATOR,
    FakeModels,
    FakePipeline,
    first_words,
    served,
)
from tests.api.serving import ServerInThread, serving
from tests.page.chromium import headless_chromium
from tests.page.translator import backwards

PATIENCE_MS = 30_000  # for what happens at once unless it never does

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with headless_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def models() -> FakeModels:
    both_ways = TRANSLATOR.model_copy(
        update={"directions": (*served("en", "de"), *served("de", "en"))}
    )
    return FakeModels(
        translator=FakePipeline(backwards),
        summarizer=FakePipeline(first_words),
        manifests=(both_ways, SUMMARIZER),
    )


@pytest.fixture(scope="module")
def server(models: FakeModels) -> Iterator[ServerInThread]:
    with serving(Settings(port=0, models_dir=Path("nowhere")), models) as server:
        yield server


@dataclass
class Visit:
    """The page, open and ready, and what went wrong on it.

    Attributes:
        page: Playwright's.
        complaints: Errors and warnings of the console, and uncaught exceptions.
        asked: Every address that was requested.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        """Put a text in and wait for its answer."""
        self.page.fill("#source", text)
        self.page.wait_for_selector("#result:not(.stale):not([aria-busy]) [data-word]")

    def lit(self, box: str) -> dict[str, str | None]:
        """The words that are lit up in `box`, and how."""
        words = self.page.locator(f"{box} [data-lit]").all()
        return {word.text_content() or "": word.get_attribute("data-lit") for word in words}

    def word(self, box: str, text: str) -> Locator:
        """The place of a word."""
        return self.page.locator(f"{box} [data-word]", has_text=text).first


@pytest.fixture(scope="module")
def only_visit(browser: Browser, server: ServerInThread) -> Iterator[Visit]:
    """One page for a whole module, because to open one takes longer than most tests."""
    context = browser.new_context(has_touch=True)
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(context.new_page())
    page = visit.page
    page.on("console", lambda message: _note(visit, message.type, message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("request", lambda request: visit.asked.append(request.url))
    yield visit
    context.close()


class Open(Protocol):
    """Opens the page as somebody who has never been there."""

    def __call__(
        self,
        path: str = "/",
        *,
        width: int = 1280,
        dark: bool = False,
        reduced_motion: bool = False,
    ) -> Visit: ...


@pytest.fixture
def visit(only_visit: Visit, server: ServerInThread) -> Iterator[Open]:
    """At the end, what the page has complained of fails the test, unless it was taken out."""
    page = only_visit.page

    def opened(
        path: str = "/", *, width: int = 1280, dark: bool = False, reduced_motion: bool = False
    ) -> Visit:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if reduced_motion else "no-preference",
        )
        page.goto("about:blank")  # an address that differs in its fragment alone loads nothing
        page.goto(server.url + path)
        page.wait_for_selector("html[data-ready]")
        return only_visit

    yield opened
    page.evaluate("localStorage.clear(), sessionStorage.clear()")
    complaints, asked = [*only_visit.complaints], [*only_visit.asked]
    only_visit.complaints.clear()
    only_visit.asked.clear()
    assert complaints == []
    assert [url for url in asked if not url.startswith((server.url, "about:blank"))] == []


def _note(visit: Visit, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        visit.complaints.append(text)
