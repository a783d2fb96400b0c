"""A headless Chromium, where there is one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def headless_chromium() -> Iterator[Browser]:
    """The system's Chromium, else the one that Playwright has fetched.

    Playwright keeps an event loop running in this thread until the end, so nothing else in
    it may run one.
    """
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, _NAMES)), None)
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip(
                "there is no Chromium: apt-get install chromium, or python -m playwright "
                "install chromium"
            )
        browser = playwright.chromium.launch(executable_path=found)
        try:
            yield browser
        finally:
            browser.close()
