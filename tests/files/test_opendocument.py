"""OpenDocument texts, made and read again by odfdo."""

import io
import re
from typing import Any

import pytest
from odfdo import Document, Frame, Header, List, Paragraph, Style, Table

from service.errors import RequestError
from service.files import open_document
from service.markup.tagged import plain_text
from tests.files.archives import parts, zipped
from tests.files.translating import LIMITS, translated, unchanged

CONTENT = "content.xml"


@pytest.fixture(scope="module")
def written() -> bytes:
    """A document with a bit of everything."""
    document = Document("text")
    document.body.clear()
    document.meta.title = "The minutes"
    bold = Style("text", name="Strong", bold=True)
    document.insert_style(bold)
    body = document.body
    body.append(Header(1, "The minutes of May"))
    paragraph = Paragraph("We saw two cats and a dog there.")
    paragraph.set_span("Strong", regex="two cats")
    paragraph.set_link("http://a.b", regex="dog")
    body.append(paragraph)
    body.append(Paragraph("12 345,00"))
    body.append(Paragraph("First  line\nsecond line\tand a column"))
    body.append(List(["Buy milk", "Buy bread"]))
    table = Table("Prices", width=2, height=2)
    for row in range(2):
        for column in range(2):
            table.set_value((column, row), f"Cell of row {row} and column {column}")
    body.append(table)
    noted = Paragraph("A word with a note.")
    noted.insert_note(after="word", note_id="note1", citation="1", body="A note, at last.")
    body.append(noted)
    framed = Paragraph("Before a frame")
    framed.append(Frame.text_frame("In a frame", size=("5cm", "2cm")))
    body.append(framed)
    remark = Paragraph("A remark is not the text.")
    remark.insert_annotation(after="remark", body="Who says so?", creator="Tom")
    body.append(remark)
    return saved(document)


def saved(document: Document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def opened(data: bytes) -> Document:
    return Document(io.BytesIO(data))


def elements(document: Document, name: str) -> list[Any]:
    """As what they are: each kind has properties of its own."""
    return list(document.body.get_elements(f"//{name}"))


def visible(document: Document) -> str:
    return str(document.get_formatted_text())


def test_the_same_words_make_the_same_document(written: bytes) -> None:
    before, after = opened(written), opened(unchanged(".odt", written))
    assert visible(after) == visible(before)
    assert after.body.serialize() == before.body.serialize()


def test_words_change_and_nothing_else(written: bytes) -> None:
    after = translated(".odt", written)
    document = opened(after)
    assert document.meta.title == "The minutes"
    [spanned] = document.body.get_spans()
    assert (spanned.style, spanned.text) == ("Strong", "TWO CATS")
    [link] = elements(document, "text:a")
    assert (link.url, str(link.text)) == ("http://a.b", "DOG")
    [note] = elements(document, "text:note")
    assert (note.note_id, note.citation, note.note_body) == ("note1", "1", "A NOTE, AT LAST.")
    [remark] = elements(document, "office:annotation")
    assert (remark.creator, remark.note_body) == ("Tom", "Who says so?")
    [table] = elements(document, "table:table")
    assert table.get_values() == [
        [f"CELL OF ROW {row} AND COLUMN {column}" for column in range(2)] for row in range(2)
    ]
    changed = {name for name, content in parts(written).items() if parts(after)[name] != content}
    assert changed == {CONTENT}
    assert [*parts(after)] == [*parts(written)]


def test_what_is_translated_is_what_a_reader_reads(written: bytes) -> None:
    passages = [plain_text(each) for each in open_document(".odt", written, LIMITS).passages]
    assert passages == [
        "The minutes of May",
        "We saw two cats and a dog there.",
        "First line\nsecond line\nand a column",
        "Buy milk",
        "Buy bread",
        *(f"Cell of row {row} and column {column}" for row in range(2) for column in range(2)),
        "A word with a note.",
        "A note, at last.",
        "Before a frame",
        "In a frame",
        "A remark is not the text.",
    ]


def test_headers_and_footers_are_text_and_styles_are_not(written: bytes) -> None:
    styles = "styles.xml"
    before = parts(written)[styles]
    header = b'<style:header><text:p text:style-name="Header">A secret</text:p></style:header>'
    page = re.search(rb"<style:master-page [^>]*?(/?)>", before)
    assert page
    opening = page[0].removesuffix(b"/>").removesuffix(b">") + b">" + header
    given = before.replace(page[0], opening + (b"</style:master-page>" if page[1] else b""), 1)
    after = parts(translated(".odt", zipped(parts(written) | {styles: given})))[styles]
    assert b">A SECRET</text:p>" in after
    assert after.upper().count(b"<") == given.upper().count(b"<")


def test_what_is_no_opendocument_text_is_said_so(written: bytes) -> None:
    contents = parts(written)

    def other(**changed: bytes) -> bytes:
        return zipped(contents | {name.replace("_", "."): data for name, data in changed.items()})

    manifest = {"META-INF/manifest.xml": b"<a><encryption-data/></a>"}
    for data, why in [
        (b"PK", "zip archive"),
        (zipped({"a": b""}), "without mimetype"),
        (other(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "mimetype is another"),
        (zipped({"mimetype": contents["mimetype"]}), "without content.xml"),
        (zipped(contents | manifest), "password"),
        (other(content_xml=b"<office"), "not well-formed"),
        (other(content_xml=b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'), "DOCTYPE"),
    ]:
        with pytest.raises(RequestError, match=re.escape(why)):
            open_document(".odt", data, LIMITS)
