"""Text all in capitals: signs, headings, shouting.

Capitals throughout are other tokens than the words that a model learned, so it is asked for the
same sentence in small letters, and its answer is put in capitals. Letter for letter: offsets in
one are offsets in the other.
"""

import re
from bisect import bisect_right

from service.text.normalise import Span

_WORD = re.compile(r"[^\W\d_]{2,}")
# An abbreviation or two are written so in any sentence: "EU", "NATO", "USB HUB".
_LEAST_WORDS = 2
_LEAST_LETTERS = 8

# Words that have their capital in small letters, too.
_CAPITAL_WORDS = {"en": re.compile(r"\bi\b")}


def is_in_capitals(text: str) -> bool:
    """Whether a text is written in capitals and can be had back from small letters.

    Args:
        text: A sentence or a line. It has two words at least, and eight letters in words of two
            letters or more.
    """
    if text.upper() != text:
        return False
    found = _WORD.findall(text)
    return (
        len(found) >= _LEAST_WORDS
        and sum(map(len, found)) >= _LEAST_LETTERS
        and in_capitals(in_small_letters(text, "")) == text
    )


class CapitalLines:
    """The lines of a text that are in capitals: so is a sentence of one word in them, "STOP!"."""

    def __init__(self, text: str) -> None:
        """Find them; lines, because nothing of an answer depends on what is in another."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        start = 0
        for line in text.splitlines(keepends=True):
            if is_in_capitals(line):
                self._starts.append(start)
                self._ends.append(start + len(line))
            start += len(line)

    def hold(self, span: Span) -> bool:
        """Whether a stretch of the text lies in one."""
        line = bisect_right(self._starts, span[0]) - 1
        return line >= 0 and span[1] <= self._ends[line]


def in_small_letters(text: str, language: str) -> str:
    """A sentence in capitals as it would stand in a text; as long as it was.

    Args:
        text: One sentence; its first letter stays a capital.
        language: Its code.
    """
    small = "".join(map(_small, text))
    if (words := _CAPITAL_WORDS.get(language)) is not None:
        small = words.sub(lambda found: found[0].upper(), small)
    first = next((place for place, letter in enumerate(small) if letter.isalpha()), len(small))
    return small[:first] + text[first : first + 1] + small[first + 1 :]


def in_capitals(text: str) -> str:
    """A text in capitals; as long as it was."""
    return "".join(map(_capital, text))


def _small(character: str) -> str:
    small = character.lower()
    return small if len(small) == 1 else character


def _capital(character: str) -> str:
    capital = "ẞ" if character == "ß" else character.upper()
    return capital if len(capital) == 1 else character
