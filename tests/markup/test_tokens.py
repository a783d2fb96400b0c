"""Tokens put together are the document; where tags begin and end is as in the HTML standard."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.markup.tokens import Format, TokenKind, tokens

GARBAGE = st.lists(
    st.one_of(
        st.sampled_from(
            ["<", ">", "</", "/>", "<b", "<br>", "<!--", "-->", "<!", "<?", "]]>", "<![CDATA[",
             "=", '"', "'", " ", "&", ";", "<title>", "</title>", "<script", "x", "1", "\n"]
        ),
        st.text(max_size=4),
    ),
    max_size=20,
).map("".join)  # fmt: skip
FORMATS: list[Format] = ["html", "xml"]


@given(text=GARBAGE, format_=st.sampled_from(FORMATS))
def test_nothing_is_lost(text: str, format_: Format) -> None:
    found = list(tokens(text, format_))
    assert "".join(token.source for token in found) == text
    assert all(token.source for token in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I <3 you & a < b", ["I <3 you & a < b"]),
        ("a<b and c", ["a<b and c"]),
        ("<p>x<B\nclass='a>b' q>y</b >", ["<p>", "x", "<B\nclass='a>b' q>", "y", "</b >"]),
        ("<a href=x/y>z</a>", ["<a href=x/y>", "z", "</a>"]),
        ('<a q="open>z</a>', ['<a q="open>', "z", "</a>"]),
        ("<!--> a <!-- <b> --> c", ["<!-->", " a ", "<!-- <b> -->", " c"]),
        ("a <!-- open <b>", ["a ", "<!-- open <b>"]),
        ("<!doctype html></>x</3>", ["<!doctype html>", "</>", "x", "</3>"]),
        ("<script>a<b</p></SCRIPT >x", ["<script>", "a<b</p>", "</SCRIPT >", "x"]),
        ("<title>a<b></title>", ["<title>", "a<b>", "</title>"]),
        ("<style>x", ["<style>", "x"]),
    ],
)
def test_worked_examples(text: str, expected: list[str]) -> None:
    assert [token.source for token in tokens(text, "html")] == expected


def test_xml_has_its_own_rules() -> None:
    text = "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x '>'>]><ä:b x='1'/><script><![CDATA[<b>]]>"
    assert [(token.kind, token.source) for token in tokens(text, "xml")] == [
        (TokenKind.OTHER, "<?xml version='1.0'?>"),
        (TokenKind.OTHER, "<!DOCTYPE a [<!ENTITY x '>'>]>"),
        (TokenKind.EMPTY, "<ä:b x='1'/>"),
        (TokenKind.OPEN, "<script>"),
        (TokenKind.OTHER, "<![CDATA[<b>]]>"),
    ]


@pytest.mark.parametrize(
    ("tag", "kind"),
    [
        ("<x/>", TokenKind.EMPTY),
        ("<x />", TokenKind.EMPTY),
        ("<x a='b=c'/>", TokenKind.EMPTY),
        ("<x a=b />", TokenKind.EMPTY),
        ("<x a=b/>", TokenKind.OPEN),
        ("<x a=b/c>", TokenKind.OPEN),
        ("</x/>", TokenKind.CLOSE),
    ],
)
def test_what_closes_itself(tag: str, kind: TokenKind) -> None:
    [token] = tokens(tag, "html")
    assert (token.kind, token.name) == (kind, "x")


class _Twin(HTMLParser):
    """The standard library's parser, asked for nothing but tags as they are written."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"</{tag}>")

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.tags.append(self.get_starttag_text() or "")


_VALUES = st.sampled_from(["", "=x", "='a > b'", '="a \' < b"', " = x/y"])
_TAGS = st.one_of(
    st.builds(
        "<{}{}{}{}>".format,
        st.sampled_from(["a", "B", "x-y", "h1"]),
        st.sampled_from(["", " ", "\n"]),
        st.lists(st.builds("{}{}".format, st.sampled_from(["id", "Q"]), _VALUES), max_size=3).map(
            lambda attributes: "".join(f" {attribute}" for attribute in attributes)
        ),
        st.sampled_from(["", " ", " /"]),
    ),
    st.sampled_from(["</a>", "</x-y>", "<!-- <a> -->", "<!doctype html>"]),
)


@given(st.lists(st.one_of(_TAGS, st.sampled_from(["text", " & ", "1 < 2", ">"])), max_size=10))
def test_tags_are_those_that_another_parser_finds(parts: list[str]) -> None:
    text = "".join(parts)
    twin = _Twin()
    twin.feed(text)
    twin.close()
    kinds = (TokenKind.OPEN, TokenKind.CLOSE, TokenKind.EMPTY)
    assert [token.source for token in tokens(text, "html") if token.kind in kinds] == twin.tags


@pytest.mark.parametrize(
    "part", ["<a ", "<a x='>'", '<a x="', "<", "<!", "<!--", "</", "<title>", "<![CDATA[", "<a x= "]
)
def test_no_text_takes_long(part: str) -> None:
    # Quadratic would be minutes.
    text = part * (400_000 // len(part))
    for format_ in FORMATS:
        assert sum(len(token.source) for token in tokens(text, format_)) == len(text)
