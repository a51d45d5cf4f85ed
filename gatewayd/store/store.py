"""The store: the lock of the database, its writer and its readers."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from config.language.text import Text, text_of
from gatewayd.store import restore, store_owner
from gatewayd.store.engine import wal_owner
from gatewayd.store.engine.commit import COMMIT_SECONDS
from gatewayd.store.engine.connection import SqliteConnection, Transaction, connect_writer, keep_log
from gatewayd.store.engine.disk import Condition, Disk
from gatewayd.store.engine.errors import StoreDamagedError, StoreLockedError, StoreUnavailableError, damage
from gatewayd.store.engine.fsync import PROCESS_BYTES, leave_to_the_owner, lock_path
from gatewayd.store.engine.histogram import Durations
from gatewayd.store.engine.readers import Readers
from gatewayd.store.engine.writer import COMMIT_TIMEOUT_S, Writer
from gatewayd.store.integrity import check_file, check_owner, check_whole
from gatewayd.store.migrations import migrate
from gatewayd.store.store_files import check_access
from gatewayd.store.tables import event_eras, events, outcomes, queue_counts
from gatewayd.store.tables.event_counts import install_event_counts
from gatewayd.store.tables.idempotency import in_flight, install_in_flight

log = logging.getLogger(__name__)

T = TypeVar("T")

# The most lists that are read at a time: more would only share the cores of a small board.
_LISTING = 2


class Store:
    """All data that the gateway keeps. One process at a time may have it open.

    `backups`: a folder whose newest good backup replaces a damaged database; None: a damaged database is refused.
    `resend`: messages that waited in a restored backup are sent, though they may have been sent since; else they are held.
    `prepare` is called with each new writing connection, before it is used.
    """

    def __init__(
        self,
        path: Path,
        *,
        backups: Path | None = None,
        resend: bool = False,
        prepare: Callable[[SqliteConnection], None] | None = None,
    ) -> None:
        self.path = path
        self._prepare = prepare
        self._backups = backups
        self._resend = resend
        self._disk = Disk(path)
        self.readers = Readers(path, self._disk.damaged)
        # Lists may take long, so they do not use the connections on which a key or a message is looked up.
        self.lists = Readers(path, self._disk.damaged, connections=_LISTING)
        self.commit_times: Durations[str] = Durations(COMMIT_SECONDS)
        self._lock_fd: int | None = None
        self._writer: Writer | None = None
        self._event_followers: list[Callable[[], None]] = []
        self._outcome_followers: list[Callable[[], None]] = []
        self._newest_event = 0  # only the thread that writes uses these
        self._newest_outcome = 0

    def open(self) -> None:
        """Lock, check and migrate the database, and start the writer.

        Raises:
            StoreLockedError: another process holds the store.
            StoreVersionError: a newer gatewayd wrote it.
            StoreDamagedError: the database is damaged, and no backup replaces it.
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
            raise StoreUnavailableError(
                Text("{path} cannot be opened: {reason}", path=self.path, reason=text_of(error))
            ) from error
        except BaseException:
            self.close()
            raise

    def write(
        self,
        work: Callable[[Transaction], T],
        timeout_s: float = COMMIT_TIMEOUT_S,
        *,
        then: Callable[[T], None] | None = None,
        joined: Callable[[], None] | None = None,
    ) -> T:
        """Run `work` on the writing connection and return its result once it is durable (see `Writer.run`)."""
        return self._opened().run(work, timeout_s, then=then, joined=joined)

    def take(self, work: Callable[[Transaction], T], *, then: Callable[[T], None] | None = None) -> T:
        """As `write`, for new messages and jobs that can wait: refused while the disk has a problem (see `Writer.run`)."""
        return self._opened().run(work, new=True, then=then)

    def follow_events(self, told: Callable[[], None]) -> None:
        """Call `told` after each commit that wrote events, on the thread that wrote: it must return quickly, and not fail."""
        self._event_followers.append(told)

    def follow_outcomes(self, told: Callable[[], None]) -> None:
        """As `follow_events`, after each commit that noted outcomes for a fleet."""
        self._outcome_followers.append(told)

    def cut_log(self) -> None:
        """Have SQLite's log truncated as soon as the writer is idle: for callers that wrote or read much."""
        self._opened().cut_log()

    @property
    def condition(self) -> Condition:
        """The condition of the disk."""
        return self._disk.condition

    @property
    def log_bytes(self) -> int:
        """The size of SQLite's log, in bytes."""
        return self._opened().log_bytes

    @property
    def waiting(self) -> int:
        """The number of functions that wait for the next commit."""
        return self._opened().waiting

    @property
    def commits(self) -> int:
        """The number of commits since the start."""
        return self._opened().commits

    def probe(self, answered: Callable[[int | None], None]) -> None:
        """Test the writer: it calls `answered` with the number of queued parts after a commit.

        It calls `answered` with None if the commit failed: then the thread does not hang either. Raises StoreUnavailableError.
        """
        self._opened().hand_over(lambda db: sum(queue_counts.waiting(db).values()), answered)

    @property
    def running(self) -> bool:
        """Whether the thread of the writer is alive. False between `open` and `close`: it ended unexpectedly."""
        return self._writer is not None and self._writer.running

    def close(self, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        """Finish the queued jobs, for at most `timeout_s`, then close and release the lock.

        The last connection that closes copies the log into the database and removes it. Only the writer may write, so it
        is closed last.
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
            raise StoreUnavailableError(Text("the store is not open"))
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
            wal_owner.set_foreign_logs_aside(self.path)
            try:
                self._writer = self._make_writer()
            except sqlite3.OperationalError:
                # A full disk has no room even for the index of the log, so the reserve is freed.
                if not self._disk.make_room():
                    raise
                self._writer = self._make_writer()
        except StoreDamagedError as error:
            raise StoreDamagedError(_damaged(self.path, error)) from error
        except StoreUnavailableError as error:
            raise StoreUnavailableError(
                Text("{path} cannot be used: {reason}", path=self.path, reason=text_of(error))
            ) from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            # The message of SQLite quotes the damaged schema, which may not be valid UTF-8.
            if damage(error) or isinstance(error, UnicodeDecodeError):
                raise StoreDamagedError(_damaged(self.path, error)) from error
            raise StoreUnavailableError(
                Text("{path} cannot be opened as a database: {reason}", path=self.path, reason=text_of(error))
            ) from error
        self._writer.start()

    def _make_writer(self) -> Writer:
        return Writer(self._connect, self._disk, self.commit_times, committed=self._tell_followers)

    def _tell_followers(self, db: SqliteConnection) -> None:
        """Tell of new outcomes and events, after a commit."""
        if self._outcome_followers:
            self._tell_of_outcomes(db)
        if not self._event_followers:
            return
        try:
            newest = events.last_id(db)
        except sqlite3.Error as error:  # the commit is done; there may be events
            log.debug("the newest event cannot be read: %s", error)
            newest = -1
        if newest != self._newest_event:
            self._newest_event = newest
            for told in self._event_followers:
                told()

    def _tell_of_outcomes(self, db: SqliteConnection) -> None:
        try:
            newest = outcomes.last_number(db)
        except sqlite3.Error as error:  # the commit is done; there may be outcomes
            log.debug("the newest outcome cannot be read: %s", error)
            newest = -1
        if newest != self._newest_outcome:
            self._newest_outcome = newest
            for told in self._outcome_followers:
                told()

    def _connect(self, before: SqliteConnection | None) -> SqliteConnection:
        """Open the writing connection, with the schema of this program. `before`: the connection that it replaces."""
        db = connect_writer(self.path)
        try:
            if before is None:
                check_owner(db)
                keep_log(db)
                os.chmod(self.path, 0o600)
                leave_to_the_owner(self.path, self.path.parent)
                migrate(db)
                store_owner.reconcile(db, self.path)
                check_whole(db, self.path.stat().st_size)
                restore.adopt_backup(db, resend=self._resend)
                _begin_event_era(db)
            else:
                keep_log(db)
            queue_counts.install_queue_counts(db)
            install_in_flight(db, [] if before is None else in_flight(before))
            install_event_counts(db)
            if self._prepare is not None:
                self._prepare(db)
            if before is None:
                wal_owner.begin_generation(db)
            else:
                wal_owner.mark_log(db)
        except BaseException:
            db.close()
            raise
        return db


def check_free(path: Path) -> None:
    """Raise StoreLockedError where another process holds the store at `path`."""
    if path.exists():
        os.close(_lock(path))


def _begin_event_era(db: SqliteConnection) -> None:
    """Begin an era of events at a start. On a full disk the last one goes on, and the next start begins one."""
    try:
        db.execute("BEGIN IMMEDIATE")
        event_eras.begin(db, restored=False)
        db.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        log.debug("no era of events is begun: %s", error)


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"{path} is damaged: {error}. It is left as it is. Put a backup in its place, or set store.restore to have the"
        " newest one in store.backup_dir put there"
    )


def _lock(path: Path) -> int:
    """Take the lock beside the database. The kernel releases it when the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, PROCESS_BYTES, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise StoreLockedError(
            Text("another gatewayd is using {path}: stop it first", path=path)
            if holder is None
            else Text(
                "another gatewayd (process {holder}) is using {path}: stop it first", holder=holder, path=path
            )
        ) from None
    leave_to_the_owner(fd, path.parent)
    try:
        os.pwrite(fd, str(os.getpid()).encode("ascii").ljust(PROCESS_BYTES), 0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        log.warning("the disk is full: the lock does not name this process")
    return fd
