"""Photograph the page for the documentation: `make screenshots`.

The shipped models answer, and Chromium draws; see tests/page/chromium.py for which.
"""

import base64
from pathlib import Path

from playwright.sync_api import Browser, Page

from service.loading import load_catalogue
from service.settings import Settings
from tests.api.serving import serving
from tests.page.chromium import headless_chromium

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
TEXT = (
    "I have lost my keys. Can you help me look for them? "
    "The committee postponed its verdict until Thursday."
)


def main() -> None:
    """Write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    settings = Settings(port=0, models_dir=ROOT / "models")
    with serving(settings, load_catalogue) as server, headless_chromium() as browser:
        _photograph(browser, server.url, "page", width=1280)
        _photograph(browser, server.url, "page-dark", width=1280, dark=True)
        _photograph(browser, server.url, "page-phone", width=390)


def _photograph(browser: Browser, url: str, name: str, *, width: int, dark: bool = False) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 1180}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.goto(url)
    page.fill("#source", "Hello")  # the first answer waits for what later ones find ready
    page.wait_for_selector("#result [data-word]")
    page.fill("#source", TEXT)
    page.wait_for_selector("#result:not(.stale) [data-word='2 0']")
    page.locator("#result [data-word='0 3']").hover()
    (PICTURES / f"{name}.webp").write_bytes(_webp(page))
    context.close()


def _webp(page: Page) -> bytes:
    """The part in view; Playwright itself writes PNG, three times as large."""
    devtools = page.context.new_cdp_session(page)
    answer = devtools.send("Page.captureScreenshot", {"format": "webp", "quality": 80})
    return base64.b64decode(answer["data"])


if __name__ == "__main__":
    main()
