"""Word documents (.docx): paragraphs of WordprocessingML, wherever they stand.

A paragraph is runs of text, each with its formatting, and things between and around them:
links, fields, bookmarks, pictures. What most of a paragraph's text looks like is the look of
its translation; where a run looks otherwise, the words that translate it do.
"""

from collections.abc import Iterator
from functools import partial

from lxml import etree

from service.errors import RequestError
from service.files.archive import read_archive
from service.files.document import FileLimits
from service.files.inline import flatten
from service.files.packaged import PackagedDocument, Paragraph, read_parts
from service.files.word_inline import read_content, write_content
from service.files.xml import Tree, parse

_WHAT = "a Word document (.docx)"
_TYPES = "[Content_Types].xml"
_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.{}+xml"
_MAIN = "document.main"
# Comments are not the document's text. The order is that of translation.
_DELETED = ("del", "moveFrom")  # tracked changes keep what was there before
_PARTS = (_MAIN, "header", "footer", "footnotes", "endnotes")


def open_word(data: bytes, limits: FileLimits) -> PackagedDocument:
    """Read a Word document: body, tables, text boxes, headers, footers and notes.

    Raises:
        RequestError: The bytes are none, or damaged.
        TooLarge: It unpacks to more, or has more text or tags, than `limits` allow.
    """
    archive = read_archive(data, _WHAT, limits.max_unpacked_bytes)
    types = parse(archive.content(_TYPES, _WHAT), _TYPES).getroot()
    parts = [
        override.get("PartName", "").lstrip("/")
        for kind in _PARTS
        for override in types.iter("{*}Override")
        if override.get("ContentType") == _TYPE.format(kind)
    ]
    if not parts:
        raise RequestError(f"the file is not {_WHAT}: it has no main document")
    for part in parts:
        archive.content(part, _WHAT)
    return read_parts(archive, [*dict.fromkeys(parts)], _paragraphs, limits)


def _paragraphs(tree: Tree) -> Iterator[Paragraph]:
    namespace = etree.QName(tree.getroot()).namespace
    deleted = [f"{{{namespace}}}{name}" for name in _DELETED]
    for element in tree.iter(f"{{{namespace}}}p"):
        if next(element.iterancestors(*deleted), None) is not None:
            continue
        content = read_content(element)
        put = partial(write_content, element, properties=content.properties)
        yield Paragraph(flatten(content.items), put)
