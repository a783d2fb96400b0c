"""The example of docs/streaming.md for browsers, run in one."""

import pytest

from tests.docs.pages import ROOT, blocks
from tests.page.conftest import Open

pytestmark = pytest.mark.browser

PAGE = ROOT / "docs" / "streaming.md"


def test_a_browser_shows_what_is_streamed_and_then_what_counts(visit: Open) -> None:
    [example] = [block.text for block in blocks("javascript") if block.page == PAGE]
    around = """(text) => new Promise((resolve, complain) => {
        let shown = "";
        const show = (delta) => { shown += delta; };
        const replace = (whole) => resolve([shown, whole]);
        EXAMPLE
    })"""
    asked = around.replace("EXAMPLE", example)
    shown, whole = visit().page.evaluate(asked, "one two three")
    assert shown == whole == "THREE TWO ONE"
