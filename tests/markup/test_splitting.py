"""Which elements end a paragraph, when a request names them."""

import pytest

from service.markup.document import Markup
from service.markup.reading import read

BROKEN = "<par>The firm said it had been </par><par> conducting an investigation.</par>"
DOCUMENT = "<doc><title>A title</title><content><par>One. Two.</par> more</content></doc>"


@pytest.mark.parametrize(
    ("text", "markup", "paragraphs"),
    [
        (BROKEN, Markup("xml"), ["The firm said it had been", "conducting an investigation."]),
        (
            BROKEN,
            Markup("xml", non_splitting_tags=frozenset(["par"])),
            ["The firm said it had been  conducting an investigation."],
        ),
        (DOCUMENT, Markup("xml"), ["A title", "One. Two. more"]),
        (
            DOCUMENT,
            Markup("xml", splitting_tags=frozenset(["par"])),
            ["A title", "One. Two.", "more"],
        ),
        (
            DOCUMENT,
            Markup("xml", splitting_tags=frozenset(["title"]), has_outline=False),
            ["A title", "One. Two. more"],
        ),
        (DOCUMENT, Markup("xml", has_outline=False), ["A titleOne. Two. more"]),
        (
            "<p>One <b>bold</b></p> <p>Two</p>",
            Markup("html", frozenset(), frozenset(["b"]), frozenset(["p"])),
            ["One", "bold", "Two"],
        ),
    ],
)
def test_paragraphs(text: str, markup: Markup, paragraphs: list[str]) -> None:
    document = read(text, markup)
    assert [block.text for block in document.blocks] == paragraphs
    assert document.with_blocks([block.source for block in document.blocks]) == text
