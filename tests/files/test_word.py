"""Word documents, made and read again by python-docx."""

import io
import re
from collections.abc import Iterator

import docx
import pytest
from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml import etree

from service.errors import RequestError, TooLarge
from service.files import FileLimits, open_document
from service.markup.tagged import plain_text
from tests.files.archives import parts, zipped
from tests.files.translating import LIMITS, translated, unchanged

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@pytest.fixture(scope="module")
def written() -> bytes:
    """A document with a bit of everything."""
    document = docx.Document()
    document.core_properties.title = "The minutes"
    document.core_properties.author = "Mary"
    document.add_heading("The minutes of May", level=1)
    paragraph = document.add_paragraph("We saw ")
    paragraph.add_run("two cats").bold = True
    paragraph.add_run(" and a ")
    dog = paragraph.add_run("dog")
    dog.italic = True
    dog.font.size = Pt(20)
    paragraph.add_run(" there.")
    document.add_paragraph("Buy milk", style="List Bullet")
    document.add_paragraph("Buy bread", style="List Number")
    document.add_paragraph("12 345,00")
    lines = document.add_paragraph("First line")
    lines.add_run().add_break()
    lines.add_run("second line\tand a column")
    table = document.add_table(rows=2, cols=2)
    table.style = "Light Grid Accent 1"
    for row in range(2):
        for column in range(2):
            table.cell(row, column).text = f"Cell of row {row} and column {column}"
    section = document.sections[0]
    section.header.paragraphs[0].text = "A secret letter"
    section.footer.paragraphs[0].text = "Page of the letter"
    return saved(document)


def saved(document: Document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def opened(data: bytes) -> Document:
    return docx.Document(io.BytesIO(data))


def paragraphs(document: Document) -> Iterator[Paragraph]:
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            for row in block.rows:
                for cell in row.cells:
                    yield from cell.paragraphs
        else:
            yield block
    yield from document.sections[0].header.paragraphs
    yield from document.sections[0].footer.paragraphs


def seen(document: Document) -> list[tuple[str, list[tuple[object, ...]]]]:
    """What a reader sees, run by run, and how it is formatted."""
    return [
        (paragraph.style.name if paragraph.style else "", formatted(paragraph))
        for paragraph in paragraphs(document)
    ]


def formatted(paragraph: Paragraph) -> list[tuple[object, ...]]:
    """Neighbouring runs of one look are one."""
    looks: list[tuple[object, ...]] = []
    for run in paragraph.runs:
        look = run.bold, run.italic, run.font.size, run.font.color.theme_color
        if looks and looks[-1][1:] == look:
            looks[-1] = (str(looks[-1][0]) + run.text, *look)
        elif run.text:
            looks.append((run.text, *look))
    return looks


def test_the_same_words_make_the_same_document(written: bytes) -> None:
    assert seen(opened(unchanged(".docx", written))) == seen(opened(written))


def test_words_change_and_nothing_else(written: bytes) -> None:
    before, after = opened(written), opened(translated(".docx", written))
    shouted = [
        (style, [(str(text).upper(), *look) for text, *look in runs])
        for style, runs in seen(before)
    ]
    assert seen(after) == shouted
    assert after.core_properties.title == "The minutes"
    assert after.core_properties.author == "Mary"
    changed = {"word/document.xml", "word/header1.xml", "word/footer1.xml"}
    same = parts(translated(".docx", written))
    assert {name for name, content in parts(written).items() if same[name] != content} == changed
    assert [*same] == [*parts(written)]


def test_what_is_translated_is_what_a_reader_reads(written: bytes) -> None:
    passages = [plain_text(each) for each in open_document(".docx", written, LIMITS).passages]
    assert passages == [
        "The minutes of May",
        "We saw two cats and a dog there.",
        "Buy milk",
        "Buy bread",
        "First line\nsecond line\nand a column",
        *(f"Cell of row {row} and column {column}" for row in range(2) for column in range(2)),
        "A secret letter",
        "Page of the letter",
    ]


def document_of(*paragraphs: str) -> bytes:
    """A document of paragraphs in XML whose names are all WordprocessingML's."""
    document = docx.Document()
    for xml in paragraphs:
        prefixed = re.sub(r"(</?)(\w)", r"\1w:\2", re.sub(r" (\w+=\")", r" w:\1", xml))
        element = parse_xml(f"<w:p {nsdecls('w')}>{prefixed}</w:p>")
        document.element.body.insert_element_before(element, "w:sectPr")
    return saved(document)


def content_of(data: bytes) -> list[str]:
    """The paragraphs of a document as `document_of` takes them."""
    root = etree.fromstring(parts(data)["word/document.xml"])
    body = next(root.iter(f"{{{W}}}body"))
    return [
        re.sub(r' xmlns:\w+="[^"]*"| xml:space="preserve"|\bw:', "", inner)
        for paragraph in body.iterchildren(f"{{{W}}}p")
        for inner in ["".join(etree.tostring(child, encoding="unicode") for child in paragraph)]
    ]


def text_run(text: str, properties: str = "") -> str:
    look = f"<rPr>{properties}</rPr>" if properties else ""
    return f"<r>{look}<t>{text}</t></r>"


BOLD = "<b/>"


def field(instruction: str, result: str) -> str:
    begin, separate, end = (
        f'<r><fldChar fldCharType="{kind}"/></r>' for kind in ("begin", "separate", "end")
    )
    return f"{begin}<r><instrText>{instruction}</instrText></r>{separate}{result}{end}"


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        pytest.param(
            text_run("To") + text_run("gether"), text_run("TOGETHER"), id="runs of one look"
        ),
        pytest.param(
            text_run("A", '<lang val="en-US"/>') + '<proofErr type="spellStart"/>' + text_run("b"),
            text_run("AB", '<lang val="en-US"/>'),
            id="what spelling and hyphenation left",
        ),
        pytest.param(
            '<hyperlink anchor="x">'
            + text_run("Click")
            + text_run("me", BOLD)
            + "</hyperlink>"
            + text_run("now, it is late"),
            '<hyperlink anchor="x">'
            + text_run("CLICK")
            + text_run("ME", BOLD)
            + "</hyperlink>"
            + text_run("NOW, IT IS LATE"),
            id="a link",
        ),
        pytest.param(
            text_run("See") + field(' HYPERLINK "http://a.b" ', text_run("this", BOLD)),
            text_run("SEE") + field(' HYPERLINK "http://a.b" ', text_run("THIS", BOLD)),
            id="a link that is a field",
        ),
        pytest.param(
            text_run("Page") + field(" PAGE ", text_run("iv")),
            text_run("PAGE") + field(" PAGE ", text_run("iv")),
            id="a field",
        ),
        pytest.param(
            '<fldSimple instr=" AUTHOR ">' + text_run("Mary") + "</fldSimple>" + text_run("says"),
            '<fldSimple instr=" AUTHOR ">' + text_run("Mary") + "</fldSimple>" + text_run("SAYS"),
            id="a simple field",
        ),
        pytest.param(
            '<r><fldChar fldCharType="begin"/></r><r><instrText>TOC</instrText></r>'
            '<r><fldChar fldCharType="separate"/></r>' + text_run("Contents"),
            '<r><fldChar fldCharType="begin"/></r><r><instrText>TOC</instrText></r>'
            '<r><fldChar fldCharType="separate"/></r>' + text_run("CONTENTS"),
            id="a field that ends in another paragraph",
        ),
        pytest.param(
            text_run("new") + '<del id="1"><r><delText>old</delText></r></del>'
            '<ins id="2">' + text_run("er") + "</ins>",
            text_run("NEW") + '<del id="1"><r><delText>old</delText></r></del>'
            '<ins id="2">' + text_run("ER") + "</ins>",
            id="tracked changes",
        ),
        pytest.param(
            '<bookmarkStart id="0"/>'
            + text_run("word")
            + '<bookmarkEnd id="0"/><r><rPr><b/></rPr><footnoteReference id="2"/></r>'
            + text_run("more"),
            '<bookmarkStart id="0"/>'
            + text_run("WORD")
            + '<bookmarkEnd id="0"/><r><rPr><b/></rPr><footnoteReference id="2"/></r>'
            + text_run("MORE"),
            id="things between words",
        ),
        pytest.param(
            '<sdt><sdtPr><alias val="x"/></sdtPr><sdtContent>'
            + text_run("choose")
            + "</sdtContent></sdt>"
            + text_run("one of these"),
            '<sdt><sdtPr><alias val="x"/></sdtPr><sdtContent>'
            + text_run("CHOOSE")
            + "</sdtContent></sdt>"
            + text_run("ONE OF THESE"),
            id="a content control",
        ),
        pytest.param(
            '<r><t>a</t><tab/><t>b</t><noBreakHyphen/><t>c</t><br type="page"/></r>',
            '<r><t>A</t></r><r><tab/></r><r><t>B‑C</t></r><r><br type="page"/></r>',
            id="breaks",
        ),
        pytest.param(
            '<r><t>12</t><tab/><t>34</t></r><proofErr type="spellEnd"/>',
            '<r><t>12</t><tab/><t>34</t></r><proofErr type="spellEnd"/>',
            id="no words",
        ),
        pytest.param(
            "<r><pict><txbxContent><p>"
            + text_run("in a box")
            + "</p></txbxContent></pict></r>"
            + text_run("outside"),
            "<r><pict><txbxContent><p>"
            + text_run("IN A BOX")
            + "</p></txbxContent></pict></r>"
            + text_run("OUTSIDE"),
            id="a text box",
        ),
        pytest.param(
            "<r><pict><txbxContent><p>" + text_run("in a box") + "</p></txbxContent></pict></r>",
            "<r><pict><txbxContent><p>" + text_run("IN A BOX") + "</p></txbxContent></pict></r>",
            id="nothing but a text box",
        ),
    ],
)
def test_what_stands_in_a_paragraph(paragraph: str, expected: str) -> None:
    data = document_of('<pPr><jc val="center"/></pPr>' + paragraph)
    assert content_of(data) == ['<pPr><jc val="center"/></pPr>' + paragraph]  # the test's own way
    assert content_of(translated(".docx", data)) == ['<pPr><jc val="center"/></pPr>' + expected]


def test_depth_and_length_are_no_harm() -> None:
    deep = "".join(f"<{name}>" for name in ["hyperlink", "ins"] * 100)
    ends = "".join(f"</{name}>" for name in ["ins", "hyperlink"] * 100)
    [content] = content_of(
        translated(".docx", document_of(text_run("a") + deep + text_run("b") + ends))
    )
    assert "<t>A</t>" in content
    assert "<t>b</t>" in content  # left as it is
    begin = '<r><fldChar fldCharType="begin"/></r>'
    [content] = content_of(translated(".docx", document_of(text_run("a") + begin * 5_000)))
    assert content.count(begin) == 5_000


def test_a_translation_that_lost_a_break_loses_none() -> None:
    data = document_of("<r><t>one</t><br/><t>two</t></r>")
    document = open_document(".docx", data, LIMITS)
    assert content_of(document.written([("eins zwei",)])) == ["<r><t>eins zwei</t></r><r><br/></r>"]


def test_notes_are_translated_and_comments_are_not(written: bytes) -> None:
    notes = f'<w:footnotes xmlns:w="{W}"><w:footnote><w:p>{{}}</w:p></w:footnote></w:footnotes>'
    note = notes.format("<w:r><w:footnoteRef/></w:r><w:r><w:t>A note</w:t></w:r>").encode()
    comment = f'<w:comments xmlns:w="{W}"><w:p><w:r><w:t>No</w:t></w:r></w:p></w:comments>'.encode()
    data = with_part(with_part(written, "footnotes", note), "comments", comment)

    after = parts(translated(".docx", data))

    assert after["word/footnotes.xml"].endswith(
        b'<w:t xml:space="preserve">A NOTE</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    assert after["word/comments.xml"] == comment


def with_part(data: bytes, kind: str, content: bytes) -> bytes:
    """A document with one part more."""
    override = (
        f'<Override PartName="/word/{kind}.xml" ContentType="application/vnd.openxmlformats-'
        f'officedocument.wordprocessingml.{kind}+xml"/></Types>'
    )
    everything = parts(data) | {f"word/{kind}.xml": content}
    types = "[Content_Types].xml"
    everything[types] = everything[types].replace(b"</Types>", override.encode())
    return zipped(everything)


def test_what_is_no_word_document_is_said_so(written: bytes) -> None:
    contents = parts(written)
    main = contents.pop("word/document.xml")
    bomb = b'<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + main.split(b"?>", 1)[1]
    for data, why in [
        (b"", "zip archive"),
        (b"Hello", "zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "password"),
        (zipped({"a": b"b"}), "without [Content_Types].xml"),
        (zipped({"[Content_Types].xml": b"<Types/>"}), "no main document"),
        (zipped(contents), "without word/document.xml"),
        (zipped(contents | {"word/document.xml": b"<w:document>"}), "not well-formed"),
        (zipped(contents | {"word/document.xml": bomb}), "DOCTYPE"),
        (
            zipped(contents | {"word/document.xml": bomb.decode().encode("utf-16")}),
            "DOCTYPE",
        ),
    ]:
        with pytest.raises(RequestError, match=re.escape(why)):
            open_document(".docx", data, LIMITS)


def test_what_unpacks_to_too_much_is_not_unpacked(written: bytes) -> None:
    with pytest.raises(TooLarge, match="the limit is 20000"):
        open_document(".docx", written, FileLimits(max_unpacked_bytes=20_000, max_characters=100))
