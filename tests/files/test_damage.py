"""Whatever is sent: a document, or an error that says what was expected."""

import zipfile
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from service.errors import RequestError, TooLarge
from service.files import EXTENSIONS, FileLimits, document, extension_of, open_document
from service.files.archive import read_archive
from service.files.document import Passage
from service.markup.placing import place_tags
from service.markup.tagged import plain_text
from service.text.alignment import AlignedWord, SourceWord, words
from tests.files.archives import parts, zipped
from tests.files.test_marked import BOOK, PAGE
from tests.files.test_text import CUES
from tests.files.test_word import W, document_of, text_run
from tests.files.translating import LIMITS, translated, unchanged

ODF = "urn:oasis:names:tc:opendocument:xmlns"
ODT_TYPE = b"application/vnd.oasis.opendocument.text"


def opendocument_of(body: bytes) -> bytes:
    content = (
        f'<office:document-content xmlns:office="{ODF}:office:1.0" xmlns:text="{ODF}:text:1.0">'
        "<office:body><office:text>"
    ).encode() + body
    end = b"</office:text></office:body></office:document-content>"
    return zipped({"mimetype": ODT_TYPE, "content.xml": content + end})


# Each makes an archive, or two.
FEWER = settings(max_examples=50)
SAMPLES = {
    ".txt": b"Hello.\n",
    ".html": PAGE.encode(),
    ".srt": CUES.encode(),
    ".docx": document_of(text_run("Hello")),
    ".odt": opendocument_of(b"<text:p>Hello</text:p>"),
    ".epub": zipped(BOOK),
}


def test_there_is_a_sample_of_each() -> None:
    assert set(SAMPLES) == set(EXTENSIONS)
    assert all(translated(extension, data) != data for extension, data in SAMPLES.items())


@pytest.mark.parametrize("extension", EXTENSIONS)
@given(data=st.data())
def test_damage_is_said_or_kept(extension: str, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[extension])
    places = st.integers(0, len(content))
    for _ in range(data.draw(st.integers(1, 4))):
        start, end = sorted((data.draw(places), data.draw(places)))
        content[start : data.draw(st.sampled_from([start, start + 1, end]))] = data.draw(
            st.binary(max_size=4)
        )
    with suppress(RequestError, TooLarge):
        translated(extension, bytes(content))


@pytest.mark.parametrize("extension", EXTENSIONS)
@given(other=st.sampled_from(EXTENSIONS))
def test_a_document_under_another_name_is_said_or_kept(extension: str, other: str) -> None:
    with suppress(RequestError):
        unchanged(extension, SAMPLES[other])


@pytest.mark.parametrize("name", ["a", "a.pdf", "docx", ".docx", "", "a.docx.exe", "a/b.docx/c"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(RequestError, match=r"\.txt, \.html, \.srt, \.docx, \.odt, \.epub"):
        extension_of(name)


def test_case_and_folders_of_a_name_are_nothing() -> None:
    assert extension_of("C:\\Users\\Mary\\A.B.DOCX") == ".docx"


class TestArchives:
    """What zip archives can do to those who open them."""

    def test_a_bomb_is_not_unpacked(self) -> None:
        bomb = zipped({"a": bytes(1_000_000)})
        assert len(bomb) < 2_000
        with pytest.raises(TooLarge, match="unpacks to 1000000 bytes; the limit is 999999"):
            read_archive(bomb, "a bomb", 999_999)

    def test_a_bomb_that_lies_about_its_size_is_damaged(self) -> None:
        bomb = zipped({"a": bytes(1_000_000)})
        liar = bomb.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
        with pytest.raises(RequestError, match="is damaged"):
            read_archive(liar, "a bomb", 999_999)

    def test_entries_are_counted_before_they_are_listed(self) -> None:
        many = zipped({str(number): b"" for number in range(10_001)}, zipfile.ZIP_STORED)
        with pytest.raises(TooLarge, match="10001 entries; the limit is 10000"):
            read_archive(many, "an archive", 10)

    def test_other_ways_to_pack_are_refused(self) -> None:
        with pytest.raises(RequestError, match="another method than deflate"):
            read_archive(zipped({"a": b"a" * 99}, zipfile.ZIP_LZMA), "an archive", 1000)

    def test_an_archive_with_a_password_says_so(self) -> None:
        locked = bytearray(zipped({"a": b"a"}))
        locked[locked.index(b"PK\x01\x02") + 8] |= 1
        with pytest.raises(RequestError, match="protected by a password"):
            read_archive(bytes(locked), "an archive", 1000)

    def test_two_entries_of_one_name_are_refused(self) -> None:
        twice = zipped({"a": b"1", "b": b"2"}).replace(b"b", b"a")
        with pytest.raises(RequestError, match="two entries have the same name"):
            read_archive(twice, "an archive", 1000)

    def test_names_are_no_paths(self) -> None:
        escaping = zipped(BOOK | {"../../../tmp/evil": b"x", "/etc/evil": b"y"})
        assert parts(unchanged(".epub", escaping))["/etc/evil"] == b"y"


class TestLimits:
    """What ends the reading of a document early."""

    @pytest.mark.parametrize("extension", EXTENSIONS)
    def test_characters(self, extension: str) -> None:
        data = SAMPLES[extension]
        texts = map(plain_text, open_document(extension, data, LIMITS).passages)
        exactly = FileLimits(10_000_000, sum(map(len, texts)))
        open_document(extension, data, exactly)
        with pytest.raises(TooLarge, match="characters of text or more; the limit is"):
            open_document(extension, data, replace(exactly, max_characters=1))

    @pytest.mark.parametrize(
        ("extension", "data"),
        [
            (".docx", document_of(*["<r/>"] * 2)),
            (".odt", opendocument_of(b"<text:p/>" * 3)),
            (".txt", b"a\n" * 3),
        ],
    )
    def test_paragraphs(self, extension: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(document, "_MAX_PARAGRAPHS", 1)
        with pytest.raises(TooLarge, match="more than 1 paragraphs, which is the limit"):
            open_document(extension, data, LIMITS)

    @pytest.mark.parametrize("extension", sorted({*EXTENSIONS} - {".txt"}))
    def test_tags(self, extension: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(document, "_MAX_TAGS", 3)
        with pytest.raises(TooLarge, match="tags or more; the limit is 3"):
            open_document(extension, SAMPLES[extension], LIMITS)


def elements(*names: str) -> st.SearchStrategy[str]:
    """XML of these elements in each other, with words between them."""
    words = st.sampled_from(["", "a", "Ab", " ", "c d"])
    return st.recursive(
        words,
        lambda inner: st.lists(
            st.builds(
                lambda name, content, tail: f"<{name}>{content}</{name.split()[0]}>{tail}",
                st.sampled_from(names),
                inner,
                words,
            ),
            max_size=4,
        ).map("".join),
        max_leaves=12,
    )


def element(name: str, *content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """XML of one element."""
    return st.tuples(*content).map(lambda parts: f"<{name}>{''.join(parts)}</{name}>")


def several(content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(content, max_size=4).map("".join)


PARTS = st.one_of(
    element("w:t", st.sampled_from(["word", "Other words", "12"])),
    element("w:t", st.sampled_from(["here", "and there"])),
    st.sampled_from(
        ["<w:tab/>", "<w:br/>", "<w:footnoteReference/>", "<w:instrText>HYPERLINK x</w:instrText>"]
    ),
    st.sampled_from(["begin", "separate", "end"]).map('<w:fldChar w:fldCharType="{}"/>'.format),
)
LOOKS = st.sampled_from(["", "<w:rPr><w:b/></w:rPr>", "<w:rPr><w:i/></w:rPr>"])
INLINE = st.recursive(
    st.one_of(element("w:r", LOOKS, several(PARTS)), st.just("<w:bookmarkStart/>")),
    lambda inline: st.one_of(
        element("w:hyperlink", several(inline)),
        element("w:ins", several(inline)),
        element("w:del", several(inline)),
        element("w:sdt", st.just("<w:sdtPr/>"), element("w:sdtContent", several(inline))),
        element("w:r", element("w:pict", element("w:p", several(inline)))),
    ),
    max_leaves=12,
)


# A text box in a run that was deleted while changes were tracked.
DELETED_BOX = "<w:del><w:r><w:pict><w:p><w:r><w:t>word</w:t></w:r></w:p></w:pict></w:r></w:del>"

TEXT = elements(
    "text:p", "text:h", "text:span", "text:span", "text:a", "text:s", "text:tab",
    "text:line-break", "text:note", "text:note-body", "text:list", "text:bookmark",
    "text:tracked-changes", "office:annotation", "text:meta",
)  # fmt: skip


@FEWER
@example(DELETED_BOX)
@given(several(INLINE))
def test_any_word_document_keeps_its_words(content: str) -> None:
    paragraph = f"<w:p><w:pPr/>{content}</w:p>"
    document = f'<w:document xmlns:w="{W}"><w:body>{paragraph}</w:body></w:document>'
    types = "[Content_Types].xml"
    contents = {types: parts(SAMPLES[".docx"])[types], "word/document.xml": document.encode()}

    after = parts(unchanged(".docx", zipped(contents)))["word/document.xml"]

    assert letters(after) == letters(document.encode())
    assert marks(after) == marks(document.encode())


@FEWER
@given(several(INLINE), st.data())
def test_any_translation_of_a_word_document_keeps_all_but_the_words(
    content: str, data: st.DataObject
) -> None:
    xml = f'<w:document xmlns:w="{W}"><w:body><w:p>{content}</w:p></w:body></w:document>'.encode()
    types = "[Content_Types].xml"
    contents = {types: parts(SAMPLES[".docx"])[types], "word/document.xml": xml}
    document = open_document(".docx", zipped(contents), LIMITS)

    translations = [in_other_words(each, data) for each in document.passages]
    after = parts(document.written(translations))["word/document.xml"]

    assert marks(after) == marks(xml)
    said = "".join(map(plain_text, translations))
    written = [
        each.text or ""
        for each in etree.fromstring(after).iter(f"{{{W}}}t")
        if not [*each.iterancestors(f"{{{W}}}del")]
    ]
    if "fldChar" not in content:  # what is in a field is left as it is
        assert sorted(filter(str.isalpha, "".join(written))) == sorted(filter(str.isalpha, said))


@FEWER
@given(TEXT, st.data())
def test_any_translation_of_an_opendocument_keeps_all_but_the_words(
    body: str, data: st.DataObject
) -> None:
    file = opendocument_of(f"<text:p>{body}</text:p>".encode())
    document = open_document(".odt", file, LIMITS)
    translations = [in_other_words(each, data) for each in document.passages]
    before, after = (parts(each)["content.xml"] for each in (file, document.written(translations)))
    assert marks(after) == marks(before)


def in_other_words(passage: Passage, data: st.DataObject) -> Passage:
    """A passage with other words, its tags placed by an alignment that is drawn."""
    lines = plain_text(passage).split("\n")
    some_words = st.lists(st.sampled_from(["eins", "zwei", "drei"]), max_size=4).map(" ".join)
    target = "\n".join(data.draw(some_words) for _ in lines)
    sources = words(plain_text(passage))
    aligned = [
        AlignedWord(span, (SourceWord(data.draw(st.sampled_from(sources)), 1.0),))
        for span in words(target)
        if sources
    ]
    return tuple(place_tags(passage, target, aligned))


@FEWER
@given(TEXT)
def test_any_opendocument_keeps_its_words(body: str) -> None:
    data = opendocument_of(f"<text:p>{body}</text:p>".encode())
    before, after = (parts(each)["content.xml"] for each in (data, unchanged(".odt", data)))
    assert etree.tostring(etree.fromstring(after), method="c14n") == etree.tostring(
        etree.fromstring(before), method="c14n"
    )


def letters(xml: bytes) -> str:
    """All text, without white space."""
    return "".join("".join(etree.fromstring(xml).itertext()).split())


def marks(xml: bytes) -> list[str]:
    """What is neither text nor how it looks, in any order."""
    looks = {f"{{{W}}}{name}" for name in ("r", "t", "rPr", "b", "i")}
    return sorted(str(each.tag) for each in etree.fromstring(xml).iter() if each.tag not in looks)


def test_what_was_deleted_is_not_translated() -> None:
    xml = f'<w:document xmlns:w="{W}"><w:body><w:p>{DELETED_BOX}</w:p></w:body></w:document>'
    types = "[Content_Types].xml"
    contents = {types: parts(SAMPLES[".docx"])[types], "word/document.xml": xml.encode()}
    document = open_document(".docx", zipped(contents), LIMITS)
    assert "word" not in "".join(map(plain_text, document.passages))
