"""Text as it is written in a document, and what it says: ``&amp;`` and ``&``."""

import html
import re
from collections.abc import Iterator, Mapping

from service.markup.tagged import Kind, Piece, Tag

_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\W\d_][\w.-]*;?)", re.ASCII)
# Line breaks mean no more than spaces, but the pipeline would take them for ends of sentences.
_LINES = str.maketrans("\n\r\t\f\v", " " * 5)

# What a parser could take for the beginning of something else.
_MISREAD = re.compile(r"<[A-Za-z/!?_:\x80-\U0010ffff]|&[A-Za-z0-9#_:\x80-\U0010ffff]")
_SPECIAL = {"<": "&lt;", "&": "&amp;", ">": "&gt;"}


def decoded(source: str) -> Iterator[tuple[str, Piece]]:
    """What text of a document says, for the model to read, each piece behind how it is written.

    References to characters are those characters; a reference to anything else is a tag, which
    stays as it is.
    """
    done = 0
    for match in _REFERENCE.finditer(source):
        yield source[done : match.start()], source[done : match.start()].translate(_LINES)
        done = match.end()
        said = html.unescape(match[0])
        is_unknown = said == match[0] and said.endswith(";")
        yield (
            match[0],
            Tag(Kind.EMPTY, "", said, stands_for_words=True)
            if is_unknown
            else said.translate(_LINES),
        )
    yield source[done:], source[done:].translate(_LINES)


def spellings(source: str) -> dict[str, str]:
    """How characters are written in a text that are not written as themselves, each as first.

    ``<``, ``>`` and ``&`` are among them unless the text has them as themselves. Letters, digits
    and spaces of ASCII are not: other places of the text have them as themselves.
    """
    found: dict[str, str] = {}
    for match in _REFERENCE.finditer(source):
        said = html.unescape(match[0])
        is_plain = said.isascii() and (said.isalnum() or said.isspace())
        if len(said) == 1 and not is_plain:
            found.setdefault(said, match[0] if match[0].endswith(";") else f"{match[0]};")
    raw = _REFERENCE.sub("", source)
    for character, reference in _SPECIAL.items():
        if character not in raw:
            found.setdefault(character, reference)
    return found


def encoded(text: str, spelling: Mapping[str, str]) -> str:
    """`text` as it is written in a document.

    Args:
        text: What it says.
        spelling: As of `spellings`. What is not in it is written as itself, ``<`` and ``&``
            only where nobody can misread them.
    """
    return "".join(encoded_characters(text, spelling))


def encoded_characters(text: str, spelling: Mapping[str, str]) -> list[str]:
    """As `encoded`, character by character."""

    def spelt(place: int, character: str) -> str:
        if character in spelling:
            return spelling[character]
        return _SPECIAL[character] if _MISREAD.match(text, place) else character

    return [spelt(place, character) for place, character in enumerate(text)]
