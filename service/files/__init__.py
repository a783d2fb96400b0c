"""Documents in, their texts out; the texts translated in, the same documents out.

Pure: bytes and values, no HTTP, no event loop, no model. Each format has a module of its own
that gives a `Document`; nothing a document says is ever used as a path or an address.
"""

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from service.errors import RequestError
from service.files.book import open_book
from service.files.document import Document, FileLimits
from service.files.marked import open_html
from service.files.opendocument import open_opendocument
from service.files.plain import open_plain
from service.files.subtitles import open_subtitles
from service.files.word import open_word

__all__ = ["EXTENSIONS", "Document", "FileLimits", "extension_of", "open_document"]

_OPENERS: Mapping[str, Callable[[bytes, FileLimits], Document]] = {
    ".txt": open_plain,
    ".html": open_html,
    ".srt": open_subtitles,
    ".docx": open_word,
    ".odt": open_opendocument,
    ".epub": open_book,
}

# What can be translated, as LibreTranslate's /frontend/settings lists it.
EXTENSIONS: tuple[str, ...] = tuple(_OPENERS)


def extension_of(name: str) -> str:
    """The ending of a file's name that says its format, in lower case.

    Raises:
        RequestError: It is none that can be translated.
    """
    extension = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if extension not in EXTENSIONS:
        said = "has none" if not extension else "has another"
        raise RequestError(
            f"the file's name has to end in one of {', '.join(EXTENSIONS)}; this one {said}"
        )
    return extension


def open_document(extension: str, data: bytes, limits: FileLimits) -> Document:
    """Read a document.

    Args:
        extension: One of `EXTENSIONS`.
        data: The whole file.
        limits: Of what is unpacked.

    Raises:
        RequestError: `data` is no such document; the message says what was expected.
        TooLarge: It unpacks to more than `limits` allow.
    """
    return _OPENERS[extension](data, limits)
