"""Answers to a file or a pipe, each as soon as it is there."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from service.cli.status import CommandFailed

# Writes texts, a line for each; raises `CommandFailed` or `ReaderLeft`.
Write = Callable[[Sequence[str]], None]


class ReaderLeft(Exception):
    """Whoever reads the answers has enough, as `head` has: no failure, but the end."""


@contextmanager
def opened(path: Path | None, inputs: Sequence[str]) -> Iterator[Write]:
    """What writes to a file, or to standard output for None.

    Args:
        path: Emptied first.
        inputs: Names of files that must not be.

    Raises:
        CommandFailed: It cannot be opened, or is one of `inputs`.
    """
    if path is None:
        yield _writing("standard output", sys.stdout.buffer)
        return
    if any(path.exists() and Path(name).exists() and path.samefile(name) for name in inputs):
        raise CommandFailed(f"{path}: it is read, so it cannot be written")
    try:
        file = path.open("wb")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from None
    try:
        yield _writing(str(path), file)
    finally:
        with suppress(OSError):  # that it cannot be written was said when it was first tried
            file.close()


def _writing(name: str, file: BinaryIO) -> Write:
    def write(texts: Sequence[str]) -> None:
        try:
            file.write("".join(f"{text}\n" for text in texts).encode())
            file.flush()
        except OSError as error:
            if file is sys.stdout.buffer:
                # What is left of it is written when Python ends, which would complain.
                os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())
            if isinstance(error, BrokenPipeError):
                raise ReaderLeft from None
            raise CommandFailed(f"{name}: {error.strerror}") from None

    return write
