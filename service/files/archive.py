"""Zip archives, read within limits and written in the order they came.

Nothing is unpacked to a disk: names in an archive are keys of a dictionary, never paths.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from service.errors import RequestError, TooLarge

# A large book has some thousand files; each costs memory even when it is empty.
_MAX_ENTRIES = 10_000
# All that the three formats allow. Others may also ask for gigabytes to be unpacked with.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENTRY = b"PK\x01\x02"  # begins each entry of an archive's list
_ENCRYPTED = 0x1  # bit of `ZipInfo.flag_bits`
# What Office makes of a document with a password, and made of all documents before 2007.
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip archive in memory.

    Attributes:
        infos: Its entries in order, with names, dates and methods.
        contents: By name, unpacked.
        comment: Of the archive.
    """

    infos: tuple[zipfile.ZipInfo, ...]
    contents: Mapping[str, bytes]
    comment: bytes

    def content(self, name: str, what: str) -> bytes:
        """An entry that has to be there.

        Raises:
            RequestError: It is not; the file is not `what`.
        """
        if name not in self.contents:
            raise RequestError(f"the file is not {what}: it is an archive without {name}")
        return self.contents[name]


def read_archive(data: bytes, what: str, max_unpacked_bytes: int) -> Archive:
    """Unpack an archive, whole, so that damage is found before any work is done.

    Args:
        data: The file.
        what: What the file should be, for messages: "a Word document (.docx)".
        max_unpacked_bytes: Bytes of all entries together.

    Raises:
        RequestError: It is no zip archive, is damaged, or needs a password.
        TooLarge: It has too many entries or unpacks to too much.
    """
    if data.startswith(_COMPOUND_FILE):
        raise RequestError(
            f"the file is not {what}: it is protected by a password, or in Office's format of "
            "before 2007"
        )
    # Before the entries are listed, which takes more memory than the file itself.
    _check_count(data.count(_ENTRY))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check(infos, what, max_unpacked_bytes)
            # An entry that unpacks to more than it declares is cut there and fails its check sum.
            contents = {info.filename: archive.read(info) for info in infos}
            return Archive(tuple(infos), contents, archive.comment)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OSError,
        OverflowError,
        RuntimeError,
        ValueError,
    ):
        raise RequestError(
            f"the file is not {what}, which is a zip archive, or is damaged"
        ) from None


def write_archive(archive: Archive, changed: Mapping[str, bytes]) -> bytes:
    """`archive` with the content of some entries changed; names, order and dates stay."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.comment = archive.comment
        for info in archive.infos:
            content = changed.get(info.filename, archive.contents[info.filename])
            out.writestr(_fresh(info), content)
    return packed.getvalue()


def _check(infos: list[zipfile.ZipInfo], what: str, max_unpacked_bytes: int) -> None:
    _check_count(len(infos))
    unpacked = sum(info.file_size for info in infos)
    if unpacked > max_unpacked_bytes:
        raise TooLarge(f"the file unpacks to {unpacked} bytes; the limit is {max_unpacked_bytes}")
    if len({info.filename for info in infos}) < len(infos):
        raise RequestError(f"the file is not {what}: two entries have the same name")
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise RequestError("the file is protected by a password; send it without")
    if any(info.compress_type not in _METHODS for info in infos):
        raise RequestError(f"the file is not {what}: it is packed by another method than deflate")


def _check_count(entries: int) -> None:
    if entries > _MAX_ENTRIES:
        raise TooLarge(f"the archive has {entries} entries; the limit is {_MAX_ENTRIES}")


def _fresh(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """What is said of an entry, without where it lay and how long it was."""
    fresh = zipfile.ZipInfo(info.filename, info.date_time)
    fresh.compress_type = info.compress_type
    fresh.comment = info.comment
    fresh.create_system = info.create_system
    fresh.external_attr = info.external_attr
    fresh.internal_attr = info.internal_attr
    return fresh
