"""Texts come out of files and pipes whole, in order, and as soon as they are there."""

import asyncio
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.lines import Unit, count, lines, paragraphs, texts_of, whole, without_blocking
from service.cli.status import CommandFailed

TEXTS = st.text(st.characters(exclude_categories=["Cs"], include_characters="\n\r"))


@given(TEXTS, st.integers(1, 7))
def test_lines_are_the_same_however_they_come(text: str, size: int) -> None:
    data = text.encode()
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    got = [line for batch in lines("x", pieces) for line in batch]
    assert got == (text.removesuffix("\n").split("\n") if text else [])
    assert [*whole("x", pieces)] == [[text]]


def test_what_has_come_is_not_held_back() -> None:
    batches = lines("x", iter([b"one\ntwo\nthr", b"ee\n", b"four"]))
    assert [*batches] == [["one", "two"], ["three"], ["four"]]


@given(st.lists(st.lists(st.sampled_from(["a", " b c ", "", "\t"]), max_size=4), max_size=6))
def test_paragraphs_are_what_stands_between_blank_lines(batches: list[list[str]]) -> None:
    got = [text for batch in paragraphs(batches) for text in batch]

    all_lines = [line.strip() for batch in batches for line in batch]
    # The obvious way, for which everything has to be there.
    blocks = re.findall(r"(?:[^\n]+\n)+|\n", "".join(f"{line}\n" for line in all_lines))
    expected = [" ".join(block.split("\n")).strip() for block in blocks]
    assert got == expected
    assert " ".join(" ".join(got).split()) == " ".join(" ".join(all_lines).split())


def test_what_is_not_utf_8_is_named_by_its_line() -> None:
    with pytest.raises(CommandFailed, match="x, line 3: not UTF-8"):
        [*lines("x", [b"a\nb\n", b"\xff\n"])]
    with pytest.raises(CommandFailed, match="x: not UTF-8"):
        [*whole("x", [b"a\n\xff"])]


def test_files_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("a\nb")
    second.write_text("c\n")
    names = [str(first), str(second)]
    assert [*texts_of(names, Unit.LINE)] == [["a"], ["b"], ["c"]]
    assert [*texts_of(names, Unit.PARAGRAPH)] == [["a b"], ["c"]], "none goes over two files"
    assert [*texts_of(names, Unit.FILE)] == [["a\nb"], ["c\n"]]
    assert [count(names, unit) for unit in (Unit.LINE, Unit.PARAGRAPH, Unit.FILE)] == [3, 2, 2]
    assert count([*names, "-"], Unit.LINE) is None
    with pytest.raises(CommandFailed, match="missing: No such file"):
        [*texts_of([str(tmp_path / "missing")], Unit.LINE)]


def test_a_pipe_is_read_while_it_is_written() -> None:
    reading, writing = os.pipe()

    def pieces() -> Iterator[bytes]:
        while data := os.read(reading, 100):
            yield data

    async def exchange() -> None:
        batches = without_blocking(lambda: lines("pipe", pieces()))
        for line in ("one", "two"):
            os.write(writing, f"{line}\n".encode())
            assert await anext(batches) == [line]
        os.close(writing)
        assert [batch async for batch in batches] == []

    try:
        asyncio.run(exchange())
    finally:
        os.close(reading)


def test_a_failed_read_fails_the_reader() -> None:
    def batches() -> Iterator[list[str]]:
        yield ["one"]
        raise CommandFailed("the disk is gone")

    async def read() -> list[list[str]]:
        return [batch async for batch in without_blocking(batches)]

    with pytest.raises(CommandFailed, match="the disk is gone"):
        asyncio.run(read())


def test_who_stops_reading_leaves_no_trace() -> None:
    ended = threading.Event()

    def batches() -> Iterator[list[str]]:
        try:
            while True:
                yield ["again"]
        finally:
            ended.set()

    async def read_one() -> None:
        async for _ in without_blocking(batches):
            return

    asyncio.run(read_one())
    assert ended.wait(20)
