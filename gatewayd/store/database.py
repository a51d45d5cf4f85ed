"""Connections to the database file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from sqlite3 import Connection, Row

__all__ = ["Connection", "Row", "connect_reader", "connect_writer"]

# Pages a connection may keep, in KiB. The hot pages are the right edges of a few trees, so little is enough;
# SQLite's default of 2 MiB for each reader would cost more memory than the rest of the daemon.
_WRITER_CACHE_KIB = 4096
_READER_CACHE_KIB = 512

# How long SQLite itself waits for a lock. Only a backup or a person with a shell on the file can hold one.
_BUSY_TIMEOUT_S = 10.0


def connect_writer(path: Path) -> Connection:
    """The connection that writes: WAL, and every commit is synced before it returns."""
    db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
    except sqlite3.Error:
        db.close()  # no database, or one that cannot be read
        raise
    return db


def connect_reader(path: Path) -> Connection:
    """A connection that cannot write."""
    db = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro",
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    db.row_factory = Row
    db.execute("PRAGMA query_only = ON")
    db.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
    return db
