"""The page for every eye, hand and screen: names, contrasts, keyboard, dark mode, phones."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Open

pytestmark = pytest.mark.browser

TEXT = "one quite two\nthree quiet four"

AUDIT = (Path(__file__).parent / "audit.js").read_text("utf-8")


def audit(page: Page, check: str) -> list[str]:
    """What a function of audit.js finds wrong."""
    found: list[str] = page.evaluate(f"() => {{ {AUDIT}; return {check}(); }}")
    return found


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_can_be_read(visit: Open, dark: bool) -> None:
    seen = visit(dark=dark)
    assert audit(seen.page, "faintText") == []
    seen.write(TEXT)
    seen.word("#result", "TWO").hover()
    assert audit(seen.page, "faintText") == []
    seen.page.get_by_role("link", name="Summarize").click()
    assert audit(seen.page, "faintText") == []


def test_everything_has_a_name_and_a_place(visit: Open) -> None:
    seen = visit()
    seen.write(TEXT)
    assert audit(seen.page, "nameless") == []
    assert audit(seen.page, "brokenReferences") == []
    for landmark in ("banner", "main", "contentinfo"):
        expect(seen.page.get_by_role(landmark)).to_have_count(1)
    assert audit(seen.page, "skippedLevels") == []
    assert seen.page.locator("html").get_attribute("lang") == "en"
    seen.write("This is certainly written in English")
    expect(seen.page.locator("#source")).to_have_attribute("lang", "en")
    expect(seen.page.locator("#result")).to_have_attribute("lang", "de")


def test_the_keyboard_gets_everywhere_in_the_order_of_reading(visit: Open) -> None:
    seen = visit()
    seen.write(TEXT)
    order = [
        "source-language", "source", "clear", "target-language", "result", "copy", "shade",
    ]  # fmt: skip
    seen.page.locator("#source-language").focus()
    reached = [seen.page.evaluate("document.activeElement.id")]
    while reached[-1] != "shade" and len(reached) < 20:
        seen.page.keyboard.press("Tab")
        reached.append(seen.page.evaluate("document.activeElement.id"))
    assert [each for each in reached if each in order] == order
    # Where the eye goes without a style sheet, from top to bottom.
    places = seen.page.evaluate(
        "order => order.map(id => [...document.all].indexOf(document.getElementById(id)))", order
    )
    assert places == sorted(places)
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.matches('#alternatives button')")


def test_the_skip_link_leads_to_the_text_and_changes_nothing_else(visit: Open) -> None:
    page = visit("/#summarize").page
    page.get_by_role("link", name="Skip to the text").press("Enter")
    expect(page.locator("#source")).to_be_focused()
    expect(page.get_by_role("link", name="Summarize")).to_have_attribute("aria-current", "page")


def test_dark_mode_follows_the_system_until_it_is_chosen(visit: Open) -> None:
    page = visit(dark=True).page
    background = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(background)
    switch = page.get_by_role("button", name="Dark")
    expect(switch).to_have_attribute("aria-pressed", "true")

    page.emulate_media(color_scheme="light")
    light = page.evaluate(background)
    assert light != dark
    expect(switch).to_have_attribute("aria-pressed", "false")

    switch.click()
    assert page.evaluate(background) == dark
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate(background) == dark
    expect(switch).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("width", [320, 360])
def test_no_width_scrolls_sideways(visit: Open, width: int) -> None:
    seen = visit(width=width)
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert seen.page.evaluate(overflow) <= 0
    seen.write("one two three four five six seven eight nine ten eleven twelve\n" + "x" * 200)
    assert seen.page.evaluate(overflow) <= 0
    seen.word("#result", "TWO").tap()
    assert seen.lit("#mirror")["two"] == "partner"


def test_the_mirror_breaks_its_lines_as_the_textarea_does(visit: Open) -> None:
    seen = visit(width=700)
    seen.write("several words to fill some lines, " * 12 + "\n\n" + "unbreakable" * 20 + "\n")
    textarea = seen.page.locator("#source").evaluate("e => e.scrollHeight")
    assert seen.page.locator("#mirror").evaluate("e => e.offsetHeight") == textarea


def test_nothing_moves_for_those_who_asked_for_less_motion(visit: Open) -> None:
    page = visit(reduced_motion=True).page
    assert audit(page, "moving") == []
