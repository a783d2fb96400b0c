"""Translated files that wait to be fetched: few, small, for a while, and gone with the process.

Each is a temporary file that has no name on the disk, so it vanishes with the process however
that ends. Names given out are random and mean nothing; whoever has one may fetch the file.
"""

import secrets
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from service.errors import TooLarge, Unavailable, UnknownFile

_NO_ROOM = "there is no room for the translated file now"


@dataclass(frozen=True, slots=True)
class ResultLimits:
    """What is kept.

    Attributes:
        max_files: Files; beyond it the oldest goes.
        max_bytes: Bytes of all together; beyond it the oldest go.
        max_age_s: Seconds after which a file goes.
    """

    max_files: int
    max_bytes: int
    max_age_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """A translated file.

    Attributes:
        content: Its bytes.
        saved_as: What a client should call it, from the name it sent.
    """

    content: bytes
    saved_as: str


@dataclass(frozen=True, slots=True)
class _Kept:
    file: IO[bytes]
    size: int
    saved_as: str
    until_s: float


class Results:
    """The store. Owned by the event loop; reading and writing a file of some MB is quick.

    Args:
        limits: Of what is kept.
        clock: Monotonic seconds.
    """

    def __init__(self, limits: ResultLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # oldest first
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, result: Result, extension: str) -> str:
        """Keep a file.

        Args:
            result: The file.
            extension: Of its name; with the dot.

        Returns:
            The name to fetch it by.

        Raises:
            TooLarge: It alone is over the limit.
            Unavailable: There is no room for temporary files.
        """
        size = len(result.content)
        if size > self._limits.max_bytes:
            raise TooLarge(
                f"the translated file has {size} bytes; the limit is {self._limits.max_bytes}"
            )
        self.expire()
        while self._kept and (
            len(self._kept) >= self._limits.max_files or self._bytes + size > self._limits.max_bytes
        ):
            self._drop(next(iter(self._kept)))
        file = _temporary(result.content)
        name = secrets.token_urlsafe(24) + extension
        until_s = self._clock() + self._limits.max_age_s
        self._kept[name] = _Kept(file, size, result.saved_as, until_s)
        self._bytes += size
        return name

    def get(self, name: str) -> Result:
        """The file of that name.

        Raises:
            UnknownFile: There is none, or none any more.
        """
        self.expire()
        kept = self._kept.get(name)
        if kept is None:
            raise UnknownFile(
                "there is no such file; files go after "
                f"{self._limits.max_age_s:g} s, or when newer ones need their room"
            )
        kept.file.seek(0)
        return Result(kept.file.read(), kept.saved_as)

    def expire(self) -> None:
        """Drop what is too old."""
        now_s = self._clock()
        while self._kept:
            name, oldest = next(iter(self._kept.items()))
            if oldest.until_s > now_s:
                return
            self._drop(name)

    def close(self) -> None:
        """Drop everything."""
        for name in tuple(self._kept):
            self._drop(name)

    def _drop(self, name: str) -> None:
        kept = self._kept.pop(name)
        kept.file.close()
        self._bytes -= kept.size


def _temporary(content: bytes) -> IO[bytes]:
    """A file without a name that holds `content`."""
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is dropped
    except OSError:
        raise Unavailable(_NO_ROOM) from None
    try:
        file.write(content)
        file.flush()
    except OSError:
        with suppress(OSError):  # closing tries once more to write what did not fit
            file.close()
        raise Unavailable(_NO_ROOM) from None
    return file
