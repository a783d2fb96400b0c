"""Documents: what is translated, what is kept, and that no tag is lost whatever they hold."""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.markup.document import Markup
from service.markup.elements import says_keep
from service.markup.reading import read, text_without_tags
from service.markup.tagged import Piece
from service.markup.tokens import Format, TokenKind, tokens
from tests.markup.tagging import alignments, tagged
from tests.markup.test_tokens import FORMATS, GARBAGE

HTML = Markup("html")
XML = Markup("xml")

# What a model may say: also what looks like markup.
TARGETS = st.lists(
    st.sampled_from(["ein", "Hund", " ", ",", "<b>", "a<b", "&", "&amp;", "R&D", "1 < 2", "\xa0"]),
    max_size=8,
).map("".join)


def markup_of(text: str, format_: Format) -> list[str]:
    return [token.source for token in tokens(text, format_) if token.kind is not TokenKind.TEXT]


def texts(document: str, markup: Markup = HTML) -> list[str]:
    return [block.text for block in read(document, markup).blocks]


def upper(document: str, markup: Markup = HTML) -> str:
    """The document in the words of a model that shouts."""
    found = read(document, markup)
    return found.with_blocks(
        [block.translated(block.text.upper(), None).text for block in found.blocks]
    )


_WORDS = st.sampled_from(["Hello", "world. ", "Tom & Mary", " ", "&amp;", "a < b", "\n", "12"])
_INLINE = st.recursive(
    st.one_of(_WORDS, st.sampled_from(["<br>", "<img>", "<!-- c -->", "<code>x()</code>", "&x;"])),
    lambda inner: st.builds(
        "<{0}>{1}</{0}>".format, st.sampled_from(["b", "a", "x"]), st.lists(inner).map("".join)
    ),
    max_leaves=8,
)
_HTML = st.recursive(
    st.lists(_INLINE, max_size=4).map("".join),
    lambda inner: st.builds(
        "<{0}>{1}</{0}>".format,
        st.sampled_from(["p", "div", "li", "td", "pre"]),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=6,
)
ANYTHING = st.one_of(GARBAGE, _HTML, st.tuples(_HTML, GARBAGE, _HTML).map("".join))


@given(text=ANYTHING, format_=st.sampled_from(FORMATS))
def test_a_model_that_changes_nothing_changes_nothing(text: str, format_: Format) -> None:
    document = read(text, Markup(format_))
    written = [block.translated(block.text, None).text for block in document.blocks]
    assert document.with_blocks(written) == text


@given(data=st.data(), text=ANYTHING, format_=st.sampled_from(FORMATS))
def test_the_tags_out_are_the_tags_in(data: st.DataObject, text: str, format_: Format) -> None:
    document = read(text, Markup(format_))
    written = []
    for block in document.blocks:
        target = data.draw(TARGETS)
        aligned = data.draw(alignments(block.pieces, target))
        written.append(block.translated(target, aligned).text)
    answer = document.with_blocks(written)
    assert Counter(markup_of(answer, format_)) == Counter(markup_of(text, format_))


@given(data=st.data(), text=ANYTHING)
def test_what_is_between_paragraphs_stays_where_it_is(data: st.DataObject, text: str) -> None:
    document = read(text, HTML)
    kept = [part for part in document.parts if isinstance(part, str)]
    answer = document.with_blocks([data.draw(TARGETS) for _ in document.blocks])
    place = 0
    for part in kept:
        place = answer.index(part, place) + len(part)


_XML_TEXT = st.sampled_from(
    ["Hello", " ", "world. ", "&amp; co", "&#169;", "&lt;", "<!-- c -->", "<![CDATA[<b>]]>", "?>"]
)
_XML = st.recursive(
    st.lists(_XML_TEXT, max_size=3).map("".join),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: f"<e>{''.join(parts)}</e>"),
    max_leaves=12,
).map(lambda inner: f"<e>{inner}</e>")


def named_apart(text: str) -> str:
    """Every element with a name of its own."""
    open_: list[str] = []
    written = ""
    for number, part in enumerate(re.split("(</?e>)", text)):
        if part == "<e>":
            open_.append(f"e{number}")
        written += (
            f"<{open_[-1]}>" if part == "<e>" else f"</{open_.pop()}>" if part == "</e>" else part
        )
    return written


def parents(root: ET.Element) -> dict[str, list[str]]:
    return {element.tag: sorted(child.tag for child in element) for element in root.iter()}


@given(data=st.data(), text=_XML.map(named_apart))
def test_well_formed_stays_well_formed_and_nested_as_it_was(data: st.DataObject, text: str) -> None:
    document = read(text, XML)
    written = []
    for block in document.blocks:
        target = data.draw(TARGETS)
        aligned = data.draw(alignments(block.pieces, target))
        written.append(block.translated(target, aligned).text)
    answer = document.with_blocks(written)
    assert parents(ET.fromstring(answer)) == parents(ET.fromstring(text))


@given(data=st.data(), source=st.sampled_from(["Hello", "a <b>&amp; b</b>"]), target=TARGETS)
def test_what_the_model_says_is_what_a_browser_shows(
    data: st.DataObject, source: str, target: str
) -> None:
    [block] = read(source, HTML).blocks
    written = block.translated(target, None).text
    shown = text_without_tags(re.sub(r"</?b>", "", written), HTML, 1_000)
    assert "".join(shown.split()) == "".join(target.split())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("<p>Hello <b>big</b> world</p><p>Tom</p>", ["Hello big world", "Tom"]),
        ("<ul><li>One<li>Two</ul>Three", ["One", "Two", "Three"]),
        ("one<br>line<br> <br/>next", ["one line", "next"]),
        (
            "<b>One<br>Two</b><br> <i>Three</i>, <br>four<br>5 six",
            ["One", "Two", "Three,  four", "5 six"],
        ),
        ("<b>Hello <p>World</p></b>", ["Hello", "World"]),
        ("<li><a href=x><i class=icon></i> Text here</a></li>", ["Text here"]),
        ("Tom &amp; Mary&nbsp;Smith &lt;3 caf&eacute;", ["Tom & Mary\xa0Smith <3 café"]),
        ("two\n  lines", ["two   lines"]),
        ("<td> ... </td><td>&nbsp;</td><hr><td>12.50 €</td>", []),
        ("a<script>x</script><style>y</style><pre>z</pre>", ["a"]),
        ("use <code>f(x)</code> now", ["use  now"]),
        ("<p translate=no>a <p class='x notranslate'>b<p translate=yes>c", ["c"]),
        ("<ul><li translate='no'>a<li>b</ul>c", ["b", "c"]),
        ("say <span translate=no>a <span>b</span> c</span> here", ["say  here"]),
        ("<title>A &amp; B</title><textarea>c</textarea>", ["A & B"]),
        ("<!doctype html><html><head><meta name=x></head><body>x</body></html>", ["x"]),
        ("&foo; and &bar", [" and &bar"]),
        ("x <?php y ?> <? z", ["x"]),
        ("<unknown>a</unknown> <x-y>b</x-y>", ["a b"]),
        ("", []),
    ],
)
def test_what_is_translated_of_html(document: str, expected: list[str]) -> None:
    assert [text.strip() for text in texts(document)] == [text.strip() for text in expected]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("<r><a>One</a><b>Two</b></r>", ["One", "Two"]),
        ("<r>One <a>two <b>three</b></a></r>", ["One two three"]),
        ('There are <x id="1"/> items', ["There are  items"]),
        ("<r><a>Hello <skip>me</skip></a><skip>not <b>me</b></skip></r>", ["Hello"]),
        ("<r its:translate='no'>x</r>", []),
        ("<p>One<p>two</p></p>", ["Onetwo"]),
        ("<script>run</script>", ["run"]),
    ],
)
def test_what_is_translated_of_xml(document: str, expected: list[str]) -> None:
    markup = Markup("xml", frozenset({"skip"}))
    assert [text.strip() for text in texts(document, markup)] == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("<p>R&D caf&eacute; &copy 1</p>", "<p>R&amp;D CAFÉ &copy; 1</p>"),
        ("a & b < c", "A & B < C"),
        ("a &lt;b&gt; &quot;c&quot;", "A &lt;B&gt; &quot;C&quot;"),
        ("x > y", "X > Y"),
        ("  <p>\n  Hello\n  </p>\n", "  <p>\n  HELLO\n  </p>\n"),
        ("10&nbsp;km &#32; &#97;b", "10&nbsp;KM   AB"),
        ("<title>a <b></title>", "<title>A &lt;B></title>"),
    ],
)
def test_characters_are_written_as_they_came(document: str, expected: str) -> None:
    assert upper(document) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("<p translate=no>", True),
        ('<p id=1 TRANSLATE="No">', True),
        ("<p class='a notranslate b'>", True),
        ("<p translate>", False),
        ("<p translate=yes>", False),
        ("<p class=notranslated>", False),
        ("<p title='class=\"notranslate\"'>", False),
        ("<translate class=no>", False),
    ],
)
def test_who_says_to_be_kept(tag: str, expected: bool) -> None:
    assert says_keep(tag) is expected


def test_the_detector_sees_no_tags() -> None:
    document = "<style>p</style><p class=hello>Guten <b>Tag</b>&excl;</p>" + "x " * 5000
    assert text_without_tags(document, HTML, 10) == "Guten  Tag !"


def test_depth_and_size_have_no_price() -> None:
    for part in ("<b>", "a<b>", "</b>a", "<p>a", "&nbsp;", "&nbsp;<br>", "<i></i>", "<x/>a "):
        assert Counter(markup_of(upper(part * 5_000), "html")) == Counter(
            markup_of(part * 5_000, "html")
        )


def test_tags_of_the_worked_example_are_those_of_the_document() -> None:
    pieces: Sequence[Piece] = read("Press <b>Enter</b>.", HTML).blocks[0].pieces
    assert list(pieces) == tagged("Press <b>Enter</b>.")


@given(text=ANYTHING)
def test_characters_of_a_paragraph_are_where_they_are_written(text: str) -> None:
    for block in read(text, HTML).blocks:
        assert len(block.places) == len(block.text)
        for character, (start, end) in zip(block.text, block.places, strict=True):
            written = block.source[start:end]
            assert character.isspace() or text_without_tags(written, HTML, 10) == character


@given(data=st.data(), source=_HTML, target=TARGETS)
def test_characters_of_a_translation_are_where_they_are_written(
    data: st.DataObject, source: str, target: str
) -> None:
    for block in read(source, HTML).blocks:
        translated = block.translated(target, data.draw(alignments(block.pieces, target)))
        assert len(translated.places) == len(target)
        assert translated.places == sorted(translated.places)
        for character, (start, end) in zip(target, translated.places, strict=True):
            written = translated.text[start:end]
            assert character.isspace() or text_without_tags(written, HTML, 10) == character
