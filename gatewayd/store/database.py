"""Connections to the database file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from sqlite3 import Connection, Row

__all__ = ["BUSY_TIMEOUT_MS", "Connection", "Row", "connect_reader", "connect_writer", "file_of", "keep_log"]

# Pages a connection may keep, in KiB. The hot pages are the right edges of a few trees, so little is enough;
# SQLite's default of 2 MiB for each reader would cost more memory than the rest of the daemon.
_WRITER_CACHE_KIB = 4096
_READER_CACHE_KIB = 512

# A commit writes every page that it touches whole, and the log takes each as it is: of small ones it writes an eighth
# of what it would of SQLite's default. A database that was begun with larger pages keeps them.
_PAGE_BYTES = 512

# Of log, after which it is copied into the database: so that what is touched again and again is copied once.
_LOG_BYTES = 4 << 20

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


def _text(stored: bytes) -> str:
    """A text; one byte that rotted on the disk must not stop a gateway, and no backup would be without it."""
    return stored.decode("utf-8", "replace")
