"""Which elements of HTML do what, and which elements of XML stand in running text."""

import re
from collections.abc import Collection, Sequence

from service.markup.tokens import Token, TokenKind

# Never closed.
VOID = frozenset(
    (
        "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img",
        "input", "keygen", "link", "meta", "param", "source", "track", "wbr",
    )
)  # fmt: skip

# What ends a paragraph. An element that is not known stands in running text, as placeholders do.
BLOCK = frozenset(
    (
        "address", "article", "aside", "audio", "base", "blockquote", "body", "button", "canvas",
        "caption", "center", "col", "colgroup", "datalist", "dd", "details", "dialog", "dir",
        "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frame",
        "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hgroup", "hr", "html",
        "iframe", "legend", "li", "link", "main", "menu", "meta", "nav", "noembed", "noframes",
        "noscript", "ol", "optgroup", "option", "p", "plaintext", "pre", "search", "section",
        "select", "summary", "table", "tbody", "td", "template", "textarea", "tfoot", "th",
        "thead", "title", "tr", "ul", "video", "xmp",
    )
)  # fmt: skip

# What is kept with all that is in it.
KEPT = frozenset(
    (
        "code", "iframe", "kbd", "math", "noembed", "noframes", "object", "plaintext", "pre",
        "samp", "script", "style", "svg", "textarea", "var", "xmp",
    )
)  # fmt: skip

# What HTML knows in running text, beside what is kept; anything else is somebody's placeholder.
_PHRASING = frozenset(
    (
        "a", "abbr", "acronym", "applet", "b", "bdi", "bdo", "big", "blink", "cite", "data", "del",
        "dfn", "em", "font", "i", "ins", "label", "map", "mark", "marquee", "meter", "nobr",
        "output", "picture", "progress", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "slot",
        "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u",
    )
)  # fmt: skip

KNOWN = _PHRASING | BLOCK | KEPT | VOID

# What says nothing in a sentence when it is kept or empty.
WORDLESS = VOID | frozenset(
    ("applet", "iframe", "noembed", "noframes", "object", "script", "style", "svg")
)

# Whose closing tag may be left out: the next of its kind closes it.
OPTIONAL_END = frozenset(
    ("dd", "dt", "li", "optgroup", "option", "p", "rp", "rt", "tbody", "td", "tfoot", "th",
     "thead", "tr")
)  # fmt: skip

_CLASS = "notranslate"
_NAME = re.compile(r"<[^ \t\n\f\r/>]+")
_ATTRIBUTE = re.compile(
    r"""([^ \t\n\f\r/>=]+)
        (?:[ \t\n\f\r]*=[ \t\n\f\r]*("[^"]*"|'[^']*'|[^ \t\n\f\r>"'][^ \t\n\f\r>]*))?""",
    re.VERBOSE,
)


def says_keep(tag: str) -> bool:
    """Whether an opening tag says that its element is not to be translated."""
    name = _NAME.match(tag)
    if name is None or "translate" not in tag.lower():
        return False
    for attribute, value in _ATTRIBUTE.findall(tag, name.end()):
        words = value.strip("\"'").lower().split()
        kind = attribute.lower().rpartition(":")[2]  # its:translate, in XML
        if (kind == "translate" and words == ["no"]) or (kind == "class" and _CLASS in words):
            return True
    return False


def end_of(tokens: Sequence[Token], first: int, optional: Collection[str]) -> int:
    """Behind the last token of the element that ``tokens[first]`` opens.

    That is its closing tag. Without one the element ends where one around it does, at the next
    of its kind if its name is in `optional`, or with the document.
    """
    if tokens[first].kind is not TokenKind.OPEN:
        return first + 1
    root = tokens[first].name
    open_ = [root]
    for index in range(first + 1, len(tokens)):
        name = tokens[index].name
        if tokens[index].kind is TokenKind.OPEN:
            if open_ == [name] and name in optional:
                return index
            open_.append(name)
        elif tokens[index].kind is TokenKind.CLOSE:
            if name not in open_:
                return index
            while open_.pop() != name:
                pass
            if not open_:
                return index + 1
    return len(tokens)


def in_running_text(tokens: Sequence[Token]) -> list[bool]:
    """For each token of an XML document whether it is a tag of an element with text beside it.

    Text beside an element, or beside one that it is in, says that it is part of a sentence. An
    element among elements only is a paragraph or more of its own.
    """
    parents: list[int] = []  # of each token: which token opened what it is in, -1 for none
    open_: list[int] = []
    with_text: set[int] = set()
    for index, token in enumerate(tokens):
        if token.kind is TokenKind.CLOSE:
            opened = next((each for each in reversed(open_) if tokens[each].name == token.name), -1)
            if opened >= 0:
                while open_.pop() != opened:
                    pass
        parents.append(open_[-1] if open_ else -1)
        if token.kind is TokenKind.OPEN:
            open_.append(index)
        elif token.kind is TokenKind.TEXT and not token.source.isspace():
            with_text.add(parents[-1])
    found: list[bool] = []
    for parent in parents:
        found.append(parent in with_text or (parent >= 0 and found[parent]))
    return found
