"""Word documents (.docx): paragraphs of WordprocessingML, wherever they stand.

A paragraph is runs of text, each with its formatting, and things between and around them:
links, fields, bookmarks, pictures. What most of a paragraph's text looks like is the look of
its translation; where a run looks otherwise, the words that translate it do.
"""

from collections.abc import Iterator, Sequence

from lxml import etree

from service.errors import RequestError
from service.files.archive import read_archive
from service.files.document import FileLimits
from service.files.inline import Item
from service.files.packaged import PackagedDocument, Paragraph, paragraph_of
from service.files.word_inline import content_of, read_content, write_content
from service.files.xml import Element, Tree, parse

_WHAT = "a Word document (.docx)"
_TYPES = "[Content_Types].xml"
_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.{}+xml"
_MAIN = "document.main"
# Comments are not the document's text. The order is that of translation.
_PARTS = (_MAIN, "header", "footer", "footnotes", "endnotes")


def open_word(data: bytes, limits: FileLimits) -> PackagedDocument:
    """Read a Word document: body, tables, text boxes, headers, footers and notes.

    Raises:
        RequestError: The bytes are none, or damaged.
        TooLarge: It unpacks to more than `limits` allow.
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
    trees: dict[str, Tree] = {}
    paragraphs: list[Paragraph] = []
    for part in dict.fromkeys(parts):
        tree = parse(archive.content(part, _WHAT), part)
        found = [*_paragraphs(tree)]
        if found:
            trees[part] = tree
            paragraphs += found
    return PackagedDocument(archive, trees, paragraphs)


def _paragraphs(tree: Tree) -> Iterator[Paragraph]:
    namespace = etree.QName(tree.getroot()).namespace
    for element in [*tree.iter(f"{{{namespace}}}p")]:
        paragraph = _paragraph(element)
        if paragraph is not None:
            yield paragraph


def _paragraph(element: Element) -> Paragraph | None:
    content = read_content(content_of(element))

    def put(items: Sequence[Item]) -> None:
        write_content(element, items, content.properties)

    return paragraph_of(content.items, put)
