"""Tags between the words of a text, with the white space where a reader expects it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from service.markup.tagged import Kind, Piece, tidied
from service.text.normalise import Span


@dataclass(frozen=True, slots=True)
class Placed:
    """Tags and where they go.

    Attributes:
        gap: Number of words of the target in front of them.
        kind: An opening tag stays with the word behind it, a closing tag with the word before it.
        pieces: The tags.
        before: Only of what is empty: the character that stood before it; "" for none, or a tag.
        after: Only of what is empty: the character that stood behind it.
        parts_words: Only of what is empty: it stood where white space would otherwise have been.
        is_copy: Only of what is empty: it takes the place of the word behind the gap.
    """

    gap: int
    kind: Kind
    pieces: tuple[Piece, ...]
    before: str = ""
    after: str = ""
    parts_words: bool = False
    is_copy: bool = False


def weave(
    target: str,
    target_words: Sequence[Span],
    placed: Sequence[Placed],
    hidden: Collection[Span] = (),
) -> list[Piece]:
    """`target` with tags between its words.

    White space around what is empty is as it was in the source. All else of the target is kept.

    Args:
        target: Plain text.
        target_words: The places of its words: everything that is no white space.
        placed: In the order in which they are to be read; gaps never go down.
        hidden: Words that only stand for tags: left out, wherever those are.
    """
    between = [each for each in placed if not each.is_copy]
    by_gap = {gap: list(group) for gap, group in groupby(between, key=lambda each: each.gap)}
    copies = {each.gap: each.pieces for each in placed if each.is_copy}
    pieces: list[Piece] = []
    start = 0
    for gap, word in enumerate([*target_words, (len(target), len(target))]):
        pieces += _gap(target, (start, word[0]), by_gap.get(gap, []))
        start = word[1]
        if gap in copies:
            pieces += copies[gap]
        elif word not in hidden:
            pieces.append(target[slice(*word)])
        elif word[0] == 0 or target[word[0] - 1].isspace():
            while target[start : start + 1].isspace():  # one of the two spaces goes as well
                start += 1
    return tidied(pieces)


def _gap(target: str, span: Span, events: Sequence[Placed]) -> list[Piece]:
    """What stands between two words."""
    space = target[slice(*span)]
    if not events:
        return [space]
    line: list[str | Placed] = [
        target[max(0, span[0] - 1) : span[0]],
        *events,
        target[span[1] : span[1] + 1],
    ]
    # Before the first, between each two, behind the last.
    spaces = [""] * (len(events) + 1)
    wanted = [
        slot
        for slot, (one, other) in enumerate(pairwise(line))
        if _are_apart(one, other, is_free=bool(space))
    ]
    # With the word behind the gap, if that is inside of something there.
    usual = next((slot for slot, each in enumerate(events) if each.kind is Kind.OPEN), len(events))
    if space and line[0] and line[-1] and _is_missing(events, wanted, usual):
        wanted = sorted({*wanted, usual})
    for slot in wanted:
        spaces[slot] = " "
    if wanted and space.strip(" "):  # a line break, or a space that does not break
        spaces[wanted[0]] = space.lstrip(" ")
    if not wanted and not any(event.parts_words for event in events):
        spaces[usual] = space
    pieces: list[Piece] = [spaces[0]]
    for event, behind in zip(events, spaces[1:], strict=True):
        pieces += [*event.pieces, behind]
    return pieces


def _is_missing(events: Sequence[Placed], wanted: Sequence[int], usual: int) -> bool:
    """Whether the white space of a gap is all on one side of empty tags that touched a tag on the
    other, so that they would touch a word there.
    """
    points = [slot for slot, event in enumerate(events) if event.kind is Kind.EMPTY]
    if not wanted or not points:
        return False
    first, last = points[0], points[-1]
    behind = not events[last].after and usual > last >= max(wanted)
    ahead = not events[first].before and usual <= first < min(wanted)
    return behind or ahead


def _are_apart(one: str | Placed, other: str | Placed, *, is_free: bool) -> bool:
    """Whether white space comes between two neighbours: tags, or a word by its nearest character.

    It does if it did, unless one is punctuation that touches the word before or behind; and what
    touched punctuation does not touch a word instead.

    Args:
        one: The first.
        other: The second.
        is_free: There is white space between the words that they are between.
    """
    stood = [one.after] if isinstance(one, Placed) else []
    stood += [other.before] if isinstance(other, Placed) else []
    word = one if isinstance(one, str) else other if isinstance(other, str) else None
    if word is None:
        return any(character.isspace() for character in stood)
    [character] = stood
    if is_free and word.isalnum() and character and not character.isalnum():
        return True
    return character.isspace() and (is_free or word.isalnum())
