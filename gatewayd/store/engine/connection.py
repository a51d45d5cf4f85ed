"""Connections to the database file."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from sqlite3 import Connection, Cursor, Row
from typing import NewType

__all__ = [
    "BUSY_TIMEOUT_MS",
    "LOG_ROOM_BYTES",
    "Connection",
    "Cursor",
    "Row",
    "Transaction",
    "connect_reader",
    "connect_writer",
    "file_of",
    "keep_log",
    "log_of",
    "make_log_room",
]

log = logging.getLogger(__name__)

Transaction = NewType("Transaction", Connection)
"""A connection as callers of the store hold it: they only pass it to functions of `gatewayd/store/tables/`."""

# Pages a connection may keep, in KiB. The hot pages are the right edges of a few trees, so little is enough;
# SQLite's default of 2 MiB for each reader would cost more memory than the rest of the daemon.
_WRITER_CACHE_KIB = 4096
_READER_CACHE_KIB = 512

# A commit writes every page that it touches whole, and the log takes each as it is: of small ones it writes an eighth
# of what it would of SQLite's default. A database that was begun with larger pages keeps them.
_PAGE_BYTES = 512

# Of log, after which it is copied into the database: so that what is touched again and again is copied once.
_LOG_BYTES = 4 << 20

LOG_ROOM_BYTES = 5 << 20
"""What that takes with a header for each page, and a large commit on top."""

# The kernel may keep, and count, as one what was written as one.
_PIECE = bytes(4096)

BUSY_TIMEOUT_MS = 10_000
"""How long SQLite itself waits for a lock. Only a person with a shell on the file can hold one."""


def connect_writer(path: Path) -> Connection:
    """The connection that writes, once `keep_log` was told. Nothing in the file was changed or even read yet."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = Row
        db.text_factory = _text
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        db.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
    except sqlite3.Error:
        db.close()  # no database, or one that cannot be read
        raise
    return db


def keep_log(db: Connection) -> None:
    """Write through a log (WAL); with what `connect_writer` set, every commit is synced before it returns."""
    db.execute("PRAGMA journal_mode = WAL")
    page_bytes: int = db.execute("PRAGMA page_size").fetchone()[0]
    db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_BYTES // page_bytes}")


def make_log_room(db: Connection, mark: bytes = b"") -> None:
    """Give the log the size that it grows to, in octets that really lie on the disk; an empty one ends in `mark`.

    For the connection that writes, between two transactions; where there is no room, it grows as it is written.

    A sync of what only overwrites makes the file system write nothing of its own. That of a file that has grown has it
    write its journal first: twice the bytes, and on an SD card twice the time.
    """
    try:
        fd = os.open(log_of(db), os.O_WRONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            is_empty = size == 0
            while size < LOG_ROOM_BYTES:  # SQLite takes zeros behind what it wrote for the end
                size += os.pwrite(fd, _PIECE[: LOG_ROOM_BYTES - size], size)
            if is_empty and mark:
                os.pwrite(fd, mark, LOG_ROOM_BYTES - len(mark))
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        log.debug("no room is made for the log of the database: %s", error)


def connect_reader(path: Path) -> Connection:
    """A connection that cannot write."""
    db = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        db.row_factory = Row
        db.text_factory = _text
        db.execute("PRAGMA query_only = ON")
        db.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
    except sqlite3.Error:
        db.close()  # the file is damaged
        raise
    return db


def file_of(db: Connection) -> str:
    """The path of the file that a connection has open."""
    path: str = db.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()[0]
    return path


def log_of(db: Connection) -> str:
    """The path of its log."""
    return file_of(db) + "-wal"


def _text(stored: bytes) -> str:
    """A text; one byte that rotted on the disk must not stop a gateway, and no backup would be without it."""
    return stored.decode("utf-8", "replace")
