"""Reading: every form of corpus, and every broken file named with its line."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_export.config import CorpusFiles
from model_export.corpus.reading import FilesReader, Pair, read_aligned, read_lines
from model_export.errors import CorpusError, RecipeError

Write = Callable[[str, bytes], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file into a fresh directory; returns its path as a recipe would have it."""

    def write(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return f"${{HERE}}/{name}"

    return write


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Pair]]:
    def read(**entry: Any) -> list[Pair]:
        files = CorpusFiles(name="c", licence="l", origin="o", **entry)
        return list(FilesReader(files, {"HERE": str(tmp_path)}))

    return read


Read = Callable[..., list[Pair]]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_aligned_files(write: Write, read: Read, suffix: str) -> None:
    source = write(f"a.en{suffix}", b"one\ntwo\n")
    target = write(f"a.de{suffix}", b"eins\nzwei")
    assert read(source=source, target=target) == [Pair(1, "one", "eins"), Pair(2, "two", "zwei")]


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_columns_of_a_tsv(write: Write, read: Read, name: str) -> None:
    tsv = write(name, b"1\teins\tone\r\n2\tzwei\ttwo\r\n")
    assert read(tsv=tsv, tsv_columns=(2, 1)) == [Pair(1, "one", "eins"), Pair(2, "two", "zwei")]


def test_domains_stand_beside_their_lines(write: Write, read: Read) -> None:
    entry = {"domains": write("a.domain", b"news\ntalk\n"), "keep_domains": ("talk",)}
    tsv = write("a.tsv", b"one\teins\ntwo\tzwei\n")
    assert [pair.domain for pair in read(tsv=tsv, **entry)] == ["news", "talk"]
    source, target = write("a.en", b"one\ntwo\n"), write("a.de", b"eins\nzwei\n")
    assert [pair.domain for pair in read(source=source, target=target, **entry)] == ["news", "talk"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\xef\xbb\xbftwo")
    assert list(read_lines(path)) == ["one", "\ufefftwo"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))))
def test_lines_end_at_a_line_feed_only(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "a"
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    expected = [line.removeprefix("\ufeff") if i == 0 else line for i, line in enumerate(lines)]
    assert list(read_lines(path)) == expected


@pytest.mark.parametrize(
    ("source", "target", "counts"),
    [
        (b"1\n2\n3\n", b"1\n", "a.en has 3 lines, {}a.de has 1 lines; {}a.en, line 2 stands"),
        (b"", b"1\n2", "a.en has 0 lines, {}a.de has 2 lines; {}a.de, line 1 stands"),
        (b"1\n\n", b"1\n", "a.en has 2 lines, {}a.de has 1 lines; {}a.en, line 2 stands"),
    ],
)
def test_files_of_different_length(
    write: Write, tmp_path: Path, source: bytes, target: bytes, counts: str
) -> None:
    write("a.en", source)
    write("a.de", target)
    with pytest.raises(CorpusError) as caught:
        list(read_aligned([tmp_path / "a.en", tmp_path / "a.de"]))
    assert counts.replace("{}", f"{tmp_path}/") in str(caught.value)


def test_a_short_column_of_domains(write: Write, read: Read) -> None:
    with pytest.raises(CorpusError, match=r"a\.domain has 1 lines; .*a\.en, line 2 stands alone"):
        read(
            source=write("a.en", b"1\n2\n"),
            target=write("a.de", b"1\n2\n"),
            domains=write("a.domain", b"x\n"),
            keep_domains=("x",),
        )


def test_broken_utf8_names_file_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.en"
    path.write_bytes("gut\nschön\n".encode() + "schön\n".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"a\.en, line 3: not UTF-8: byte 0xf6 at position 3"):
        list(read_lines(path))


def test_a_damaged_gzip_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    whole = gzip.compress(b"".join(b"%d\n" % number for number in range(100_000)))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorpusError, match=r"a\.gz, after line \d+: damaged gzip"):
        list(read_lines(path))
    path.write_bytes(b"plain text")
    with pytest.raises(CorpusError, match=r"a\.gz, after line 0: damaged gzip"):
        list(read_lines(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere\.en: No such file"):
        list(read_lines(tmp_path / "nowhere.en"))


def test_another_number_of_columns(write: Write, read: Read) -> None:
    with pytest.raises(CorpusError, match=r"a\.tsv, line 2: 3 columns; the first line has 2"):
        read(tsv=write("a.tsv", b"one\teins\ntwo\tzwei\tdeux\n"))
    with pytest.raises(CorpusError, match=r"line 1: 2 columns; the recipe reads columns 1 and 2"):
        read(tsv=write("a.tsv", b"one\teins\n"), tsv_columns=(1, 2))


def test_paths_need_their_variable(write: Write) -> None:
    files = CorpusFiles(name="c", licence="l", origin="o", tsv=write("a.tsv", b""))
    with pytest.raises(RecipeError, match="needs the environment variable HERE"):
        FilesReader(files, {})


def test_digests_are_checked(write: Write, tmp_path: Path) -> None:
    tsv = write("a.tsv", b"one\teins\n")

    def reader(sha256: dict[str, str]) -> FilesReader:
        files = CorpusFiles(name="c", licence="l", origin="o", tsv=tsv, sha256=sha256)
        return FilesReader(files, {"HERE": str(tmp_path)})

    digests = reader({}).digests()
    assert reader(digests).digests() == digests
    with pytest.raises(CorpusError, match=r"a\.tsv: sha256 is .*; the recipe expects 0000"):
        reader({tsv: "0" * 64}).digests()
    with pytest.raises(RecipeError, match="no path of it"):
        reader({"b.tsv": "0" * 64})
