"""Capitalised words of a summary that its source does not have."""

import re
from collections.abc import Iterator, Sequence

from service.trust.words import WORD

_BEGINS = re.compile(r"[.!?:\"]|(?<!\w)'")


def unsupported_names(output: str, source: str) -> list[str]:
    """Capitalised words of `output` that `source` does not contain, in order.

    For outputs in the source's own language with ordinary capitals, so for summaries and not
    for translations (German capitalises every noun). The first word of a sentence says nothing
    by its capital and is passed over. An abbreviation is supported by initials in order: "FDA"
    by "the U.S. Food and Drug Administration". Of an output in Title Case, capitals say
    nothing: [].
    """
    if is_title_case(output):
        return []
    words = WORD.findall(source)
    as_written = set(words)
    return [
        name for name in _names(output) if name not in as_written and not _supports(words, name)
    ]


def is_title_case(text: str) -> bool:
    """Whether capitals say nothing about names: most longer words after the first have one."""
    later = [word for word in WORD.findall(text)[1:] if len(word) > 3]
    return len(later) > 2 and sum(word[0].isupper() for word in later) > 0.7 * len(later)


def _names(text: str) -> Iterator[str]:
    """Capitalised words of `text` that do not begin a sentence or a quotation."""
    previous_end = 0
    for position, match in enumerate(WORD.finditer(text)):
        between = text[previous_end : match.start()]
        previous_end = match.end()
        begins = position == 0 or _BEGINS.search(between) is not None
        if match.group()[0].isupper() and not begins:
            yield match.group()


def _supports(words: Sequence[str], name: str) -> bool:
    known = {_plain(word) for word in words}
    known |= {_plain(part) for word in words for part in word.split("-")}
    if all(_plain(part) in known for part in name.split("-")) or _plain(name) in known:
        return True
    plain = _plain(name)
    if name.replace(".", "").isupper() and len(plain) > 1:
        return plain in "".join(word[0].casefold() for word in words if word[0].isupper())
    return False


def _plain(word: str) -> str:
    """A name without case, possessive and dots: "U.S." -> "us", "Iger's" -> "iger"."""
    return word.removesuffix("'s").replace(".", "").casefold()
