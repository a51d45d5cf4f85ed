"""The gateway that a database and its backups belong to.

Each store has a random id. It is in the database, so that each backup has it too. It is also in the lock file beside the
database, behind the process id, because it cannot be read from a damaged database.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from gatewayd.store.engine.connection import SqliteConnection
from gatewayd.store.engine.fsync import PROCESS_BYTES, lock_path

log = logging.getLogger(__name__)

_ID_BYTES = 32
_ID = re.compile(rf"[0-9a-f]{{{_ID_BYTES}}}")


def known_owner(database: Path) -> str:
    """The id in the lock file of a database; "" without one."""
    try:
        with lock_path(database).open("rb") as lock:
            lock.seek(PROCESS_BYTES)
            owner = lock.read(_ID_BYTES).decode("ascii", "replace")
    except OSError:
        return ""
    return owner if _ID.fullmatch(owner) else ""


def owner_of(backup: Path) -> str:
    """The id of the store that a backup was made of; "" without one, as in backups of older versions."""
    try:
        with closing(sqlite3.connect(f"{backup.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            return _stored_id(db)
    except (sqlite3.Error, UnicodeDecodeError):
        return ""


def reconcile(db: SqliteConnection, database: Path) -> None:
    """Give the database the id of its lock file, or a new lock file the id of the database.

    The lock file decides, because the database may have been replaced by a backup of another gateway.
    """
    here, there = known_owner(database), _stored_id(db)
    if here and here != there:
        log.warning(
            "the database was created by another gateway or an older version; it belongs to this gateway now"
        )
        db.execute("UPDATE store_owner SET id = ?", (here,))
    elif not here:
        _write(lock_path(database), there)


def _stored_id(db: SqliteConnection) -> str:
    row = db.execute("SELECT id FROM store_owner").fetchone()
    owner = "" if row is None else str(row[0])
    return owner if _ID.fullmatch(owner) else ""


def _write(lock: Path, owner: str) -> None:
    try:
        fd = os.open(lock, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(fd, owner.encode("ascii"), PROCESS_BYTES)
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:  # a full disk; the next start writes it
        log.warning("%s cannot be written: %s", lock, error)
