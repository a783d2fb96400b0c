"""Texts with tags: HTML files, and the pages of books."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import RequestError
from service.files.document import Allowance, FileLimits, Passage
from service.files.plain import Encoding, decode
from service.markup.document import Block, Document, Markup
from service.markup.reading import read
from service.markup.spelling import encoded
from service.markup.tagged import Tag

_HTML = Markup("html")
# Where HTML and XML say how they are encoded: within the first 1024 bytes.
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""")
_LOOK_BYTES = 1024
# What browsers read, as Python calls it; Python itself has stranger ones.
_WEB = re.compile(
    r"ascii|big5|cp(1250|1251|1252|1253|1254|1255|1256|1257|1258|866|874|932|949)"
    r"|euc_..|gb.*|iso8859-.*|iso2022_jp|koi8-.|mac-.*|shift_jis"
)


@dataclass(frozen=True, slots=True)
class MarkedDocument:
    """See `Document`: a text whose paragraphs are translated.

    Attributes:
        document: Its parts.
        encoding: How it was bytes.
    """

    document: Document
    encoding: Encoding

    @property
    def passages(self) -> Sequence[Passage]:
        """See `Document`."""
        return [block.pieces for block in self.document.blocks]

    def written(self, translations: Sequence[Passage]) -> bytes:
        """See `Document`."""
        blocks = zip(self.document.blocks, translations, strict=True)
        text = self.document.with_blocks([_written(block, said) for block, said in blocks])
        return self.encoding.encode(text)


def open_html(data: bytes, limits: FileLimits) -> MarkedDocument:
    """Read HTML, well-formed or not.

    Raises:
        RequestError: The bytes are not text in the encoding that they say, or in UTF-8.
        TooLarge: It has more text or tags than `limits` allow.
    """
    return open_marked(data, _HTML, Allowance(limits))


def open_marked(data: bytes, markup: Markup, allowance: Allowance) -> MarkedDocument:
    """Read a text with tags, which may be one of several.

    Raises:
        RequestError: The bytes are not text in the encoding that they say, or in UTF-8.
        TooLarge: It has more text or tags than `allowance` has left.
    """
    allowance.take_tags(data)
    said = _CHARSET.search(data[:_LOOK_BYTES])
    text, encoding = _decode_as(data, said[1].decode()) if said else decode(data)
    marked = MarkedDocument(read(text, markup), encoding)
    for passage in marked.passages:
        allowance.take(passage)
    return marked


def _decode_as(data: bytes, name: str) -> tuple[str, Encoding]:
    try:
        codec = codecs.lookup(name).name
        if data.startswith(codecs.BOM_UTF8) or codec.startswith("utf"):
            return decode(data)
        if _WEB.fullmatch(codec):
            return data.decode(codec), Encoding(b"", codec)
    except (LookupError, UnicodeError):
        pass
    raise RequestError(
        f"the file says that it is text in {name[:40]}, and it cannot be read so; save it as UTF-8"
    )


def _written(block: Block, said: Passage) -> str:
    if said == block.pieces:
        return block.source
    return "".join(
        piece.source if isinstance(piece, Tag) else encoded(piece, block.spelling) for piece in said
    )
