"""OpenDocument texts (.odt): paragraphs and headings, wherever they stand."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from service.errors import RequestError
from service.files.archive import read_archive
from service.files.document import FileLimits
from service.files.inline import Break, Item, Node, flatten
from service.files.packaged import PackagedDocument, Paragraph, read_parts
from service.files.xml import Element, Tree

_WHAT = "an OpenDocument text (.odt)"
_MIMETYPE = b"application/vnd.oasis.opendocument.text"
_MANIFEST = "META-INF/manifest.xml"
# The body; headers and footers, which belong to the styles of pages.
_PARTS = ("content.xml", "styles.xml")
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_STRING_VALUE = f"{_OFFICE}string-value"
_PARAGRAPHS = (f"{_TEXT}p", f"{_TEXT}h")
# Formatted text, links, text with metadata.
_CONTAINERS = frozenset(f"{_TEXT}{name}" for name in ("span", "a", "meta", "meta-field"))
# Of links in links; nobody writes such text, and what is deeper stays as it is.
_MOST_DEPTH = 50
_BREAKS = frozenset(f"{_TEXT}{name}" for name in ("line-break", "tab"))
# Where the text was broken into pages; and remarks and changes, which are not its text.
_STALE = frozenset({f"{_TEXT}soft-page-break"})
_NOT_TEXT = (f"{_TEXT}tracked-changes", f"{_OFFICE}annotation")


def open_opendocument(data: bytes, limits: FileLimits) -> PackagedDocument:
    """Read an OpenDocument text: body, tables, frames, notes, headers and footers.

    Raises:
        RequestError: The bytes are none, are damaged, or need a password.
        TooLarge: It unpacks to more, or has more text or tags, than `limits` allow.
    """
    archive = read_archive(data, _WHAT, limits.max_unpacked_bytes)
    if not archive.content("mimetype", _WHAT).strip().startswith(_MIMETYPE):
        raise RequestError(f"the file is not {_WHAT}: its mimetype is another")
    if b"encryption-data" in archive.contents.get(_MANIFEST, b""):
        raise RequestError("the file is protected by a password; send it without")
    archive.content(_PARTS[0], _WHAT)
    parts = [part for part in _PARTS if part in archive.contents]
    return read_parts(archive, parts, _paragraphs, limits)


def _paragraphs(tree: Tree) -> Iterator[Paragraph]:
    aside = {inner for outer in tree.iter(*_NOT_TEXT) for inner in outer.iter(*_PARAGRAPHS)}
    for element in tree.iter(*_PARAGRAPHS):
        if element not in aside:
            yield Paragraph(flatten(_items(element)), partial(_put, element))


def _items(element: Element, depth: int = 0) -> tuple[Item, ...]:
    """What stands in a paragraph, or in a part of one that is in `depth` others."""
    items: list[Item] = [_spaced(element.text)]
    for child in element:
        if child.tag in _CONTAINERS and depth < _MOST_DEPTH:
            items.append(Node(child, _items(child, depth + 1)))
        elif child.tag in _BREAKS:
            items.append(Break(child))
        elif child.tag not in _STALE:
            items.append(Node(child, None))
        items.append(_spaced(child.tail))
    return tuple(items)


def _spaced(text: str | None) -> str:
    """White space means one space in this format; more are written as elements."""
    return re.sub(r"[ \t\r\n]+", " ", text or "")


def _put(paragraph: Element, items: Sequence[Item]) -> None:
    _fill(paragraph, items)
    cell = paragraph.getparent()
    if cell is not None and _STRING_VALUE in cell.attrib:
        # Some say a cell's text twice; without the attribute, it is what is in the cell.
        if len(cell) == 1:
            cell.set(_STRING_VALUE, "".join(paragraph.itertext()))
        else:
            del cell.attrib[_STRING_VALUE]


def _fill(element: Element, items: Sequence[Item]) -> None:
    element.text = None
    for child in [*element]:
        element.remove(child)
    last: Element | None = None
    for item in items:
        if isinstance(item, str):
            if last is None:
                element.text = (element.text or "") + item
            else:
                last.tail = (last.tail or "") + item
            continue
        shell = item.shell
        assert isinstance(shell, Element)
        if isinstance(item, Node) and item.children is not None:
            _fill(shell, item.children)
        shell.tail = None
        element.append(shell)
        last = shell
