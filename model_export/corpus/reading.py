"""Aligned text files as a stream of pairs; a broken file is named with its line.

Lines end at a line feed and nowhere else: other line separators inside a sentence (U+2028,
form feed ...) would otherwise shift every pair after it.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from string import Template
from typing import BinaryIO, Protocol

from model_export.config import CorpusFiles
from model_export.errors import CorpusError, RecipeError


@dataclass(frozen=True, slots=True)
class Pair:
    """A line of a corpus as it was found.

    Attributes:
        line: Number of the line, counted from 1.
        source: Source side, without its line ending.
        target: Target side, without its line ending.
        domain: What the file of domains says of the line; None without one.
    """

    line: int
    source: str
    target: str
    domain: str | None = None


class PairReader(Protocol):
    """A corpus that can be read from the start as often as needed."""

    def __iter__(self) -> Iterator[Pair]: ...

    def place(self, pair: Pair, *, target: bool) -> str:
        """Where one side of `pair` stands, for an error message."""
        ...


class FilesReader:
    """Pairs of a `CorpusFiles`: two plain files or a TSV, perhaps with a file of domains."""

    def __init__(self, files: CorpusFiles, environment: Mapping[str, str]) -> None:
        """Find the files.

        Args:
            files: The recipe's entry.
            environment: Values for `${NAME}` in its paths.

        Raises:
            RecipeError: A path needs a variable that is not set, or `sha256` names a path
                that the entry does not have.
        """
        self._files = files
        sides = [files.tsv] if files.tsv else [files.source, files.target]
        self._written = [path for path in [*sides, files.domains] if path]
        self._paths = [expand(path, environment) for path in self._written]
        strangers = files.sha256.keys() - set(self._written)
        if strangers:
            raise RecipeError(
                f"corpus {files.name!r}: sha256 names {sorted(strangers)}, which is no path of it"
            )

    def digests(self) -> dict[str, str]:
        """The sha256 of each file as it lies on disk, by its path as the recipe writes it.

        Raises:
            CorpusError: A file cannot be read, or is not the one that the recipe expects.
        """
        found = {}
        for written, path in zip(self._written, self._paths, strict=True):
            found[written] = file_sha256(path)
            expected = self._files.sha256.get(written, found[written]).lower()
            if found[written] != expected:
                raise CorpusError(
                    f"{path}: sha256 is {found[written]}; the recipe expects {expected}"
                )
        return found

    def __iter__(self) -> Iterator[Pair]:
        """Yield every pair in order.

        Raises:
            CorpusError: A file is missing, broken or no UTF-8, a TSV line has another number
                of columns than the first, or the files differ in length.
        """
        for pair in self._pairs():
            swapped = self._files.swapped
            yield replace(pair, source=pair.target, target=pair.source) if swapped else pair

    def _pairs(self) -> Iterator[Pair]:
        """As the files have them."""
        rows = enumerate(read_aligned(self._paths), start=1)
        has_domains = self._files.domains is not None
        if self._files.tsv is None:
            for line, row in rows:
                yield Pair(line, row[0], row[1], row[2] if has_domains else None)
            return
        source, target = self._files.tsv_columns
        columns = 0
        for line, row in rows:
            cells = row[0].split("\t")
            columns = columns or len(cells)
            self._check_columns(line, cells, columns)
            yield Pair(line, cells[source], cells[target], row[1] if has_domains else None)

    def place(self, pair: Pair, *, target: bool) -> str:
        """File, line and for a TSV the column of one side of `pair`."""
        target = target != self._files.swapped
        if self._files.tsv is None:
            return f"{self._paths[int(target)]}, line {pair.line}"
        return f"{self._paths[0]}, line {pair.line}, column {self._files.tsv_columns[int(target)]}"

    def _check_columns(self, line: int, cells: list[str], columns: int) -> None:
        path = self._paths[0]
        if len(cells) != columns:
            raise CorpusError(
                f"{path}, line {line}: {len(cells)} columns; the first line has {columns}"
            )
        if columns <= max(self._files.tsv_columns):
            raise CorpusError(
                f"{path}, line {line}: {columns} columns; the recipe reads columns "
                f"{self._files.tsv_columns[0]} and {self._files.tsv_columns[1]}, counted from 0"
            )


def expand(path: str, environment: Mapping[str, str]) -> Path:
    """`path` with its `${NAME}` replaced; relative paths start where the command was run.

    Raises:
        RecipeError: A variable is not set.
    """
    try:
        return Path(Template(path).substitute(environment))
    except KeyError as error:
        raise RecipeError(f"path {path!r} needs the environment variable {error.args[0]}") from None
    except ValueError as error:
        raise RecipeError(f"path {path!r}: {error}") from None


def file_sha256(path: Path) -> str:
    """Digest of a file as it lies on disk, compressed if it is."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from error


def read_aligned(paths: Sequence[Path]) -> Iterator[tuple[str, ...]]:
    """Line n of every file at once, for each n.

    Raises:
        CorpusError: As `read_lines`; or the files differ in length: the message has every
            file's number of lines and the first line that stands alone.
    """
    readers = [read_lines(path) for path in paths]
    for number, row in enumerate(zip_longest(*readers), start=1):
        full = tuple(cell for cell in row if cell is not None)
        if len(full) < len(paths):
            _raise_unaligned(paths, readers, row, number)
        yield full


def _raise_unaligned(
    paths: Sequence[Path],
    readers: Sequence[Iterator[str]],
    row: Sequence[str | None],
    number: int,
) -> None:
    counts = [
        number - 1 if cell is None else number + sum(1 for _ in reader)
        for cell, reader in zip(row, readers, strict=True)
    ]
    described = ", ".join(
        f"{path} has {count} lines" for path, count in zip(paths, counts, strict=True)
    )
    alone = next(path for path, cell in zip(paths, row, strict=True) if cell is not None)
    raise CorpusError(f"files differ in length: {described}; {alone}, line {number} stands alone")


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file without their endings (LF or CR LF); `.gz` is unpacked.

    A byte order mark at the start is no text and is left out.

    Raises:
        CorpusError: The file is missing, its compression is damaged, or a line is not UTF-8.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, raw in enumerate(file, start=1):
                line = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
                yield line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}, line {number}: not UTF-8: byte 0x{error.object[error.start]:02x} "
            f"at position {error.start} ({error.reason})"
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorpusError(f"{path}, after line {number}: damaged gzip: {error}") from error
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from error


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]  # GzipFile reads like one
    return path.open("rb")
