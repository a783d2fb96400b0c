"""Text that is too long for a model, in parts that are not.

A part ends, by preference, behind clause punctuation, then at white space, then anywhere:
the model gets everything, in the largest pieces that still make sense.
"""

import re
import unicodedata

from service.errors import TooLarge
from service.text.segment import Segment
from service.text.tokenizer import Tokenizer

# Where a clause may end: punctuation before white space, white space before a dash or an
# opening bracket, and full-width punctuation, which has no space behind it.
_CLAUSE_END = re.compile(r"[,;:.!?…)\]»”’]+(?=\s)|(?=\s[–—(\[«„“])|[，、；：。！？]")
_WORD_END = re.compile(r"(?<=\S)(?=\s)")

# A clause end is worth a shorter part only if the part does not become tiny.
_LEAST_CLAUSE_SHARE = 1 / 3

# Characters per token to look at first; a text of longer tokens is looked at again.
_CHARACTERS_PER_TOKEN = 8


def split_to_fit(text: str, max_tokens: int, tokenizer: Tokenizer) -> list[Segment]:
    """Split a sentence into parts of at most `max_tokens` tokens each, end mark not counted.

    Args:
        text: Starts and ends with a character that is no white space.
        max_tokens: At least 1.
        tokenizer: Says how many tokens a part has.

    Returns:
        At least one part; every ``before + text`` in order is the sentence.

    Raises:
        TooLarge: A single character has more tokens than `max_tokens`.
    """
    parts: list[Segment] = []
    done = 0
    while done < len(text):
        rest = text[done:]
        start = len(rest) - len(rest.lstrip())
        end = start + _fitting(rest[start:], max_tokens, tokenizer, clauses=True)
        parts.append(Segment(rest[start:end], rest[:start], done + start))
        done += end
    return parts


def leading_words(text: str, max_tokens: int, tokenizer: Tokenizer) -> str:
    """The longest beginning of `text` in whole words that has at most `max_tokens` tokens.

    If not even one word fits, as much of it as does.

    Raises:
        TooLarge: The first character alone has more tokens than `max_tokens`.
    """
    return text[: _fitting(text, max_tokens, tokenizer, clauses=False)]


def _fitting(text: str, max_tokens: int, tokenizer: Tokenizer, *, clauses: bool) -> int:
    """Length of the beginning of `text` to take as one part."""
    room = _room(text, max_tokens, tokenizer)
    if room == len(text):
        return room
    # One character beyond the room is searched, so that the white space behind it is seen.
    words, clause_ends = (
        [match.end() for match in pattern.finditer(text, 0, room + 1) if 0 < match.end() <= room]
        for pattern in (_WORD_END, _CLAUSE_END)
    )
    least = room * _LEAST_CLAUSE_SHARE if clauses else room + 1
    preferred = [end for end in clause_ends if end >= least]
    for end in (*reversed(preferred), *reversed(words)):
        if len(tokenizer.encode(text[:end])) <= max_tokens:
            return end
    return _anywhere(text, room, max_tokens, tokenizer)


def _room(text: str, max_tokens: int, tokenizer: Tokenizer) -> int:
    """About how many characters of `text` make `max_tokens` tokens; all if the text fits."""
    width = max_tokens * _CHARACTERS_PER_TOKEN
    while True:
        _, spans = tokenizer.encode_with_offsets(text[:width])
        if len(spans) > max_tokens:
            return spans[max_tokens - 1][1]
        if width >= len(text):
            return len(text)
        width *= 2


def _anywhere(text: str, room: int, max_tokens: int, tokenizer: Tokenizer) -> int:
    """A cut inside a word, if possible not between a letter and its accents."""
    for end in range(room, 0, -1):
        if len(tokenizer.encode(text[:end])) <= max_tokens:
            whole = end
            while whole > 0 and unicodedata.category(text[whole])[0] == "M":
                whole -= 1
            return whole or end
    raise TooLarge(f"a single character has more tokens than the limit of {max_tokens}")
