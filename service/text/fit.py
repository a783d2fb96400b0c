"""Text that is too long for a model, in parts that are not.

A part ends, by preference, behind clause punctuation, then at white space, then anywhere:
the model gets everything, in the largest pieces that still make sense.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

from service.errors import TooLarge
from service.text.segment import Segment
from service.text.tokenizer import Tokenizer

# Where a clause may end: punctuation before white space, white space before a dash or an
# opening bracket, and full-width punctuation, which has no space behind it.
_CLAUSE_END = re.compile(r"[,;:.!?…)\]»”’]+(?=\s)|(?<=\S)(?=\s+[–—(\[«„“])|[，、；：。！？]")
_WORD_END = re.compile(r"(?<=\S)(?=\s)")

# A clause end is worth a shorter part only if the part does not become tiny.
_LEAST_CLAUSE_SHARE = 1 / 3


class Measure(Protocol):
    """A text whose stretches are measured in tokens."""

    def tokens(self, start: int, end: int) -> int:
        """How many tokens ``text[start:end]`` has."""

    def may_cut(self, place: int) -> bool:
        """Whether the text may be cut before the character at `place`."""


class PlainMeasure:
    """Text and nothing else."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self._text = text
        self._tokenizer = tokenizer

    def tokens(self, start: int, end: int) -> int:
        """See `Measure`."""
        return len(self._tokenizer.encode(self._text[start:end]))

    def may_cut(self, place: int) -> bool:  # noqa: ARG002 - anywhere
        """See `Measure`."""
        return True


def split_to_fit(text: str, max_tokens: int, measure: Measure) -> list[Segment]:
    """Split a sentence into parts of at most `max_tokens` tokens each, end mark not counted.

    Args:
        text: Starts and ends with a character that is no white space.
        max_tokens: At least 1.
        measure: Says how many tokens a part of `text` has.

    Returns:
        At least one part; every ``before + text`` in order is the sentence.

    Raises:
        TooLarge: What cannot be cut, a single character if nothing else, has more tokens than
            `max_tokens`.
    """
    parts: list[Segment] = []
    done = 0
    while done < len(text):
        rest = text[done:]
        start = len(rest) - len(rest.lstrip())
        tail = _Tail(measure, done + start)
        end = start + _fitting(rest[start:], max_tokens, tail, clauses=True)
        parts.append(Segment(rest[start:end], rest[:start], done + start))
        done += end
    return parts


def leading_words(text: str, max_tokens: int, tokenizer: Tokenizer) -> str:
    """The longest beginning of `text` in whole words that has at most `max_tokens` tokens.

    If not even one word fits, as much of it as does.

    Raises:
        TooLarge: The first character alone has more tokens than `max_tokens`.
    """
    return text[: _fitting(text, max_tokens, _plain(text, tokenizer), clauses=False)]


def fits(text: str, max_tokens: int, tokenizer: Tokenizer) -> bool:
    """Whether `text` has at most `max_tokens` tokens."""
    return _end_beyond(text, max_tokens, _plain(text, tokenizer)) is None


@dataclass(frozen=True, slots=True)
class _Tail:
    """A text from some place on; ends count from there."""

    measure: Measure
    start: int

    def tokens(self, end: int) -> int:
        return self.measure.tokens(self.start, self.start + end)

    def may_cut(self, end: int) -> bool:
        return self.measure.may_cut(self.start + end)


def _plain(text: str, tokenizer: Tokenizer) -> _Tail:
    return _Tail(PlainMeasure(text, tokenizer), 0)


def _fitting(text: str, max_tokens: int, tail: _Tail, *, clauses: bool) -> int:
    """Length of the beginning of `text` to take as one part."""
    beyond = _end_beyond(text, max_tokens, tail)
    if beyond is None:
        return len(text)
    words = [match.end() for match in _WORD_END.finditer(text, 0, beyond)]
    words_fitting = bisect_right(words, max_tokens, key=tail.tokens)
    # Part of a word may have more tokens than the word, so this one finds a place that fits,
    # not always the last.
    places = [end for end in range(1, beyond) if tail.may_cut(end)]
    places_fitting = bisect_right(places, max_tokens, key=tail.tokens)
    anywhere = places[places_fitting - 1] if places_fitting else 0
    room = max(anywhere, words[words_fitting - 1] if words_fitting else 0)
    if room == 0:
        raise TooLarge(f"a single character has more tokens than the limit of {max_tokens}")
    if clauses:
        least = room * _LEAST_CLAUSE_SHARE
        ends = [match.end() for match in _CLAUSE_END.finditer(text, 0, beyond)]
        for end in reversed(ends):
            if least <= end <= room and tail.tokens(end) <= max_tokens:
                return end
    if words_fitting:
        return words[words_fitting - 1]
    whole = _before_accents(text, anywhere)
    return whole if tail.may_cut(whole) else anywhere


def _end_beyond(text: str, max_tokens: int, tail: _Tail) -> int | None:
    """Where a beginning of `text` that is too long ends; None if all of it fits.

    Only as much is encoded as is needed to know, so that a long text costs no more than its
    length, however many parts it is cut into. The end is that of a word, if words have ends:
    part of a word may have more tokens than the word.
    """
    width = max_tokens
    while True:
        word_end = _WORD_END.search(text, width, 2 * width)
        end = word_end.end() if word_end else len(text) if len(text) <= 2 * width else width
        while end < len(text) and not tail.may_cut(end):
            end += 1
        if tail.tokens(end) > max_tokens:
            return end
        if end == len(text):
            return None
        width *= 2


def _before_accents(text: str, end: int) -> int:
    """The nearest cut up to `end` that does not part a letter from its accents, if any."""
    whole = end
    while whole > 0 and unicodedata.category(text[whole])[0] == "M":
        whole -= 1
    return len(text[: whole or end].rstrip())
