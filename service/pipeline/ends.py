"""What stands at a sentence's ends and is better kept from the model, as in "Thanks! 🎉".

A placeholder behind the full stop is seldom put back there, so what the sentence does not need is
cut off and stays in its place, like white space. It does not need symbols; words in a foreign
script, handles, hashtags and codes may be its subject, unless they stand behind its last mark.
"""

import re
import unicodedata
from collections.abc import Sequence

from service.pipeline.marking import Stretch, within
from service.text.segment import Segment, Segmented

_LAST_MARKS = frozenset(".!?…")
_PAIRED = ("Ps", "Pe", "Pi", "Pf")
_KEYCAP = re.compile("\\d\ufe0f?\u20e3")


def trimmed(text: str, segmented: Segmented, stretches: Sequence[Stretch]) -> Segmented:
    """The sentences of `text` without what is cut off; it stands between them.

    Args:
        text: The whole text.
        segmented: Its sentences.
        stretches: Of the text, in order. Only loose ones are cut off.
    """
    segments: list[Segment] = []
    done = 0
    for each in segmented.segments:
        inside = within(stretches, each.start, each.end)
        start = _beginning(text, each.start, inside)
        end = _end(text, start, each.end, inside)
        sentence = text[start:end].strip()
        if not sentence:
            continue
        start = text.index(sentence, start)
        segments.append(Segment(sentence, text[done:start], start))
        done = segments[-1].end
    return Segmented(tuple(segments), text[done:])


def _beginning(text: str, start: int, stretches: Sequence[Stretch]) -> int:
    """Behind the last symbol of the loose stretches that a sentence begins with."""
    seen = start
    for stretch in stretches:
        begin, end = stretch.span
        if not stretch.is_loose or text[seen:begin].strip():
            break
        seen = end
        if _is_symbol(text[begin:end]):
            start = end
    return start


def _end(text: str, start: int, end: int, stretches: Sequence[Stretch]) -> int:
    """Before the first of the loose stretches that a sentence ends with and does not need."""
    seen = end
    for stretch in reversed(stretches):
        begin, behind = stretch.span
        if not stretch.is_loose or begin < start or text[behind:seen].strip():
            break
        seen = begin
        if _is_symbol(text[begin:behind]) or text[start:begin].rstrip()[-1:] in _LAST_MARKS:
            end = begin
    return end


def _is_symbol(copied: str) -> bool:
    """Whether it is no word or figure, and no quotation mark or bracket with a partner within."""
    return not any(
        character.isalpha() or character.isdecimal() or unicodedata.category(character) in _PAIRED
        for character in _KEYCAP.sub("", copied)
    )
