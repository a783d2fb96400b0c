"""XML that somebody sent: read without entities or addresses being followed, written as it was."""

from typing import TypeAlias

from lxml import etree

from service.errors import RequestError

# lxml's types are public; their names are not.
Element: TypeAlias = etree._Element  # noqa: SLF001
Tree: TypeAlias = etree._ElementTree  # noqa: SLF001


def parse(data: bytes, name: str) -> Tree:
    """Read XML; comments, white space and namespace prefixes stay.

    Args:
        data: The XML.
        name: What it is, for messages.

    Raises:
        RequestError: It is not well-formed, or has a document type, by which XML can ask its
            reader for gigabytes of memory and for files.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, strip_cdata=False
    )
    # Without one there are no entities. In UTF-16 it would be missed here, not below.
    if b"<!DOCTYPE" in data:
        raise RequestError(f"{name} in the file has a document type (DOCTYPE), which is refused")
    try:
        tree = etree.ElementTree(etree.fromstring(data, parser))
    except (etree.XMLSyntaxError, ValueError):
        raise RequestError(f"{name} in the file is damaged: it is not well-formed XML") from None
    if tree.docinfo.internalDTD is not None:
        raise RequestError(f"{name} in the file has a document type (DOCTYPE), which is refused")
    return tree


def serialise(tree: Tree) -> bytes:
    """A tree as UTF-8 with a declaration."""
    return etree.tostring(
        tree, xml_declaration=True, encoding="UTF-8", standalone=tree.docinfo.standalone
    )
