"""What stands in a paragraph of WordprocessingML, as items, and items as a paragraph."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeAlias

from lxml import etree

from service.files.inline import Break, Item, Node
from service.files.xml import Element

_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
# What holds runs without being one.
_CONTAINERS = frozenset(
    {"hyperlink", "ins", "moveTo", "smartTag", "customXml", "bdo", "dir", "sdt"}
)
# What an element says of itself.
_PROPERTIES = frozenset({"pPr", "rPr", "smartTagPr", "customXmlPr", "sdtPr", "sdtEndPr", "fldData"})
# What Word found out about the text as it was, and what only that text's hyphenation needs.
_STALE = frozenset({"proofErr", "lastRenderedPageBreak", "softHyphen"})
_BREAKS = frozenset({"br", "cr", "tab", "ptab"})
# Of links in links; nobody writes such text, and what is deeper stays as it is.
_MOST_DEPTH = 50
# Two runs that differ only in these look the same.
_UNSEEN = frozenset({"lang", "noProof", "rPrChange"})


@dataclass(frozen=True, slots=True)
class _Look:
    """Runs that do not look like most of the text around them."""

    properties: Element | None


@dataclass(frozen=True, slots=True)
class _Container:
    """An element around runs, and how most of the text in it looks."""

    element: Element
    properties: Element | None


@dataclass(frozen=True, slots=True)
class _Link:
    """A field that is a link: what stands before and behind the text of it."""

    before: tuple[Element, ...]
    behind: tuple[Element, ...]
    properties: Element | None


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Elements that stay as they are, side by side."""

    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Something in a run that is not text: a picture, the number of a footnote."""

    element: Element
    properties: Element | None


@dataclass(frozen=True, slots=True)
class _Run:
    """Text or a break in a run, and how the run looks."""

    item: str | Break
    look: bytes
    properties: Element | None


_Atom: TypeAlias = _Run | Node


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in a paragraph.

    Attributes:
        items: Text, and whatever else there is.
        properties: How most of the text looks, as a run's `rPr`.
    """

    items: tuple[Item, ...]
    properties: Element | None


def read_content(children: Sequence[Element], depth: int = 0) -> Content:
    """What stands in some neighbouring elements of a paragraph.

    Args:
        children: The elements.
        depth: How many elements of the paragraph they are in.
    """
    atoms = [*_atoms(children, depth)]
    base = _most_common(atoms)
    items: list[Item] = []
    group: list[Item] = []  # of one look
    look = base

    def end_group() -> None:
        if look is None or base is None or look.look == base.look:
            items.extend(group)
        else:
            items.append(Node(_Look(look.properties), tuple(group)))
        group.clear()

    for atom in atoms:
        if isinstance(atom, _Run):
            if look is None or atom.look != look.look:
                end_group()
                look = atom
            group.append(atom.item)
        elif atom.children is None:
            group.append(atom)  # brings its own look
        else:
            end_group()
            look = base
            items.append(atom)
    end_group()
    return Content(tuple(items), base.properties if base else None)


def content_of(element: Element) -> list[Element]:
    """The children of a paragraph or a container that are its content."""
    holder = _holder(element)
    return [
        child
        for child in holder
        if isinstance(child.tag, str) and _name(child) not in _PROPERTIES | _STALE
    ]


def write_content(element: Element, items: Sequence[Item], properties: Element | None) -> None:
    """Put items into a paragraph in place of its content."""
    holder = _holder(element)
    for child in [*holder]:
        if not isinstance(child.tag, str) or _name(child) not in _PROPERTIES:
            holder.remove(child)
    _write(holder, items, properties)


def _write(holder: Element, items: Sequence[Item], properties: Element | None) -> None:
    for item in items:
        if isinstance(item, str):
            text = etree.SubElement(_new_run(holder, properties), _named(holder, "t"))
            text.text = item
            text.set(_SPACE, "preserve")
        elif isinstance(item, Break):
            assert isinstance(item.shell, Element)
            _new_run(holder, properties).append(item.shell)
        else:
            _write_node(holder, item)


def _write_node(holder: Element, node: Node) -> None:
    children = node.children or ()
    match node.shell:
        case _Fixed(elements):
            holder.extend(elements)
        case _Part(element, own):
            _new_run(holder, own).append(element)
        case _Look(own):
            _write(holder, children, own)
        case _Container(element, own):
            write_content(element, children, own)
            holder.append(element)
        case _Link(before, behind, own):
            holder.extend(before)
            _write(holder, children, own)
            holder.extend(behind)
        case _:
            raise AssertionError(f"no such shell: {node.shell!r}")


def _new_run(holder: Element, properties: Element | None) -> Element:
    run = etree.SubElement(holder, _named(holder, "r"))
    if properties is not None:
        run.append(deepcopy(properties))
    return run


def _atoms(children: Sequence[Element], depth: int) -> Iterator[_Atom]:
    """Runs by their parts, and everything that is not a run."""
    ends = _field_ends(children)
    place = 0
    while place < len(children):
        child = children[place]
        end = ends.get(place, place) + 1
        if depth < _MOST_DEPTH and (_name(child) in _CONTAINERS or _is_simple_link(child)):
            content = read_content(content_of(child), depth + 1)
            yield Node(_Container(child, content.properties), content.items)
        elif _name(child) != "r":
            yield Node(_Fixed((child,)), None)
        elif _field_chars(child):
            yield _read_field(children[place:end], depth)
        else:
            yield from _run(child)
        place = end


def _run(run: Element) -> Iterator[_Atom]:
    properties = next((child for child in run if _name(child) == "rPr"), None)
    look = _look(properties)
    for child in run:
        name = _name(child)
        if name == "t":
            yield _Run(_text(child), look, properties)
        elif name == "noBreakHyphen":
            yield _Run("\u2011", look, properties)
        elif name in _BREAKS:
            yield _Run(Break(child), look, properties)
        elif name and name not in _PROPERTIES | _STALE:
            yield Node(_Part(child, properties), None)


def _field_ends(children: Sequence[Element]) -> dict[int, int]:
    """Of the runs in which fields begin, those in which they end, where they do."""
    ends: dict[int, int] = {}
    open_fields: list[int] = []
    for place, child in enumerate(children):
        for kind in _field_chars(child):
            if kind == "begin":
                open_fields.append(place)
            elif kind == "end" and open_fields:
                ends[open_fields.pop()] = place
    return ends


def _read_field(field: Sequence[Element], depth: int) -> Node:
    """A link is text; a page number, a date, a reference is not."""
    kinds = [_field_chars(run) for run in field]
    is_whole = kinds[0] == ["begin"] and kinds[-1] == ["end"] and ["separate"] in kinds
    if is_whole and depth < _MOST_DEPTH:
        result = kinds.index(["separate"]) + 1
        if _is_link("".join("".join(run.itertext()) for run in field[:result])):
            content = read_content(field[result:-1], depth + 1)
            shell = _Link(tuple(field[:result]), tuple(field[-1:]), content.properties)
            return Node(shell, content.items)
    return Node(_Fixed(tuple(field)), None)


def _is_simple_link(element: Element) -> bool:
    instruction = element.get(_named(element, "instr"), "") if _name(element) else ""
    return _name(element) == "fldSimple" and _is_link(instruction)


def _is_link(instruction: str) -> bool:
    return instruction.split()[:1] == ["HYPERLINK"]


def _field_chars(run: Element) -> list[str]:
    """What a run has of a field: "begin", "separate", "end"."""
    if _name(run) != "r":
        return []
    return [
        child.get(_named(child, "fldCharType"), "") for child in run if _name(child) == "fldChar"
    ]


def _most_common(atoms: Sequence[_Atom]) -> _Run | None:
    """The first run of the look that most characters have."""
    characters: Counter[bytes] = Counter()
    first: dict[bytes, _Run] = {}
    for atom in atoms:
        if isinstance(atom, _Run):
            first.setdefault(atom.look, atom)
            characters[atom.look] += len(atom.item) if isinstance(atom.item, str) else 0
    return first[max(characters, key=lambda look: characters[look])] if first else None


def _look(properties: Element | None) -> bytes:
    if properties is None:
        return b""
    seen = [
        etree.tostring(each, method="c14n") for each in properties if _name(each) not in _UNSEEN
    ]
    return b"".join(sorted(seen))


def _text(element: Element) -> str:
    text = re.sub(r"[\t\r\n]", " ", element.text or "")
    return text if element.get(_SPACE) == "preserve" else text.strip(" ")


def _holder(element: Element) -> Element:
    """Where the content of an element is: itself, but for a content control."""
    if _name(element) != "sdt":
        return element
    inner = next((child for child in element if _name(child) == "sdtContent"), None)
    return element if inner is None else inner


def _name(element: Element) -> str:
    """Without its namespace; nothing for a comment."""
    tag = element.tag  # made anew with every look
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _named(like: Element, name: str) -> str:
    """`name` in the namespace of another element."""
    return f"{{{etree.QName(like).namespace}}}{name}"
