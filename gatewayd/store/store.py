"""The database as a whole: its lock, its one writer, its readers."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gatewayd.store import load
from gatewayd.store.database import Connection, connect_writer
from gatewayd.store.durations import Durations
from gatewayd.store.errors import StoreLockedError, StoreUnavailableError, StoreVersionError
from gatewayd.store.idempotency import install_in_flight
from gatewayd.store.readers import Readers
from gatewayd.store.schema import migrate
from gatewayd.store.tally import install_tally_triggers
from gatewayd.store.writer import COMMIT_SECONDS, COMMIT_TIMEOUT_S, Writer

T = TypeVar("T")


class Store:
    """Everything the gateway keeps. One process at a time may have it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.readers = Readers(path)
        self.commit_times: Durations[str] = Durations(COMMIT_SECONDS)
        self._lock_fd: int | None = None
        self._writer: Writer | None = None

    def open(self) -> None:
        """Lock, migrate, and begin to take writes.

        Raises:
            StoreLockedError: another process holds the store.
            StoreVersionError: a newer gatewayd wrote it.
            StoreUnavailableError: the file or its folder cannot be used.
        """
        try:
            self._lock_fd = _lock(self.path)
            db = _prepared(self.path)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreUnavailableError(f"{self.path} cannot be opened as a database: {error}") from error
        except (StoreLockedError, StoreVersionError):
            self.close()
            raise
        self._writer = Writer(db, self.commit_times)
        self._writer.start()

    def write(self, work: Callable[[Connection], T], timeout_s: float = COMMIT_TIMEOUT_S) -> T:
        """Run `work` on the writing connection and return its result once it is durable (see `Writer.run`)."""
        if self._writer is None:
            raise StoreUnavailableError("the store is not open")
        return self._writer.run(work, timeout_s)

    def probe(self, answered: Callable[[int | None], None]) -> None:
        """Have `answered` called with the number of parts that wait, by the thread that writes, after a commit.

        With None where the database refused: that is no sign that the thread hangs. Raises StoreUnavailableError.
        """
        if self._writer is None:
            raise StoreUnavailableError("the store is not open")
        told = self._writer.hand_over(lambda db: sum(load.waiting(db).values()))
        told.add_done_callback(lambda done: answered(None if done.exception() else done.result()))

    @property
    def running(self) -> bool:
        """Whether the thread that writes lives. False between `open` and `close`: it died."""
        return self._writer is not None and self._writer.running

    def close(self) -> None:
        """Finish what was handed over, close, and give the lock back."""
        if self._writer is not None:
            self._writer.stop()
            self._writer = None
        self.readers.close()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None


def _prepared(path: Path) -> Connection:
    """The writing connection, on a database of this program's schema."""
    db = connect_writer(path)
    try:
        os.chmod(path, 0o600)
        _leave_to_the_owner(path, path.parent)
        migrate(db)
        load.install_load_triggers(db)
        install_in_flight(db)
        install_tally_triggers(db)
    except BaseException:
        db.close()
        raise
    return db


def _leave_to_the_owner(file: Path | int, folder: Path) -> None:
    """What root makes in the daemon's folder belongs to the daemon's user, who could not open it otherwise."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(file, owner.st_uid, owner.st_gid)


def check_free(path: Path) -> None:
    """Raise StoreLockedError where another process holds the store at `path`."""
    if path.exists():
        os.close(_lock(path))


def _lock(path: Path) -> int:
    """Take the lock beside the database. It goes with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise StoreLockedError(
            f"another gatewayd{f' (process {holder})' if holder else ''} is using {path}: stop it first"
        ) from None
    _leave_to_the_owner(fd, path.parent)
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(os.getpid()).encode("ascii"), 0)
    return fd
