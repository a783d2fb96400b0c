"""An answer is one write, whatever pieces it is made of."""

import asyncio
from collections.abc import Callable

from service.api.gathering import GatheringTransport


class Wire(asyncio.Transport):
    """Remembers what is sent over it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed


def after(work: Callable[[GatheringTransport], None]) -> Wire:
    """The wire after some work in one turn of the loop, and one turn more."""
    wire = Wire()

    async def turn() -> None:
        work(GatheringTransport(wire))
        await asyncio.sleep(0)

    asyncio.run(turn())
    return wire


def test_what_is_written_in_one_turn_is_sent_as_one() -> None:
    def write(transport: GatheringTransport) -> None:
        transport.write(b"head ")
        transport.write(bytearray(b"and "))
        transport.write(memoryview(b"body"))

    assert after(write).sent == [b"head and body"]


def test_turns_are_sent_apart_and_in_order() -> None:
    wire = Wire()

    async def turns() -> None:
        transport = GatheringTransport(wire)
        for word in (b"one", b"two"):
            transport.write(word)
            await asyncio.sleep(0)

    asyncio.run(turns())
    assert wire.sent == [b"one", b"two"]


def test_closing_sends_what_was_written_first() -> None:
    def write_and_close(transport: GatheringTransport) -> None:
        transport.write(b"last words")
        transport.close()

    wire = after(write_and_close)
    assert wire.sent == [b"last words"]
    assert wire.closed


def test_aborting_sends_nothing() -> None:
    def write_and_abort(transport: GatheringTransport) -> None:
        transport.write(b"never mind")
        transport.abort()

    wire = after(write_and_abort)
    assert wire.sent == []
    assert wire.aborted
