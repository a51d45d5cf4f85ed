"""Read-only connections, each lent to one thread at a time. They never wait for the writer."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from config.language.text import Text, text_of
from gatewayd.store.engine.connection import SqliteConnection, Transaction, connect_reader
from gatewayd.store.engine.errors import StoreUnavailableError, damage, unavailable

# Reads last microseconds to milliseconds: a few connections serve many threads.
_CONNECTIONS = 8
_LEND_TIMEOUT_S = 10.0

# How long `close` waits for connections that are lent.
_CLOSE_S = 0.5


class Readers:
    """A small pool of read-only connections, opened at first use. `damaged` is called where the file is damaged."""

    def __init__(
        self, path: Path, damaged: Callable[[sqlite3.Error], None], connections: int = _CONNECTIONS
    ) -> None:
        self._path = path
        self._connections = connections
        self._closed = False
        self._damaged = damaged
        self._idle: queue.LifoQueue[SqliteConnection | None] = queue.LifoQueue()
        for _ in range(connections):
            self._idle.put(None)

    @contextmanager
    def lend(self) -> Iterator[Transaction]:
        """A connection, for as long as the block lasts.

        Raises:
            StoreUnavailableError: the file cannot be read, every connection is busy, or the store is closed.
        """
        if self._closed:
            raise StoreUnavailableError(Text("the store is closed"))
        try:
            db = self._idle.get(timeout=_LEND_TIMEOUT_S)
        except queue.Empty:
            raise StoreUnavailableError(Text("the database is too slow to read")) from None
        try:
            if self._closed:
                raise StoreUnavailableError(Text("the store is closed"))
            if db is None:
                db = connect_reader(self._path)
            yield db
        except sqlite3.Error as error:
            if unavailable(error):
                if db is not None:
                    db.close()  # the connection may be the cause: the next one is new
                    db = None
                if damage(error):
                    self._damaged(error)
                raise StoreUnavailableError(
                    Text("the database cannot be read: {reason}", reason=text_of(error))
                ) from error
            raise
        finally:
            if self._closed and db is not None:
                db.close()
                db = None
            self._idle.put(db)

    def close(self) -> None:
        """Lend no more connections, and close all. It waits a short time for lent ones; those are closed when returned."""
        self._closed = True
        deadline, returned = monotonic() + _CLOSE_S, 0
        for _ in range(self._connections):
            try:
                db = self._idle.get(timeout=max(0.0, deadline - monotonic()))
            except queue.Empty:
                break
            returned += 1
            if db is not None:
                db.close()
        for _ in range(returned):
            self._idle.put(None)

    def open(self) -> None:
        """Lend connections again."""
        self._closed = False
