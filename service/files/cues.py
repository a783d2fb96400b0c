"""Sentences that go on in the next cue: joined to be translated, parted again afterwards."""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from service.files.document import Passage
from service.markup.tagged import Kind, Piece, Tag, plain_text

# Where one cue ends and the next begins; it goes where the words go, like any tag.
_NEXT_CUE = Tag(Kind.EMPTY, "next cue", "", " ")
_ENDS = frozenset(".!?…:;")
_QUOTES = "\"'»«”“’)]♪ "
# What belongs to the word before it.
_CLOSING = re.compile(r"[,.!?…:;)»”\]]+\s*")
# Even bad subtitles end a sentence sometimes.
_MOST_CUES = 4


def sentences(cues: Sequence[Passage], can_go_on: Sequence[bool]) -> list[tuple[int, int]]:
    """Neighbouring cues that are translated as one text, as (first, last + 1).

    A cue goes on with a sentence that its neighbour has not ended if it begins with a small
    letter; where scripts have none, nothing is joined.

    Args:
        cues: What is said in each.
        can_go_on: Whether a cue may go on with what is said before it.
    """
    found: list[tuple[int, int]] = []
    for number, cue in enumerate(cues):
        first, end = found[-1] if found else (0, 0)
        joins = (
            found
            and can_go_on[number]
            and end - first < _MOST_CUES
            and _is_open(plain_text(cues[number - 1]))
            and _begins_small(plain_text(cue))
        )
        if joins:
            found[-1] = first, number + 1
        else:
            found.append((number, number + 1))
    return found


def joined(cues: Sequence[Passage]) -> Passage:
    """Cues as one passage."""
    pieces: list[Piece] = []
    for number, cue in enumerate(cues):
        pieces += [_NEXT_CUE, *cue] if number else cue
    return tuple(pieces)


def parted(said: Passage, cues: Sequence[Passage]) -> list[Passage]:
    """The translation of `joined`, cue by cue.

    Each cue has words, if there are enough: where alignment leaves one without, cues get as many
    as they had of the source. A passage with other tags is left as alignment has it.
    """
    parts: list[list[Piece]] = [[]]
    for piece in said:
        if piece == _NEXT_CUE:
            parts.append([])
        elif isinstance(piece, str) and len(parts) > 1 and not parts[-1]:
            mark = _CLOSING.match(piece)
            closing = mark[0] if mark else ""
            parts[-2].append(closing.rstrip())
            parts[-1].append(piece[len(closing) :])
        else:
            parts[-1].append(piece)
    has_tags = any(isinstance(piece, Tag) for part in parts for piece in part)
    if not has_tags and not all(plain_text(part).strip() for part in parts):
        words = " ".join(map(plain_text, parts)).split()
        return list(_in_proportion(words, cues))
    return [tuple(piece for piece in part if piece) for part in parts]


def _in_proportion(words: Sequence[str], cues: Sequence[Passage]) -> Iterator[Passage]:
    lengths = [*accumulate(len(plain_text(cue)) for cue in cues)]
    begin = 0
    for number, length in enumerate(lengths):
        others = len(cues) - number - 1
        share = round(length * len(words) / lengths[-1])
        end = max(begin, min(max(share, begin + 1), len(words) - others))
        text = " ".join(words[begin:end])
        yield (text,) if text else ()
        begin = end


def _is_open(text: str) -> bool:
    last = text.rstrip(_QUOTES)[-1:]
    return last not in _ENDS


def _begins_small(text: str) -> bool:
    return text.lstrip(_QUOTES)[:1].islower()
