"""Tags between the words of a text, with the white space where a reader expects it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from service.markup.tagged import Kind, Piece, tidied
from service.text.normalise import Span


@dataclass(frozen=True, slots=True)
class Placed:
    """Tags and where they go.

    Attributes:
        gap: Number of words of the target in front of them.
        kind: An opening tag stays with the word behind it, a closing tag with the word before it.
        pieces: The tags.
        space_before: Only of what is empty: white space stood before it.
        space_after: Only of what is empty: white space stood behind it.
        parts_words: Only of what is empty: it stood where white space would otherwise have been.
    """

    gap: int
    kind: Kind
    pieces: tuple[Piece, ...]
    space_before: bool = False
    space_after: bool = False
    parts_words: bool = False


def weave(target: str, target_words: Sequence[Span], placed: Sequence[Placed]) -> list[Piece]:
    """`target` with tags between its words.

    White space around what is empty is as it was in the source. All else of the target is kept.

    Args:
        target: Plain text.
        target_words: The places of its words: everything that is no white space.
        placed: In the order in which they are to be read; gaps never go down.
    """
    by_gap = {gap: list(group) for gap, group in groupby(placed, key=lambda each: each.gap)}
    pieces: list[Piece] = []
    for gap in range(len(target_words) + 1):
        start = target_words[gap - 1][1] if gap else 0
        end = target_words[gap][0] if gap < len(target_words) else len(target)
        pieces += _gap(target, (start, end), by_gap.get(gap, []))
        if gap < len(target_words):
            pieces.append(target[slice(*target_words[gap])])
    return tidied(pieces)


def _gap(target: str, span: Span, events: Sequence[Placed]) -> list[Piece]:
    """What stands between two words."""
    space = target[slice(*span)]
    if not events:
        return [space]
    # Before the first, between each two, behind the last.
    spaces = [""] * (len(events) + 1)
    wanted = [slot for slot in range(len(spaces)) if _wants_space(events, slot)]
    if not space:
        before, after = target[: span[0]][-1:], target[span[1] :][:1]
        if not before.isalnum():
            wanted = [slot for slot in wanted if slot != 0]
        if not after.isalnum():
            wanted = [slot for slot in wanted if slot != len(events)]
    if wanted:
        spaces[wanted[0]] = space or " "
        for slot in wanted[1:]:
            spaces[slot] = " "
    elif not any(event.parts_words for event in events):
        opening = [slot for slot, event in enumerate(events) if event.kind is Kind.OPEN]
        spaces[opening[0] if opening else len(events)] = space
    pieces: list[Piece] = [spaces[0]]
    for event, behind in zip(events, spaces[1:], strict=True):
        pieces += [*event.pieces, behind]
    return pieces


def _wants_space(events: Sequence[Placed], slot: int) -> bool:
    return (slot > 0 and events[slot - 1].space_after) or (
        slot < len(events) and events[slot].space_before
    )
