"""Documents translated without a model."""

from collections.abc import Callable

from service.files import FileLimits, open_document
from service.files.document import Passage

LIMITS = FileLimits(max_unpacked_bytes=10_000_000, max_characters=100_000)


def translated(extension: str, data: bytes, translate: Callable[[str], str] = str.upper) -> bytes:
    """The document with each string of each passage translated by itself, tags where they are."""

    def passage(given: Passage) -> Passage:
        return tuple(translate(piece) if isinstance(piece, str) else piece for piece in given)

    document = open_document(extension, data, LIMITS)
    return document.written([passage(each) for each in document.passages])


def unchanged(extension: str, data: bytes) -> bytes:
    """The document after a translation that says the same."""
    return translated(extension, data, str)
