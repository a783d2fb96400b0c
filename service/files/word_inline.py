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
# What Word found out about the text as it was, what only that text's hyphenation needs; comments.
_STALE = frozenset({"proofErr", "lastRenderedPageBreak", "softHyphen", ""})
_BREAKS = frozenset({"br", "cr", "tab", "ptab"})
# Of links in links; nobody writes such text, and what is deeper stays as it is.
_MOST_DEPTH = 50
# Two runs that differ only in these look the same.
_UNSEEN = frozenset({"lang", "noProof", "rPrChange"})


@dataclass(frozen=True, slots=True)
class _Part:
    """What is in a run, or stands between runs.

    Attributes:
        element: It.
        is_in_run: Whether it has to be in one again.
        properties: Of its run.
        look: The same, comparable.
    """

    element: Element
    is_in_run: bool
    properties: Element | None
    look: bytes


@dataclass(frozen=True, slots=True)
class _Text:
    """Text or a break, and where it was."""

    item: str | Break
    part: _Part


@dataclass(frozen=True, slots=True)
class _Look:
    """Text that does not look like most of the text around it."""

    properties: Element | None


@dataclass(frozen=True, slots=True)
class _Container:
    """An element around runs, and how most of the text in it looks."""

    element: Element
    properties: Element | None


@dataclass(frozen=True, slots=True)
class _Link:
    """A field that is a link: what stands before and behind the text of it."""

    before: tuple[_Part, ...]
    behind: tuple[_Part, ...]
    properties: Element | None


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Parts that stay as they are, side by side."""

    parts: tuple[_Part, ...]


_Atom: TypeAlias = _Text | Node


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in a paragraph.

    Attributes:
        items: Text, and whatever else there is.
        properties: How most of the text looks, as a run's `rPr`.
    """

    items: tuple[Item, ...]
    properties: Element | None


def read_content(element: Element, depth: int = 0) -> Content:
    """What stands in a paragraph, or in a container that is in `depth` others."""
    children = [child for child in _holder(element) if _name(child) not in _PROPERTIES]
    return _content([*_parts(children)], depth)


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
        case _Fixed(parts):
            _write_parts(holder, parts)
        case _Look(own):
            _write(holder, children, own)
        case _Container(element, own):
            write_content(element, children, own)
            holder.append(element)
        case _Link(before, behind, own):
            _write_parts(holder, before)
            _write(holder, children, own)
            _write_parts(holder, behind)
        case _:
            raise AssertionError(f"no such shell: {node.shell!r}")


def _write_parts(holder: Element, parts: Sequence[_Part]) -> None:
    for part in parts:
        run = _new_run(holder, part.properties) if part.is_in_run else holder
        run.append(part.element)


def _new_run(holder: Element, properties: Element | None) -> Element:
    run = etree.SubElement(holder, _named(holder, "r"))
    if properties is not None:
        run.append(deepcopy(properties))
    return run


def _parts(children: Sequence[Element]) -> Iterator[_Part]:
    """What is in runs, and what stands between them."""
    for child in children:
        if _name(child) == "r":
            properties = next((each for each in child if _name(each) == "rPr"), None)
            look = _look(properties)
            for each in child:
                if _name(each) not in _PROPERTIES | _STALE:
                    yield _Part(each, True, properties, look)
        elif _name(child) not in _STALE:
            yield _Part(child, False, None, b"")


def _content(parts: Sequence[_Part], depth: int) -> Content:
    """Parts as items: what looks like most of the text, and groups of what does not."""
    atoms = [*_atoms(parts, depth)]
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
        if isinstance(atom, _Text):
            if look is None or atom.part.look != look.look:
                end_group()
                look = atom.part
            group.append(atom.item)
        elif atom.children is None:
            group.append(atom)  # brings its own look
        else:
            end_group()
            look = base
            items.append(atom)
    end_group()
    return Content(tuple(items), base.properties if base else None)


def _atoms(parts: Sequence[_Part], depth: int) -> Iterator[_Atom]:
    ends = _field_ends(parts)
    place = 0
    while place < len(parts):
        part = parts[place]
        end = ends.get(place, place) + 1
        yield _atom(part, depth) if end == place + 1 else _field(parts[place:end], depth)
        place = end


def _atom(part: _Part, depth: int) -> _Atom:
    """What one part is."""
    element = part.element
    name = _name(element)
    if part.is_in_run and name == "t":
        return _Text(_text(element), part)
    if part.is_in_run and name == "noBreakHyphen":
        return _Text("\u2011", part)
    if part.is_in_run and name in _BREAKS:
        return _Text(Break(element), part)
    if depth < _MOST_DEPTH and (name in _CONTAINERS or _is_simple_link(element)):
        content = read_content(element, depth + 1)
        return Node(_Container(element, content.properties), content.items)
    return Node(_Fixed((part,)), None)


def _field_ends(parts: Sequence[_Part]) -> dict[int, int]:
    """Where fields begin and, if they do, end."""
    ends: dict[int, int] = {}
    open_fields: list[int] = []
    for place, part in enumerate(parts):
        kind = _field_part(part)
        if kind == "begin":
            open_fields.append(place)
        elif kind == "end" and open_fields:
            ends[open_fields.pop()] = place
    return ends


def _field(parts: Sequence[_Part], depth: int) -> Node:
    """A field: a link is text; a page number, a date, a reference is not."""
    kinds = [_field_part(part) for part in parts]
    if "separate" in kinds and depth < _MOST_DEPTH:
        result = kinds.index("separate") + 1
        before = parts[:result]
        if _is_link("".join(part.element.text or "" for part in before)):
            content = _content(parts[result:-1], depth + 1)
            shell = _Link(tuple(before), (parts[-1],), content.properties)
            return Node(shell, content.items)
    return Node(_Fixed(tuple(parts)), None)


def _field_part(part: _Part) -> str:
    """What of a field a part is: "begin", "separate", "end", or nothing."""
    if _name(part.element) != "fldChar":
        return ""
    return part.element.get(_named(part.element, "fldCharType"), "")


def _is_simple_link(element: Element) -> bool:
    instruction = element.get(_named(element, "instr"), "") if _name(element) else ""
    return _name(element) == "fldSimple" and _is_link(instruction)


def _is_link(instruction: str) -> bool:
    return instruction.split()[:1] == ["HYPERLINK"]


def _most_common(atoms: Sequence[_Atom]) -> _Part | None:
    """A part of the look that most characters have."""
    characters: Counter[bytes] = Counter()
    first: dict[bytes, _Part] = {}
    for atom in atoms:
        if isinstance(atom, _Text):
            first.setdefault(atom.part.look, atom.part)
            length = len(atom.item) if isinstance(atom.item, str) else 0
            characters[atom.part.look] += length
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
