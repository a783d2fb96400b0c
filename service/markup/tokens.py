"""HTML and XML as tokens that, put together, are the document again, byte for byte.

Parsers build a tree and forget how it was written; this one forgets nothing. Where a tag begins
and ends is as the HTML standard has it (section 13.2.5, "Tokenization"), so that what a browser
takes for text is text here, also in broken documents. Two differences: an attribute value
without its closing quote ends with its tag, and a tag that never ends (``a<b and c``) is text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

Format = Literal["html", "xml"]


class TokenKind(Enum):
    """What a token is."""

    TEXT = auto()  # character references are still in it
    OPEN = auto()
    CLOSE = auto()
    EMPTY = auto()  # <br/>
    OTHER = auto()  # comments, doctype, CDATA, instructions, the content of scripts and the like


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a document.

    Attributes:
        kind: What it is.
        source: As it is written.
        name: Of a tag; in lower case in HTML.
    """

    kind: TokenKind
    source: str
    name: str = ""


# Elements whose content is no markup, up to their closing tag. Text, that is, in a title.
_RAW = frozenset(
    ("iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title", "xmp")
)

# Possessive throughout: each is read once, however it fails.
_SPACE = r"[ \t\n\f\r]"
_TAG = rf"""
    </?(?P<name>FIRST[^ \t\n\f\r/>]*+)
    (?:
        [ \t\n\f\r/]++
      | (?: = | [^ \t\n\f\r/>=] ) [^ \t\n\f\r/>=]*+           # an attribute's name
        (?: {_SPACE}*+ = {_SPACE}*+ (?: "[^"]*+" | '[^']*+' | [^ \t\n\f\r>"'][^ \t\n\f\r>]*+ ) )?+
    )*+
    >
"""
_XML_FIRST = r"[A-Za-z_:\x80-\U0010ffff]"
_COMMENT = r"<!-- (?: -?> | (?s:.*?) (?: --!?> | \Z ) )"
_CDATA = r"<!\[CDATA\[ (?s:.*?) (?: \]\]> | \Z )"
_HTML = re.compile(
    rf"""{_COMMENT} | <[!?][^>]*+>?+ | </[^A-Za-z>][^>]*+>?+ | </>
       | {_TAG.replace("FIRST", "[A-Za-z]")}""",
    re.VERBOSE,
)
_XML = re.compile(
    rf"""{_COMMENT} | {_CDATA}
       | <\? (?s:.*?) (?: \?> | \Z )
       | <! (?: [^\[>]*+ \[ [^\]]*+ \] )?+ [^>]*+ >?+
       | {_TAG.replace("FIRST", _XML_FIRST)}""",
    re.VERBOSE,
)


def tokens(text: str, format_: Format) -> Iterator[Token]:
    """The tokens of a document or of a fragment, well-formed or not.

    Texts of every ``source`` in order are `text`. No two texts follow each other, and none is
    empty. Takes time in proportion to the text, whatever it holds.
    """
    pattern = _HTML if format_ == "html" else _XML
    last = text.rfind(">")
    place = 0
    while match := _next(text, place, pattern, last):
        if match.start() > place:
            yield Token(TokenKind.TEXT, text[place : match.start()])
        place = match.end()
        token = _token(match, format_)
        yield token
        if format_ == "html" and token.kind is TokenKind.OPEN and token.name in _RAW:
            end = _raw_end(text, place, token.name)
            if end > place:
                kind = TokenKind.TEXT if token.name == "title" else TokenKind.OTHER
                yield Token(kind, text[place:end])
            place = end
    if place < len(text):
        yield Token(TokenKind.TEXT, text[place:])


def _next(text: str, place: int, pattern: re.Pattern[str], last: int) -> re.Match[str] | None:
    """The next that is no text; `last` is the place of the last ``>``."""
    while (start := text.find("<", place)) >= 0:
        if match := pattern.match(text, start):
            return match
        is_tag = text[start + 1 : start + 3].lstrip("/")[:1].isalpha()
        if is_tag or start > last:
            return None  # it has no end, so nothing behind it has one
        place = start + 1
    return None


def _token(match: re.Match[str], format_: Format) -> Token:
    source = match[0]
    if match["name"] is None:
        return Token(TokenKind.OTHER, source)
    name = match["name"].lower() if format_ == "html" else match["name"]
    if source[1] == "/":
        return Token(TokenKind.CLOSE, source, name)
    return Token(TokenKind.EMPTY if _closes_itself(source) else TokenKind.OPEN, source, name)


def _closes_itself(source: str) -> bool:
    """Whether a tag ends with a slash that is not part of a value: not so ``<a href=x/>``."""
    inner = source.removesuffix("/>")
    return inner != source and (inner[-1] in "\"' \t\n\f\r" or "=" not in inner.split()[-1])


def _raw_end(text: str, place: int, name: str) -> int:
    """Where the content that begins at `place` ends: before its closing tag, or never."""
    closing = re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE)
    match = None if name == "plaintext" else closing.search(text, place)
    return match.start() if match else len(text)
