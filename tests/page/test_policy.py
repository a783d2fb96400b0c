"""Pages work under the policy that they are sent with, and a page that breaks it does not."""

import pytest
from playwright.sync_api import Browser, expect

from tests.api.serving import ServerInThread

pytestmark = pytest.mark.browser


def complaints(browser: Browser, url: str, selector: str) -> list[str]:
    """What the browser says of a page that shows `selector` in the end."""
    said: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    expect(page.locator(selector).first).to_be_visible()
    page.close()
    return said


def test_no_page_asks_for_more_than_it_may(browser: Browser, server: ServerInThread) -> None:
    assert complaints(browser, f"{server.url}/", "textarea") == []
    assert complaints(browser, f"{server.url}/docs", ".opblock") == []


def test_the_browser_does_what_the_policy_says(browser: Browser, server: ServerInThread) -> None:
    page = browser.new_page()
    page.goto(f"{server.url}/")
    page.evaluate(
        """() => {
            window.attacked = false;
            const script = document.createElement("script");
            script.textContent = "window.attacked = true";
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.attacked") is False
    page.close()
