"""The database as a whole: its lock, its one writer, its readers."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gatewayd.store import restore, store_owner
from gatewayd.store.checks import check_file, check_owner, check_whole
from gatewayd.store.engine import log_owner
from gatewayd.store.engine.commit import COMMIT_SECONDS
from gatewayd.store.engine.connection import Connection, Transaction, connect_writer, keep_log
from gatewayd.store.engine.disk import Condition, Disk
from gatewayd.store.engine.errors import StoreDamagedError, StoreLockedError, StoreUnavailableError, damage
from gatewayd.store.engine.fsync import PROCESS_BYTES, leave_to_the_owner, lock_path
from gatewayd.store.engine.histogram import Durations
from gatewayd.store.engine.readers import Readers
from gatewayd.store.engine.writer import COMMIT_TIMEOUT_S, Writer
from gatewayd.store.migrations import migrate
from gatewayd.store.store_files import check_access
from gatewayd.store.tables import queue_counts
from gatewayd.store.tables.event_counts import install_event_counts
from gatewayd.store.tables.idempotency import in_flight, install_in_flight

log = logging.getLogger(__name__)

T = TypeVar("T")

# So many lists at most are read at a time: more would only share the cores of a small board.
_LISTING = 2


class Store:
    """Everything the gateway keeps. One process at a time may have it open.

    `backups`: a folder whose newest good backup takes the place of a damaged database; None: a damaged one is refused.
    `resend`: what waited in a backup that was put in place is sent, though it may have been sent since; else it is held.
    """

    def __init__(self, path: Path, *, backups: Path | None = None, resend: bool = False) -> None:
        self.path = path
        self._backups = backups
        self._resend = resend
        self._disk = Disk(path)
        self.readers = Readers(path, self._disk.damaged)
        # Lists may be long: they never take the connections that a key or a message is looked up with.
        self.lists = Readers(path, self._disk.damaged, connections=_LISTING)
        self.commit_times: Durations[str] = Durations(COMMIT_SECONDS)
        self._lock_fd: int | None = None
        self._writer: Writer | None = None

    def open(self) -> None:
        """Lock, check, migrate, and begin to take writes.

        Raises:
            StoreLockedError: another process holds the store.
            StoreVersionError: a newer gatewayd wrote it.
            StoreDamagedError: the database is not whole, and no backup was to take its place.
            StoreUnavailableError: the file or its folder cannot be used.
        """
        try:
            check_access(self.path)
            self._lock_fd = _lock(self.path)
            self._open_or_restore()
            self._disk.open()
            self.readers.open()
            self.lists.open()
        except OSError as error:
            self.close()
            raise StoreUnavailableError(f"{self.path} cannot be opened: {error}") from error
        except BaseException:
            self.close()
            raise

    def write(
        self,
        work: Callable[[Transaction], T],
        timeout_s: float = COMMIT_TIMEOUT_S,
        *,
        then: Callable[[T], None] | None = None,
    ) -> T:
        """Run `work` on the writing connection and return its result once it is durable (see `Writer.run`)."""
        return self._opened().run(work, timeout_s, then=then)

    def take(self, work: Callable[[Transaction], T], *, then: Callable[[T], None] | None = None) -> T:
        """As `write`, for what is new or can wait: refused while the disk is not well (see `Writer.run`)."""
        return self._opened().run(work, new=True, then=then)

    def cut_log(self) -> None:
        """Cut SQLite's log as soon as nobody writes; it comes after something that wrote or read much."""
        self._opened().cut_log()

    @property
    def condition(self) -> Condition:
        """What can be kept just now."""
        return self._disk.condition

    @property
    def log_bytes(self) -> int:
        """The size of SQLite's log."""
        return self._opened().log_bytes

    @property
    def waiting(self) -> int:
        """How many functions wait for the next commit."""
        return self._opened().waiting

    @property
    def commits(self) -> int:
        """How many transactions were committed since the start."""
        return self._opened().commits

    def probe(self, answered: Callable[[int | None], None]) -> None:
        """Have `answered` called with the number of parts that wait, by the thread that writes, after a commit.

        With None where the database refused: that is no sign that the thread hangs. Raises StoreUnavailableError.
        """
        self._opened().hand_over(lambda db: sum(queue_counts.waiting(db).values()), answered)

    @property
    def running(self) -> bool:
        """Whether the thread that writes lives. False between `open` and `close`: it died."""
        return self._writer is not None and self._writer.running

    def close(self, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        """Finish what was handed over, for at most so long, close, and give the lock back.

        The last connection that closes brings the log into the database and removes it. Only the writer can, so it is the last.
        """
        self.readers.close()
        self.lists.close()
        if self._writer is not None:
            self._writer.stop(timeout_s)
            self._writer = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def _opened(self) -> Writer:
        if self._writer is None:
            raise StoreUnavailableError("the store is not open")
        return self._writer

    def _open_or_restore(self) -> None:
        try:
            self._start_writer()
        except StoreDamagedError as error:
            if self._backups is None:
                raise
            log.error("%s", error)
            restore.restore_newest(self._backups, self.path)
            self._start_writer()

    def _start_writer(self) -> None:
        try:
            check_file(self.path)
            log_owner.set_foreign_logs_aside(self.path)
            try:
                self._writer = Writer(self._connect, self._disk, self.commit_times)
            except sqlite3.OperationalError:
                # A full disk has no room even for the index of the log: the reserve is for that, too.
                if not self._disk.make_room():
                    raise
                self._writer = Writer(self._connect, self._disk, self.commit_times)
        except StoreDamagedError as error:
            raise StoreDamagedError(_damaged(self.path, error)) from error
        except StoreUnavailableError as error:
            raise StoreUnavailableError(f"{self.path} cannot be used: {error}") from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            # SQLite quotes from a schema that is damaged, and not every byte of that is a letter.
            if damage(error) or isinstance(error, UnicodeDecodeError):
                raise StoreDamagedError(_damaged(self.path, error)) from error
            raise StoreUnavailableError(f"{self.path} cannot be opened as a database: {error}") from error
        self._writer.start()

    def _connect(self, before: Connection | None) -> Connection:
        """The writing connection, on a database of this program's schema; `before`: the one whose place it takes."""
        db = connect_writer(self.path)
        try:
            if before is None:
                check_owner(db)
                keep_log(db)
                os.chmod(self.path, 0o600)
                leave_to_the_owner(self.path, self.path.parent)
                migrate(db)
                store_owner.settle(db, self.path)
                check_whole(db, self.path.stat().st_size)
                restore.settle(db, resend=self._resend)
            else:
                keep_log(db)
            queue_counts.install_queue_counts(db)
            install_in_flight(db, [] if before is None else in_flight(before))
            install_event_counts(db)
            if before is None:
                log_owner.begin_generation(db)
            else:
                log_owner.mark_log(db)
        except BaseException:
            db.close()
            raise
        return db


def check_free(path: Path) -> None:
    """Raise StoreLockedError where another process holds the store at `path`."""
    if path.exists():
        os.close(_lock(path))


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"{path} is damaged: {error}. It is left as it is. Put a backup in its place, or set store.restore to have the"
        " newest one in store.backup_dir put there"
    )


def _lock(path: Path) -> int:
    """Take the lock beside the database. It goes with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, PROCESS_BYTES, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise StoreLockedError(
            f"another gatewayd{f' (process {holder})' if holder else ''} is using {path}: stop it first"
        ) from None
    leave_to_the_owner(fd, path.parent)
    try:
        os.pwrite(fd, str(os.getpid()).encode("ascii").ljust(PROCESS_BYTES), 0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        log.warning("the disk is full: the lock does not name this process")
    return fd
