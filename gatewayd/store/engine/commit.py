"""The writing connection, and one commit on it: many jobs in one transaction, a savepoint each.

Where a commit fails, `Disk` decides whether it is tried once more. While the disk has a problem, `tend` tries a write now
and then, and on a new connection where the old one may be the cause.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from config.language.text import Text, text_of
from gatewayd.store.engine.connection import (
    BUSY_TIMEOUT_MS,
    LOG_ROOM_BYTES,
    SqliteConnection,
    Transaction,
    log_of,
)
from gatewayd.store.engine.disk import Disk, State
from gatewayd.store.engine.errors import StoreUnavailableError, unavailable
from gatewayd.store.engine.histogram import Durations
from gatewayd.store.engine.wal_owner import mark_log

log = logging.getLogger(__name__)

COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of the histogram of commit times, in seconds: from an SSD to a worn SD card."""

SHARE_S = 0.001
"""How long jobs are added to one commit at least; at most as long as the last sync took, so that many jobs share a slow sync.

Where a sync is quick, the first caller need not wait for all others, and ports that ended a submission in the same
moment drift apart.
"""

# The log (WAL) is truncated above the first size while the writer is idle, and above the second under load: only a long
# read can let it grow to that. SQLite itself usually restarts the log after 4 MiB.
_LOG_IDLE_BYTES = LOG_ROOM_BYTES
_LOG_BUSY_BYTES = 64 << 20

TRY_S = 2.0
"""How often `tend` tests a disk with a problem and checks the size of the log."""

_CUT_AGAIN_S = 5.0
_CUT_WAIT_MS = 100  # for readers to end


class Job:
    """A function of the writing connection; once `done`, its `result` or its `error`."""

    __slots__ = ("done", "error", "new", "ran", "result", "then", "work")

    def __init__(
        self,
        work: Callable[[Transaction], Any],
        *,
        new: bool,
        then: Callable[[Any], None] | None = None,
    ) -> None:
        self.work = work
        self.then = then  # called with the result after the commit, before the next transaction begins
        self.new = new  # refused while the disk has a problem
        self.ran = False  # its transaction has ended
        self.done = False  # its caller may read `result` and `error`
        self.result: Any = None
        self.error: BaseException | None = None


class Committer:
    """The writing connection. One thread at a time calls its methods (see `Writer`).

    `connect` opens the connection and makes its temporary tables; its argument is the connection that it replaces.
    `share_s`: see `SHARE_S`. `committed` is called with the connection after each commit that changed something; it must
    return quickly and raise nothing.
    """

    def __init__(
        self,
        connect: Callable[[SqliteConnection | None], SqliteConnection],
        disk: Disk,
        times: Durations[str],
        share_s: float,
        committed: Callable[[SqliteConnection], None],
    ) -> None:
        self._connect = connect
        self._disk = disk
        self._times = times
        self._share_s = share_s
        self._committed = committed
        self._db = connect(None)
        try:
            self._log_path = log_of(self._db)
        except BaseException:
            self._db.close()  # nobody else knows of it
            raise
        self._try_at = 0.0  # monotonic: when the disk is tested next
        self._cut_at = 0.0  # monotonic: when the log may be truncated next
        self._sync_s = 0.0  # duration of the last sync
        self._closed_to_writing = False
        self.commits = 0

    @property
    def log_bytes(self) -> int:
        """The size of the log, in bytes. Any thread may ask."""
        try:
            return os.stat(self._log_path).st_size
        except OSError:
            return 0

    @property
    def needs_tending(self) -> bool:
        """Whether `tend` must be called now and then. Any thread may ask."""
        return self._disk.recovering or self.log_bytes > _LOG_IDLE_BYTES

    def commit(self, batch: list[Job]) -> None:
        """Commit a batch, or its beginning. Each job that `ran` then has its result or its error."""
        while batch:
            if not self._disk.takes_new:
                batch = self._refuse_new(batch)
            try:
                self._attempt(batch)
            except Exception as error:  # noqa: BLE001 - the commit failed for all jobs, and each gets the error
                self._roll_back()
                again = unavailable(error) and self._disk.failed(error)
                if not unavailable(error):
                    log.error("nothing could be written to the database: %s", error)
                if again:
                    continue
                if not any(job.ran for job in batch):  # the transaction could not even be begun
                    for job in batch:
                        job.ran = True
                for job in batch:
                    if job.ran:
                        job.error = _translated(error)
            except BaseException:  # the thread is interrupted
                self._roll_back()
                raise
            return

    def tend(self, *, cut: bool, idle: bool) -> None:
        """Test the disk and truncate the log where needed. `cut`: truncate it now; `idle`: there was no commit lately."""
        now = time.monotonic()
        if self._disk.recovering and now >= self._try_at:
            self._try_at = now + TRY_S
            self._try_to_heal()
        limit = 0 if cut else _LOG_IDLE_BYTES if idle else _LOG_BUSY_BYTES
        if self.log_bytes > limit and (cut or now >= self._cut_at) and not self._closed_to_writing:
            self._cut_at = now + _CUT_AGAIN_S
            self._cut()

    def close(self) -> None:
        """Bring the log into the database, and close the connection.

        Where another process reads, SQLite does not remove the log. The log is empty then, and the database is whole without it.
        """
        try:
            if not self._closed_to_writing:
                self._db.execute(f"PRAGMA busy_timeout = {_CUT_WAIT_MS}")
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            log.debug("the log of the database stays as it is: %s", error)
        finally:
            self._db.close()

    def _refuse_new(self, batch: list[Job]) -> list[Job]:
        for job in batch:
            if job.new:
                job.ran = True
                job.error = StoreUnavailableError(self._disk.condition.detail)
        return [job for job in batch if not job.new]

    def _attempt(self, batch: list[Job]) -> None:
        """Run a batch in one transaction. Raises where the commit fails; the caller rolls back."""
        db = self._db
        if self._disk.condition.state is State.DAMAGED and not self._closed_to_writing:
            db.execute("PRAGMA query_only = ON")  # a write to a damaged file does more damage
            self._closed_to_writing = True
        before = db.total_changes
        # Jobs that only read run also where nothing can be written.
        well = self._disk.condition.state in (State.OK, State.SPARING)
        db.execute("BEGIN IMMEDIATE" if well else "BEGIN")
        alone = len(batch) == 1  # then the transaction serves as its savepoint
        until = time.monotonic() + max(self._sync_s, self._share_s)
        for job in batch:
            job.ran = False
        for job in batch:
            job.ran = True
            if not alone:
                db.execute("SAVEPOINT job")
            try:
                job.result, job.error = job.work(db), None
            except Exception as error:  # any exception belongs to the caller
                if unavailable(error) and not self._closed_to_writing:
                    raise  # a problem of the disk concerns all jobs
                if not db.in_transaction:
                    raise  # SQLite rolled back the whole transaction
                db.execute("ROLLBACK" if alone else "ROLLBACK TO job")
                job.error = _translated(error)
                if alone:
                    return
            if not alone:
                db.execute("RELEASE job")
            if job.then is not None and job.error is None:
                break  # the next job must see the changes of `then`
            if time.monotonic() > until:
                break
        began, changed = time.monotonic(), db.total_changes != before
        db.execute("COMMIT")
        self.commits += 1
        if changed:  # a transaction without changes syncs nothing
            self._sync_s = time.monotonic() - began
            self._times.observe("", self._sync_s)
            self._disk.wrote()
        self._run_then(batch, changed=changed)

    def _run_then(self, batch: list[Job], *, changed: bool) -> None:
        for job in batch:
            if job.ran and job.then is not None and job.error is None:
                job.then(job.result)
        if changed:
            self._committed(self._db)

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error as error:
                log.error("a transaction could not be rolled back: %s", error)

    def _try_to_heal(self) -> None:
        """Test the disk with a write that changes nothing; where that fails, once more on a new connection."""
        if not self._disk.may_heal:
            return
        try:
            try:
                _write_nothing(self._db)
            except sqlite3.Error:
                self._reconnect()
        except sqlite3.Error as error:
            log.debug("the disk still has a problem: %s", error)
            return
        self._disk.healed()

    def _reconnect(self) -> None:
        """Replace the connection by a new one, if that can write. Raises sqlite3.Error.

        The old connection is closed after the new one was opened. If the last connection were closed, SQLite would recover
        the log, with commits in it that could not be synced and were reported as failed.
        """
        db = self._connect(self._db)
        try:
            _write_nothing(db)
        except sqlite3.Error:
            db.close()
            raise
        self._db.close()
        self._db = db

    def _cut(self) -> None:
        """Copy the log into the database and restart it; truncate it where it is too long. Not while a process reads it."""
        try:
            self._db.execute(f"PRAGMA busy_timeout = {_CUT_WAIT_MS}")
            if self.log_bytes > LOG_ROOM_BYTES:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                mark_log(self._db)
            else:
                self._db.execute("PRAGMA wal_checkpoint(RESTART)")
        except sqlite3.Error as error:
            log.debug("the log of the database cannot be truncated now: %s", error)
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _write_nothing(db: SqliteConnection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute(f"PRAGMA user_version = {version}")  # the same value, but SQLite writes and syncs it


def _translated(error: BaseException) -> BaseException:
    if not unavailable(error):
        return error
    translated = StoreUnavailableError(
        Text("the database cannot be written: {reason}", reason=text_of(error))
    )
    translated.__cause__ = error
    return translated
