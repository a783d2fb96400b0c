"""Plain text: every line is a passage."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import RequestError
from service.files.document import Allowance, FileLimits, Passage
from service.markup.tagged import plain_text

# Longest first: UTF-16's mark begins UTF-32's.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How text was bytes, so that it can become the same again."""

    mark: bytes
    codec: str

    def encode(self, text: str) -> bytes:
        """The bytes of `text`."""
        # What a codec has no bytes for, HTML and XML can refer to; UTF has bytes for all.
        return self.mark + text.encode(self.codec, "xmlcharrefreplace")


def decode(data: bytes) -> tuple[str, Encoding]:
    """The text of a file and its encoding: UTF-8, or what a byte order mark says.

    Raises:
        RequestError: It is in another. To guess which would now and then make nonsense.
    """
    encoding = next(
        (Encoding(mark, codec) for mark, codec in _BYTE_ORDER_MARKS if data.startswith(mark)),
        Encoding(b"", "utf-8"),
    )
    try:
        text = data[len(encoding.mark) :].decode(encoding.codec)
    except UnicodeDecodeError:
        raise RequestError(
            "the file is not text in UTF-8, nor in UTF-16 with a byte order mark; save it as UTF-8"
        ) from None
    if "\0" in text:
        raise RequestError("the file is not text: it has a null character")
    return text, encoding


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text cut up so that joining gives it back: `fixed` around and between the passages.

    Attributes:
        passages: What is translated.
        fixed: One more than there are passages.
        encoding: Of the file.
    """

    passages: tuple[Passage, ...]
    fixed: tuple[str, ...]
    encoding: Encoding

    def written(self, translations: Sequence[Passage]) -> bytes:
        """See `Document`."""
        first, *others = self.fixed
        pairs = zip(translations, others, strict=True)
        text = first + "".join(plain_text(said) + fixed for said, fixed in pairs)
        return self.encoding.encode(text)


def open_plain(data: bytes, limits: FileLimits) -> Pieces:
    """Read plain text; white space around lines stays as it is.

    Raises:
        RequestError: The bytes are not text.
        TooLarge: It has more text than `limits` allow.
    """
    text, encoding = decode(data)
    allowance = Allowance(limits)
    passages: list[Passage] = []
    fixed: list[str] = []
    done = place = 0
    for line in text.splitlines(keepends=True):
        content = line.strip()
        if content:
            start = place + line.index(content)
            fixed.append(text[done:start])
            passages.append((content,))
            allowance.take(passages[-1])
            done = start + len(content)
        place += len(line)
    return Pieces(tuple(passages), (*fixed, text[done:]), encoding)
