"""Books (.epub): their pages and tables of contents."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

from service.errors import RequestError
from service.files.archive import Archive, read_archive, write_archive
from service.files.document import Allowance, FileLimits, Passage
from service.files.marked import MarkedDocument, open_marked
from service.files.xml import Element, parse
from service.markup.document import Markup

_WHAT = "a book (.epub)"
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
# What is read, and how. The title and the author of a book are not its text.
_MARKUPS = {
    "application/xhtml+xml": Markup("html"),
    "application/x-dtbncx+xml": Markup("xml", frozenset({"docTitle", "docAuthor"})),
}


@dataclass(frozen=True, slots=True)
class Book:
    """See `Document`.

    Attributes:
        archive: The file.
        pages: By name of entry, in the order of the book's list of its files.
    """

    archive: Archive
    pages: Mapping[str, MarkedDocument]

    @property
    def passages(self) -> Sequence[Passage]:
        """See `Document`."""
        return [passage for page in self.pages.values() for passage in page.passages]

    def written(self, translations: Sequence[Passage]) -> bytes:
        """See `Document`."""
        rest = iter(translations)
        changed = {
            name: page.written([*islice(rest, len(page.passages))])
            for name, page in self.pages.items()
        }
        return write_archive(self.archive, changed)


def open_book(data: bytes, limits: FileLimits) -> Book:
    """Read a book.

    Raises:
        RequestError: The bytes are none, are damaged, or its pages are encrypted.
        TooLarge: It unpacks to more, or has more text or tags, than `limits` allow.
    """
    archive = read_archive(data, _WHAT, limits.max_unpacked_bytes)
    container = parse(archive.content(_CONTAINER, _WHAT), _CONTAINER).getroot()
    package = next((each.get("full-path", "") for each in container.iter("{*}rootfile")), "")
    listed = parse(archive.content(package, _WHAT), package).getroot()
    locked = _encrypted(archive)
    allowance = Allowance(limits)
    pages: dict[str, MarkedDocument] = {}
    for item in listed.iter("{*}item"):
        name = _entry(item, package)
        markup = _MARKUPS.get(item.get("media-type", ""))
        if markup is None or name not in archive.contents:
            continue
        if name in locked:
            raise RequestError("the book's pages are encrypted; send it without protection")
        pages[name] = open_marked(archive.contents[name], markup, allowance)
    if not pages:
        raise RequestError(f"the file is not {_WHAT}: it lists no pages")
    return Book(archive, pages)


def _entry(item: Element, package: str) -> str:
    """The name of the entry that an item of a package stands for."""
    return posixpath.normpath(
        posixpath.join(posixpath.dirname(package), unquote(item.get("href", "")))
    )


def _encrypted(archive: Archive) -> frozenset[str]:
    """Entries that are encrypted. Often these are fonts, which nobody reads here."""
    if _ENCRYPTION not in archive.contents:
        return frozenset()
    return frozenset(_references(parse(archive.contents[_ENCRYPTION], _ENCRYPTION).getroot()))


def _references(encryption: Element) -> Iterator[str]:
    for reference in encryption.iter("{*}CipherReference"):
        yield unquote(reference.get("URI", ""))
