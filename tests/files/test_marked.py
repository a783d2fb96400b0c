"""HTML files and books, read again by the standard library's parsers."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import RequestError
from service.files import open_document
from service.markup.tagged import plain_text
from tests.files.archives import parts, zipped
from tests.files.translating import LIMITS, translated, unchanged

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>The minutes</title><style>p { color: red }</style></head>
<body class=x>
<!-- nobody reads this -->
<h1>The minutes of May</h1>
<p>We saw <b>two cats</b> &amp; a <a href='?a=1&amp;b=2'>dog</a>.<br>They sat.
<ul><li>Buy milk<li>Buy bread</ul>
<table><tr><td>A cell<td>12 345</table>
<pre>keep  this</pre><script>if (a < b) alert("no")</script>
</body></html>
"""

XHTML = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>One</title></head>
<body><h1>Chapter one</h1><p>It was &#8220;late&#8221; &amp; <i>very</i> dark.<br/>So.</p>
<img src="a.png" alt="x"/></body></html>
"""
CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The book</dc:title></metadata>
<manifest>
<item id="a" href="pages/one%20page.xhtml" media-type="application/xhtml+xml"/>
<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/>
<item id="i" href="a.png" media-type="image/png"/>
<item id="m" href="missing.xhtml" media-type="application/xhtml+xml"/>
<item id="e" href="http://elsewhere/x.xhtml" media-type="application/xhtml+xml"/>
<item id="u" href="../../../etc/passwd" media-type="application/xhtml+xml"/>
</manifest></package>"""
NCX = """<?xml version="1.0"?><ncx><docTitle><text>The book</text></docTitle>
<navMap><navPoint><navLabel><text>Chapter one</text></navLabel></navPoint></navMap></ncx>"""
PAGE_NAME = "OEBPS/pages/one page.xhtml"
BOOK: dict[str, bytes] = {
    "mimetype": b"application/epub+zip",
    "META-INF/container.xml": CONTAINER.encode(),
    "OEBPS/book.opf": PACKAGE.encode(),
    PAGE_NAME: XHTML.encode(),
    "OEBPS/toc.ncx": NCX.encode(),
    "OEBPS/a.png": bytes(range(256)),
}


def texts(extension: str, data: bytes) -> list[str]:
    return [plain_text(each) for each in open_document(extension, data, LIMITS).passages]


class Seen(HTMLParser):
    """What the standard library finds in a page: tags, and texts in between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        self.found.append([data])


def shouted(found: list[object]) -> Iterator[object]:
    kept: list[str] = []
    for each in found:
        if isinstance(each, tuple) and each[0] in {"pre", "script", "style"}:
            kept.append(each[0])
        elif isinstance(each, str) and kept and each == kept[-1]:
            kept.pop()
        yield [each[0].upper()] if isinstance(each, list) and not kept else each


class TestHtml:
    """Pages."""

    def test_the_same_words_make_the_same_page(self) -> None:
        assert unchanged(".html", PAGE.encode()).decode() == PAGE

    def test_words_change_and_nothing_else(self) -> None:
        after = translated(".html", PAGE.encode()).decode()
        assert Seen(after).found == [*shouted(Seen(PAGE).found)]

    def test_what_is_translated_is_what_a_reader_reads(self) -> None:
        assert texts(".html", PAGE.encode()) == [
            "The minutes",
            "The minutes of May",
            "We saw two cats & a dog.",
            "They sat.",
            "Buy milk",
            "Buy bread",
            "A cell",
        ]

    @pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "Shift_JIS", "koi8-r"])
    def test_a_page_stays_in_the_encoding_that_it_says(self, charset: str) -> None:
        head, tail = f'<meta charset="{charset}"><p>'.encode(), "</p>"
        assert translated(".html", head + b"abc</p>") == head + b"ABC</p>"
        document = open_document(".html", head + b"abc</p>", LIMITS)
        assert document.written([("\U0001f600",)]) == head + f"&#128512;{tail}".encode()

    @pytest.mark.parametrize("charset", ["rot13", "punycode", "ascii", "x-none", "utf-8"])
    def test_an_encoding_that_is_wrong_is_said_so(self, charset: str) -> None:
        with pytest.raises(RequestError, match="UTF-8"):
            open_document(".html", f"<meta charset={charset}><p>".encode() + b"\xff", LIMITS)

    @given(st.lists(st.sampled_from([*re.findall(r"<[^>]*>|[^<]+", PAGE), "&lt;", "<", "a & b"])))
    def test_any_page_stays_to_the_byte(self, tokens: list[str]) -> None:
        page = "".join(tokens).encode()
        assert unchanged(".html", page) == page


class TestBook:
    """Archives of pages."""

    def test_the_same_words_make_the_same_book(self) -> None:
        assert parts(unchanged(".epub", zipped(BOOK))) == BOOK

    def test_words_change_and_nothing_else(self) -> None:
        after = parts(translated(".epub", zipped(BOOK)))
        assert [*after] == [*BOOK]
        assert {name for name in BOOK if after[name] != BOOK[name]} == {PAGE_NAME, "OEBPS/toc.ncx"}
        assert after["OEBPS/toc.ncx"].decode() == NCX.replace("Chapter one", "CHAPTER ONE")
        before_tree, tree = (ET.fromstring(each[PAGE_NAME]) for each in (BOOK, after))
        assert [each.tag for each in tree.iter()] == [each.tag for each in before_tree.iter()]
        assert [*tree.itertext()] == [text.upper() for text in before_tree.itertext()]

    def test_a_page_of_a_book_stays_xml(self) -> None:
        document = open_document(".epub", zipped(BOOK), LIMITS)
        after = parts(document.written([("a < b & <c> &lt;",)] * len(document.passages)))
        assert "a < b & <c> &lt;" in [*ET.fromstring(after[PAGE_NAME]).itertext()]

    def test_a_book_begins_with_its_type_unpacked(self) -> None:
        data = zipped(BOOK, method=0)
        assert unchanged(".epub", data)[30:58] == b"mimetypeapplication/epub+zip"

    def test_what_is_translated_is_what_a_reader_reads(self) -> None:
        assert texts(".epub", zipped(BOOK)) == [
            "One",
            "Chapter one",
            "It was “late” & very dark.",
            "So.",
            "Chapter one",
        ]

    def test_encrypted_fonts_are_nobodys_business_and_encrypted_pages_are(self) -> None:
        lock = '<encryption><EncryptedData><CipherReference URI="{}"/></EncryptedData></encryption>'
        name = "META-INF/encryption.xml"
        font = zipped(BOOK | {name: lock.format("OEBPS/a.png").encode()})
        assert texts(".epub", font) == texts(".epub", zipped(BOOK))
        page = zipped(BOOK | {name: lock.format("OEBPS/pages/one%20page.xhtml").encode()})
        with pytest.raises(RequestError, match="encrypted"):
            open_document(".epub", page, LIMITS)

    @pytest.mark.parametrize(
        ("changed", "why"),
        [
            ({"META-INF/container.xml": b"<container/>"}, "an archive without "),
            ({"META-INF/container.xml": b"<container>"}, "not well-formed"),
            ({"META-INF/container.xml": b"<!DOCTYPE a []><a/>"}, "DOCTYPE"),
            ({"OEBPS/book.opf": b"<package/>"}, "it lists no pages"),
            ({PAGE_NAME: b"\xff\xff"}, "not text in UTF-8"),
        ],
    )
    def test_what_is_no_book_is_said_so(self, changed: dict[str, bytes], why: str) -> None:
        with pytest.raises(RequestError, match=why):
            open_document(".epub", zipped(BOOK | changed), LIMITS)
