"""Texts from files and pipes, as soon as they are there."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path

from service.cli.status import CommandFailed

STDIN = "-"
_READ_BYTES = 65_536


class Unit(Enum):
    """What is one text."""

    LINE = auto()
    PARAGRAPH = auto()
    FILE = auto()


def reads(name: str) -> Iterator[bytes]:
    """What is in a file, or comes through standard input, in pieces as they come.

    Raises:
        CommandFailed: It cannot be read.
    """
    try:
        # Unbuffered: Python waits for nobody who still holds a buffer's lock when it ends.
        with open(0 if name == STDIN else name, "rb", buffering=0, closefd=name != STDIN) as file:
            while data := file.read(_READ_BYTES):
                yield data
    except OSError as error:
        raise CommandFailed(f"{name}: {error.strerror}") from None


def lines(name: str, pieces: Iterable[bytes]) -> Iterator[list[str]]:
    """The lines of `pieces`, those that have come together; the last may lack its end.

    Raises:
        CommandFailed: A line of `name` is not UTF-8.
    """
    number = 1
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if whole:
            yield _decoded(name, whole, number)
            number += len(whole)
    if rest:
        yield _decoded(name, [rest], number)


def paragraphs(batches: Iterable[list[str]]) -> Iterator[list[str]]:
    """The paragraphs of lines, each in one line; a blank line is an empty text of its own."""
    gathered: list[str] = []
    for batch in batches:
        texts = []
        for line in batch:
            if line.strip():
                gathered.append(line.strip())
                continue
            if gathered:
                texts.append(" ".join(gathered))
                gathered = []
            texts.append("")
        if texts:
            yield texts
    if gathered:
        yield [" ".join(gathered)]


def whole(name: str, pieces: Iterable[bytes]) -> Iterator[list[str]]:
    """All of `pieces` as one text.

    Raises:
        CommandFailed: `name` is not UTF-8.
    """
    [text] = _decoded(name, [b"".join(pieces)], None)
    yield [text]


def _decoded(name: str, texts: Sequence[bytes], first: int | None) -> list[str]:
    decoded = []
    for place, text in enumerate(texts):
        try:
            decoded.append(text.decode())
        except UnicodeDecodeError:
            where = "" if first is None else f", line {first + place}"
            raise CommandFailed(f"{name}{where}: not UTF-8") from None
    return decoded


def count(names: Sequence[str], unit: Unit) -> int | None:
    """How many texts there will be; None when only the end of a pipe will tell."""
    if unit is Unit.FILE:
        return len(names)
    if not all(Path(name).is_file() for name in names):
        return None
    return sum(map(len, texts_of(names, unit)))


def texts_of(names: Sequence[str], unit: Unit) -> Iterator[list[str]]:
    """The texts of all files in order, those that have come together."""
    for name in names:
        if unit is Unit.FILE:
            yield from whole(name, reads(name))
        elif unit is Unit.LINE:
            yield from lines(name, reads(name))
        else:
            yield from paragraphs(lines(name, reads(name)))


async def without_blocking(batches: Callable[[], Iterator[list[str]]]) -> AsyncIterator[list[str]]:
    """`batches()`, read in a thread of its own, two ahead at most.

    A daemon, because a read from a terminal may never return.
    """
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[list[str] | CommandFailed | None] = asyncio.Queue()
    room = threading.Semaphore()
    is_over = threading.Event()

    def hand_over(item: list[str] | CommandFailed | None) -> None:
        loop.call_soon_threadsafe(ready.put_nowait, item)
        room.acquire()

    def read() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            try:
                for batch in batches():
                    hand_over(batch)
                    if is_over.is_set():
                        return
                hand_over(None)
            except CommandFailed as error:
                hand_over(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        while (item := await ready.get()) is not None:
            room.release()
            if isinstance(item, CommandFailed):
                raise item
            yield item
    finally:
        is_over.set()
        room.release()
