"""Connections to the database file."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

__all__ = [
    "BUSY_TIMEOUT_MS",
    "LOG_ROOM_BYTES",
    "Connection",
    "Cursor",
    "Row",
    "SqliteConnection",
    "Transaction",
    "connect_reader",
    "connect_writer",
    "file_of",
    "keep_log",
    "log_of",
    "make_log_room",
]

log = logging.getLogger(__name__)

SqliteConnection: TypeAlias = sqlite3.Connection
"""A connection to the database of this box."""

Row: TypeAlias = Any
"""A row, whose columns are found by place and by name."""


class Cursor(Protocol):
    """The answer to a statement."""

    @property
    def rowcount(self) -> int:
        """The number of rows that the statement changed."""

    def fetchone(self) -> Any:
        """The next row; None: there is none."""

    def fetchall(self) -> list[Any]:
        """The other rows."""

    def __iter__(self) -> Iterator[Any]:
        """The other rows."""


class Connection(Protocol):
    """A connection as the functions of `gatewayd/store/tables/` use it: to SQLite, or to the database of a fleet."""

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ..., /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """Run one statement for each set of values."""


Transaction: TypeAlias = Connection
"""A connection as callers of the store hold it: they only pass it to functions of `gatewayd/store/tables/`."""

# Page cache of a connection, in KiB. The hot pages are the right edges of a few trees, so little is enough;
# SQLite's default of 2 MiB for each reader would cost more memory than the rest of the daemon.
_WRITER_CACHE_KIB = 4096
_READER_CACHE_KIB = 512

# A commit writes whole pages to the log. With pages of 512 bytes it writes an eighth of what SQLite's default would
# need. A database that was created with larger pages keeps them.
_PAGE_BYTES = 512

# Size of the log at which it is copied into the database: a page that changes often is then copied once.
_LOG_BYTES = 4 << 20

LOG_ROOM_BYTES = 5 << 20
"""Room for `_LOG_BYTES` of pages with their headers, and for a large commit on top."""

# The size of one write that fills the log: one page of the kernel.
_PIECE = bytes(4096)

BUSY_TIMEOUT_MS = 10_000
"""How long SQLite waits for a lock. Only a person with an SQLite shell can hold one."""


def connect_writer(path: Path) -> SqliteConnection:
    """The writing connection, before `keep_log`. Nothing in the file was changed yet. Raises sqlite3.Error."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False)
    with _closed_on_error(db):
        db.row_factory = sqlite3.Row
        db.text_factory = _text
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        db.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
    return db


def keep_log(db: SqliteConnection) -> None:
    """Switch to a log (WAL). With the settings of `connect_writer`, every commit is synced before it returns."""
    db.execute("PRAGMA journal_mode = WAL")
    page_bytes: int = db.execute("PRAGMA page_size").fetchone()[0]
    db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_BYTES // page_bytes}")


def make_log_room(db: SqliteConnection, mark: bytes = b"") -> None:
    """Fill the log with zeros up to the size that it grows to; an empty log gets `mark` at its end.

    For the writing connection, between two transactions. Without room on the disk, the log grows as it is written.

    Why: a sync after overwriting needs no change of the file system's own data. After a file has grown, the file system
    writes its journal first: twice the bytes, and on an SD card twice the time.
    """
    try:
        fd = os.open(log_of(db), os.O_WRONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            is_empty = size == 0
            while size < LOG_ROOM_BYTES:  # SQLite takes zeros behind its last frame for the end of the log
                size += os.pwrite(fd, _PIECE[: LOG_ROOM_BYTES - size], size)
            if is_empty and mark:
                os.pwrite(fd, mark, LOG_ROOM_BYTES - len(mark))
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        log.debug("no space can be reserved for the log of the database: %s", error)


def connect_reader(path: Path) -> SqliteConnection:
    """A read-only connection. Raises sqlite3.Error."""
    db = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    with _closed_on_error(db):
        db.row_factory = sqlite3.Row
        db.text_factory = _text
        db.execute("PRAGMA query_only = ON")
        db.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
    return db


@contextmanager
def _closed_on_error(db: SqliteConnection) -> Iterator[None]:
    """Close a new connection where its first statements fail: it is no database, it is damaged, or it cannot be read."""
    try:
        yield
    except UnicodeDecodeError as error:
        # SQLite quotes the damaged schema in its message, and Python cannot decode that.
        db.close()
        damaged = sqlite3.DatabaseError("malformed database schema")
        damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damaged from error
    except BaseException:
        db.close()
        raise


def file_of(db: SqliteConnection) -> str:
    """The path of the file that a connection has open."""
    path: str = db.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()[0]
    return path


def log_of(db: SqliteConnection) -> str:
    """The path of the log of a connection's database."""
    return file_of(db) + "-wal"


def _text(stored: bytes) -> str:
    """Decode a text. A damaged byte must not stop the gateway, and it would be in every backup too."""
    return stored.decode("utf-8", "replace")
