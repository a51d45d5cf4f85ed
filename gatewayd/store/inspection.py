"""Read a database while another process uses it. Nothing is written, and no other process waits."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from gatewayd.store.engine.connection import Connection, SqliteConnection, Transaction, connect_reader
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.engine.fsync import PROCESS_BYTES, lock_path

T = TypeVar("T")

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_FAULTS_SHOWN = 5  # one damaged page leads to hundreds of faults

# The newest messages show recent events; counting millions would take minutes on an SD card.
_NEWEST = 10_000

SQLITE_VERSION = sqlite3.sqlite_version


def lock_holder(store: Path) -> int | None:
    """The id of the process that has the store open, 0 if unknown; None: no process has. Raises OSError."""
    try:
        fd = os.open(lock_path(store), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(fd, PROCESS_BYTES, 0).decode("ascii", "replace").strip()
        return int(text) if text.isascii() and text.isdigit() else 0
    finally:
        os.close(fd)
    return None


def quick_check(store: Path, timeout_s: float) -> list[str] | None:
    """The faults that SQLite finds in the file, empty without any; None: it took longer than `timeout_s`.

    Raises StoreUnavailableError where it cannot be opened.
    """
    late = threading.Event()
    try:
        with closing(connect_reader(store)) as db:
            found = _bounded(db, timeout_s, late)
    except sqlite3.Error as error:
        if late.is_set():
            return None
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            return [str(error)]
        raise StoreUnavailableError(str(error)) from error
    return [] if found == ["ok"] else [" ".join(line.split()) for line in found]


def _bounded(db: SqliteConnection, timeout_s: float, late: threading.Event) -> list[str]:
    def interrupt() -> None:
        late.set()
        db.interrupt()

    timer = threading.Timer(timeout_s, interrupt)
    timer.start()
    try:
        return [str(row[0]) for row in db.execute(f"PRAGMA quick_check({_FAULTS_SHOWN})")]
    finally:
        timer.cancel()
        timer.join()


def recent_counts(store: Path) -> dict[str, object]:
    """Outcomes of the newest messages and causes of refusals: counts only, no number and no text.

    Raises StoreUnavailableError where it cannot be read.
    """
    return look(store, counts)


def look(store: Path, work: Callable[[Transaction], T]) -> T:
    """The result of `work` on a read-only connection. Raises StoreUnavailableError if the file cannot be read."""
    try:
        with closing(connect_reader(store)) as db:
            return work(db)
    except sqlite3.Error as error:
        raise StoreUnavailableError(str(error)) from error


def counts(db: Connection) -> dict[str, object]:
    """As `recent_counts`, on a connection."""
    newest = f"(SELECT status, failure_reason FROM messages ORDER BY id DESC LIMIT {_NEWEST})"
    refused = f"(SELECT cause FROM refusals ORDER BY message_id DESC LIMIT {_NEWEST})"
    reasons = db.execute(
        f"SELECT status, failure_reason, count(*) FROM {newest} WHERE failure_reason IS NOT NULL GROUP BY 1, 2"
    )
    return {
        "newest_messages": db.execute(f"SELECT count(*) FROM {newest}").fetchone()[0],
        "by_status": dict(db.execute(f"SELECT status, count(*) FROM {newest} GROUP BY 1").fetchall()),
        "reasons": [{"status": row[0], "reason": row[1], "messages": row[2]} for row in reasons],
        "refusals": dict(db.execute(f"SELECT cause, count(*) FROM {refused} GROUP BY 1").fetchall()),
    }
