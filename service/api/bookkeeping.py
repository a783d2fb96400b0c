"""Writes what keys have used, and reads what became of them, beside the event loop."""

import asyncio
import logging
import sqlite3
from contextlib import suppress
from types import TracebackType
from typing import Self

from service.access.ledger import Ledger
from service.access.records import Book
from service.access.store import KeyStore
from service.logs import log_event

logger = logging.getLogger(__name__)

# What a crash can lose of the use, and how long a revoked key goes on working.
EVERY_S = 1.0


class Bookkeeper:
    """Keeps a ledger and its file alike; an asynchronous context manager.

    On leaving, what is left is written and the file is closed.

    Args:
        ledger: Owned by the event loop.
        store: Used in another thread, by nobody else.
    """

    def __init__(self, ledger: Ledger, store: KeyStore) -> None:
        self.ledger = ledger
        self._store = store
        self._stopping = asyncio.Event()
        self._seen_version: int | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        await self._task
        self._store.close()

    async def _run(self) -> None:
        """Synchronise now and then, and a last time at the end."""
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._stopping.wait()
            await self.synchronise()

    async def synchronise(self) -> None:
        """Write what is new here, and learn what is new there.

        What cannot be written is kept, and tried again the next time.
        """
        changes = self.ledger.take_changes()
        try:
            if changes:
                await asyncio.to_thread(self._store.write, changes)
        except sqlite3.Error as error:
            self.ledger.put_back(changes)
            log_event(logger, logging.ERROR, "keys file not written", exception=error)
            return
        try:
            book = await asyncio.to_thread(self._news)
        except sqlite3.Error as error:
            log_event(logger, logging.ERROR, "keys file not read", exception=error)
            return
        if book is not None:
            self.ledger.update(book)

    def _news(self) -> Book | None:
        version = self._store.version()
        if version == self._seen_version:
            return None  # nobody else has written
        self._seen_version = version
        return self._store.read()
