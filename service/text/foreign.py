"""What a model cannot spell, and what is written for machines to find: emoji, handles, hashtags.

A model learns the characters of its vocabulary. All others it reads and writes byte by byte, which
it was shown too rarely to learn: it drops them, or loses its way. They are better copied.

What is left to the model, whatever its vocabulary: ASCII letters, digits and punctuation; accented
letters of Latin-1 and capitals of letters that it has, which stand in everyday words ("Öl",
"café"); quotation marks, whose number would leave no placeholders for the rest; and white space.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from service.text.normalise import REPLACEMENT, Span, normalise_with_offsets

_LATIN_1 = frozenset(filter(str.isalpha, map(chr, range(0xC0, 0x100))))
_QUOTES = frozenset("«»‹›“”„‟")
# Without what only programs and Markdown are written with: "**bold**", "a_b", "[link]", "x > 3".
_ASCII = frozenset(map(chr, range(0x80))).difference("*_~^|\\<>[]{}=#@+")

_JOINERS = frozenset("\u200c\u200d")
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)
_FLAGS = range(0x1F1E6, 0x1F200)  # two of them are a flag
_KEYCAP = "\u20e3"

# Between foreign words that are copied as one: "Всё хорошо, спасибо".
_BLANKS = " \t\u00a0\u202f\u3000"
_BETWEEN_WORDS = ("", ",", ";", ":", "-", "'", "\u2019")

# "@name", "@name@host.org", "#Name"; not "#1", "C#", "&#x27;", "@ home" or "a@b".
_TAG = re.compile(
    r"(?<![\w@#&./]) (?: @ (?=[^\W\d]) \w+ (?: @ \w+ (?: [.-] \w+ )* )?"
    r" | \# (?=\w*[^\W\d_]) \w+ )",
    re.VERBOSE,
)


class _Kind(Enum):
    """What a stretch without white space is, as far as copying goes."""

    WORD = auto()
    PUNCTUATION = auto()  # that cannot be spelt
    SYMBOL = auto()  # the same
    REST = auto()


class _Run(NamedTuple):
    start: int
    end: int
    kind: _Kind


def tag_spans(text: str) -> list[Span]:
    """Places of handles and hashtags, in order."""
    if "@" not in text and "#" not in text:  # nearly always
        return []
    return [match.span() for match in _TAG.finditer(text)]


class Alphabet:
    """What a model can spell. Holds nothing that changes."""

    def __init__(self, characters: Iterable[str]) -> None:
        """Prepare to look for what it cannot.

        Args:
            characters: Those of its vocabulary.
        """
        own = frozenset(characters)
        capitals = frozenset(each.upper() for each in own)
        self._known = own | capitals | _LATIN_1 | _QUOTES | _ASCII | {REPLACEMENT}
        spelt = "".join(map(re.escape, sorted(filter(_is_single, self._known))))
        self._first_odd = re.compile(rf"[^{spelt}\s]").search

    def foreign_spans(self, text: str) -> list[Span]:
        """Places of what the vocabulary cannot spell, in order, none overlapping another.

        A word is taken whole, and together with such words beside it; so are symbols beside
        symbols. No line break is in one.
        """
        if self._first_odd(text) is None:  # nearly always
            return []
        is_odd = self._odd(text)
        found: list[_Run] = []
        for run in _runs(text, is_odd):
            if run.kind is _Kind.REST or not any(is_odd[run.start : run.end]):
                continue
            if found and (kind := _together(text[found[-1].end : run.start], found[-1], run)):
                run = _Run(found.pop().start, run.end, kind)  # noqa: PLW2901
            found.append(run)
        return [(run.start, run.end) for run in found]

    def _odd(self, text: str) -> bytearray:
        """For each character of `text`, whether what it is spelt as is not in the vocabulary."""
        odd = bytearray(len(text))
        for character, (start, end) in zip(*normalise_with_offsets(text), strict=True):
            if character not in self._known:
                odd[start:end] = b"\1" * (end - start)
        return odd


def _runs(text: str, is_odd: bytearray) -> Iterator[_Run]:
    """The whole text in stretches of one kind each."""
    clusters = ((start, end, _kind(text, start, end, is_odd)) for start, end in _clusters(text))
    for kind, group in groupby(clusters, key=itemgetter(2)):
        places = list(group)
        yield _Run(places[0][0], places[-1][1], kind)


def _clusters(text: str) -> Iterator[Span]:
    """What a reader takes for one character each: emoji with all that they are made of."""
    start = 0
    for place in range(1, len(text)):
        if not _belongs(text[place], text[place - 1]):
            yield start, place
            start = place
    if text:
        yield start, len(text)


def _belongs(character: str, previous: str) -> bool:
    """Whether a character is one with that before it; all flags in a row are."""
    code = ord(character)
    return (
        unicodedata.category(character)[0] == "M"  # accents, variation selectors, keycaps
        or character in _JOINERS
        or code in _SKIN_TONES
        or code in _TAGS
        or (previous == "\u200d" and not character.isspace())
        or (code in _FLAGS and ord(previous) in _FLAGS)
    )


def _kind(text: str, start: int, end: int, is_odd: bytearray) -> _Kind:
    """Of one cluster."""
    first = text[start]
    if (first.isalnum() or first == "_") and text[end - 1] != _KEYCAP:
        return _Kind.WORD
    if not any(is_odd[start:end]) or first.isspace():
        return _Kind.REST
    return _Kind.PUNCTUATION if unicodedata.category(first)[0] == "P" else _Kind.SYMBOL


def _together(between: str, before: _Run, behind: _Run) -> _Kind | None:
    """What two stretches are when they are copied as one; None if they are not."""
    kinds = {before.kind, behind.kind}
    if len(kinds) == 1:
        gap = between.strip(_BLANKS)
        return before.kind if gap == "" or (gap in _BETWEEN_WORDS and _Kind.WORD in kinds) else None
    return _Kind.WORD if kinds == {_Kind.WORD, _Kind.PUNCTUATION} and not between else None


def _is_single(character: str) -> bool:
    return len(character) == 1
