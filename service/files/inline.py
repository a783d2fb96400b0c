"""What stands in a paragraph: text, formatted text, pictures, breaks; and as a passage.

A format turns a paragraph of its XML into items and items into XML. In between, `flatten` and
`restore` turn items into a passage and its translation into items.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from service.files.document import Passage, peeled
from service.markup.tagged import Kind, Piece, Tag, tidied


@dataclass(frozen=True, slots=True)
class Break:
    """A line break or a tab: what stands on its two sides is translated apart.

    Attributes:
        shell: What the format needs to write it again.
    """

    shell: object


@dataclass(frozen=True, slots=True)
class Node:
    """Something in a paragraph that is not text.

    Attributes:
        shell: What the format needs to write it again, without its content.
        children: What is in it; None when it stands for itself and is not looked into.
    """

    shell: object
    children: "tuple[Item, ...] | None"


Item: TypeAlias = str | Break | Node


@dataclass(frozen=True, slots=True)
class Flat:
    """Items as one text.

    Attributes:
        before: What `peeled` found before the passage.
        passage: To be translated.
        behind: What `peeled` found behind it.
        shells: Of nodes, by the name of their tags.
        breaks: Shells of the breaks, in order; each is a line break in the text.
    """

    before: Passage
    passage: Passage
    behind: Passage
    shells: dict[str, object]
    breaks: tuple[object, ...]


def flatten(items: Sequence[Item]) -> Flat:
    """Items as a passage. No text in them may have a line break."""
    shells: dict[str, object] = {}
    breaks: list[object] = []

    def pieces_of(items: Sequence[Item]) -> Iterator[Piece]:
        for item in items:
            if isinstance(item, str):
                yield item
            elif isinstance(item, Break):
                breaks.append(item.shell)
                yield "\n"
            else:
                name = str(len(shells))
                shells[name] = item.shell
                if item.children is None:
                    yield Tag(Kind.EMPTY, name, "")
                else:
                    yield Tag(Kind.OPEN, name, "")
                    yield from pieces_of(item.children)
                    yield Tag(Kind.CLOSE, name, "")

    before, passage, behind = peeled(tidied(pieces_of(items)))
    return Flat(before, passage, behind, shells, tuple(breaks))


def restore(flat: Flat, translation: Passage) -> list[Item]:
    """Items again, of the translation of `flat.passage`."""
    breaks = iter(flat.breaks)
    items: list[Item] = []
    outside: list[list[Item]] = []  # what stands before each open node
    for piece in (*flat.before, *translation, *flat.behind):
        if isinstance(piece, str):
            items += _lines(piece, breaks)
        elif piece.kind is Kind.EMPTY:
            items.append(Node(flat.shells[piece.name], None))
        elif piece.kind is Kind.OPEN:
            outside.append(items)
            items = []
        else:
            node = Node(flat.shells[piece.name], tuple(items))
            items = outside.pop()
            items.append(node)
    # A translation that lost a line break still loses nothing of the document.
    return [*items, *(Break(shell) for shell in breaks)]


def _lines(text: str, breaks: Iterator[object]) -> Iterator[Item]:
    for number, line in enumerate(text.split("\n")):
        if number:
            shell = next(breaks, None)
            yield " " if shell is None else Break(shell)
        if line:
            yield line
