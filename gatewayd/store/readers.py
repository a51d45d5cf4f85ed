"""Connections that read, lent to one thread at a time. They never wait for the writer."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gatewayd.store.database import Connection, connect_reader
from gatewayd.store.errors import StoreUnavailableError, damage, unavailable

# Reads last microseconds to milliseconds: a few connections serve many threads.
_CONNECTIONS = 8
_LEND_TIMEOUT_S = 10.0


class Readers:
    """A small pool of read-only connections, opened when first wanted. `damaged` is told where the file is not whole."""

    def __init__(self, path: Path, damaged: Callable[[sqlite3.Error], None]) -> None:
        self._path = path
        self._damaged = damaged
        self._idle: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(_CONNECTIONS):
            self._idle.put(None)

    @contextmanager
    def lend(self) -> Iterator[Connection]:
        """A connection, for as long as the block lasts.

        Raises:
            StoreUnavailableError: the file cannot be read, or every connection is busy.
        """
        try:
            db = self._idle.get(timeout=_LEND_TIMEOUT_S)
        except queue.Empty:
            raise StoreUnavailableError("the database is too slow to read") from None
        try:
            if db is None:
                db = connect_reader(self._path)
            yield db
        except sqlite3.Error as error:
            if unavailable(error):
                if db is not None:
                    db.close()  # it may be the connection that fails: the next is a new one
                    db = None
                if damage(error):
                    self._damaged(error)
                raise StoreUnavailableError(f"the database cannot be read: {error}") from error
            raise
        finally:
            self._idle.put(db)

    def close(self) -> None:
        """Close every connection that is not lent."""
        while True:
            try:
                db = self._idle.get_nowait()
            except queue.Empty:
                return
            if db is not None:
                db.close()
