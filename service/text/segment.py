"""A text into sentences, losing nothing.

The boundaries come from sentencex (rules and abbreviation lists for some 300 languages; an
unknown language code falls back to a related one, then to English). It splits inside a line;
line breaks always end a sentence here, and so do tabs, which part the cells of a table. What
stands between sentences is kept beside them: blank lines, indentation, and the marks of lists and
quotations, which no model should touch.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import NamedTuple

import sentencex

from service.text.normalise import INVISIBLE, REPLACEMENT

# "- item", "> quoted", "## Heading", also several: "> - item".
_MARKS = re.compile(r"(?:(?:[-+*•‣·–—>]|#{1,6})\s+)+(?=\S)")
# "3." or "(3)", which sentencex makes a piece of its own in "3. Buy milk"; and marks before a tab.
_NUMBERING = re.compile(r"\(?\d{1,3}[.)]|[-+*•‣·–—>]|#{1,6}")
# No white space lies behind the first of Unicode's planes.
_BLANK = INVISIBLE + "".join(chr(code) for code in range(0x10000) if chr(code).isspace())
_CELL = re.compile(r"[^\t]*\t*")
# Where sentencex sees an end and there is none: titles, and German ordinals: "im 3. Stock".
_GOES_ON = {
    "en": re.compile(r"\bMs\.\s*$"),
    "fr": re.compile(r"\b(?:MM?|Dr|St)\.\s*$"),
    "de": re.compile(
        r"\b (?: d(?:e[mnrs]|as|ie) | [ai]m | vom | zu[mr] | beim | (?:ein|jed)(?:e[mnrs]?)? )"
        r" \s+ \d{1,2} \. \s* $",
        re.IGNORECASE | re.VERBOSE,
    ),
}
_LONGEST_END = 32  # characters, of what these find
# "Montag, 15. April, um 9 Uhr"
_ORDINAL = re.compile(r"\b\d{1,2}\.\s*$")
_MONTH = re.compile(
    "(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\\b"
)


class Boundaries(Enum):
    """Where a text is split."""

    LINES_AND_SENTENCES = auto()
    SENTENCES = auto()  # line breaks and tabs are white space like any other
    NONE = auto()  # the whole text is one sentence


class Segment(NamedTuple):
    """One sentence.

    Attributes:
        text: The sentence, without white space around it; never empty.
        before: What stands between the sentence before (or the text's start) and this one:
            white space, invisible characters as a right-to-left mark, and list marks. Kept as it
            is in the answer.
        start: Offset of `text` in the whole text, in characters.
    """

    text: str
    before: str
    start: int

    @property
    def end(self) -> int:
        """Offset behind the sentence in the whole text."""
        return self.start + len(self.text)


class Segmented(NamedTuple):
    """A text in sentences: every ``before + text`` in order, then `trailing`, is the text."""

    segments: tuple[Segment, ...]
    trailing: str


def split(
    text: str, language: str, boundaries: Boundaries = Boundaries.LINES_AND_SENTENCES
) -> Segmented:
    """Split `text` at line breaks, at tabs and at the sentence ends of `language`.

    Args:
        text: Any text, lone surrogates included.
        language: ISO 639 code; an unknown one is no error.
        boundaries: Which of them split.
    """
    segments: list[Segment] = []
    done = 0
    place = 0
    by_line = boundaries is Boundaries.LINES_AND_SENTENCES
    for line in text.splitlines(keepends=True) if by_line else [text]:
        pieces: Iterable[str] = [line]
        if by_line and "\t" in line:
            pieces = (piece for cell in _CELL.findall(line) for piece in _pieces(cell, language))
        elif boundaries is not Boundaries.NONE:
            pieces = _pieces(line, language)
        for start, end in _sentences(line, pieces):
            segments.append(Segment(line[start:end], text[done : place + start], place + start))
            done = place + end
        place += len(line)
    return Segmented(tuple(segments), text[done:])


def _sentences(line: str, pieces: Iterable[str]) -> Iterator[tuple[int, int]]:
    """(start, end) of each piece of a line, without marks and white space around it."""
    last = len(line.rstrip(_BLANK))
    end = 0
    for piece in pieces:
        begin, end = end, end + len(piece)
        sentence = line[begin:end].rstrip(_BLANK)
        start = len(sentence) - len(sentence.lstrip(_BLANK))
        if marks := _MARKS.match(sentence, start):
            start = marks.end()
        if start == len(sentence):
            continue
        if begin + len(sentence) < last and _NUMBERING.fullmatch(sentence, start):
            continue
        yield begin + start, begin + len(sentence)
    assert end == len(line), "the pieces are the whole line"


def _pieces(line: str, language: str) -> Iterator[str]:
    """A line's sentences with all that is in it."""
    goes_on = _GOES_ON.get(language)
    whole = ""
    for piece in sentencex.segment(language, _plain(line)):
        last = whole[-_LONGEST_END:]
        is_within = goes_on is not None and (
            goes_on.search(last)
            or (language == "de" and _MONTH.match(piece) and _ORDINAL.search(last))
        )
        if whole and not is_within:
            yield whole
            whole = ""
        whole += piece
    if whole:
        yield whole


def _plain(line: str) -> str:
    """`line` for sentencex, character for character.

    sentencex 1.0 panics on some white space outside ASCII ("mai\u202f!"), and takes no
    surrogates.
    """
    return line.translate(_PLAIN)


_PLAIN = {
    **{ord(character): " " for character in _BLANK if character.isspace()},
    **dict.fromkeys(range(0xD800, 0xE000), REPLACEMENT),
}
