"""The one thread that writes: group commit.

Others hand it a function of the connection. It runs all that wait in one transaction, a savepoint each, commits
once, and only then lets them go on. A sync may take 30 ms on an SD card: sixteen ports and a burst of HTTP
requests share it.

Where a commit fails, `Disk` says what becomes of it. While all is not well this thread tries now and then whether it is
again, on a new connection where the old one may be what fails.
"""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, TypeVar

from gatewayd.store.database import BUSY_TIMEOUT_MS, Connection, file_of
from gatewayd.store.disk import Disk, State
from gatewayd.store.durations import Durations
from gatewayd.store.errors import StoreUnavailableError, unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

# So many jobs at most share a commit: it bounds how long the first of them waits for the last.
_BATCH = 512

COMMIT_TIMEOUT_S = 30.0
"""How long a caller waits for its commit. A card that takes longer than this for one sync is as good as gone."""

COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The steps in which commits are counted: from an SSD to a worn SD card that makes everybody wait."""

# How often is tried whether a sick disk is well again.
_TRY_S = 2.0

# The log (WAL) is cut to nothing when it has grown beyond this and nobody writes, and under load beyond that, which only a
# long read can bring about. SQLite itself begins it anew after 4 MiB as a rule.
_LOG_IDLE_BYTES = 8 << 20
_LOG_BUSY_BYTES = 64 << 20
_CUT_AGAIN_S = 5.0
_CUT_WAIT_MS = 100  # for readers to end


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[Connection], Any]
    done: Future[Any]
    new: bool  # it can be refused while the disk is not well


class _Cut:
    """An order to cut the log."""


class Writer:
    """Runs functions on the writing connection, one thread, many functions to a commit.

    `connect` opens the connection, with all that is temporary in it made anew; it is given the one before.
    """

    def __init__(
        self,
        connect: Callable[[Connection | None], Connection],
        disk: Disk,
        commit_times: Durations[str] | None = None,
    ) -> None:
        self._connect = connect
        self._disk = disk
        self._commit_times = commit_times or Durations(COMMIT_SECONDS)
        self._db = connect(None)
        self._log_path = file_of(self._db) + "-wal"
        self._jobs: queue.SimpleQueue[_Job | _Cut | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._stopped = threading.Event()
        self._cut_at = 0.0  # when the log may be cut next, monotonic
        self._try_at = 0.0  # when is tried next whether the disk is well again
        self._closed_to_writing = False
        self.commits = 0  # written by the writer's thread alone

    @property
    def running(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """How many jobs wait for the next commit."""
        return self._jobs.qsize()

    @property
    def log_bytes(self) -> int:
        """The size of the log."""
        try:
            return os.stat(self._log_path).st_size
        except OSError:
            return 0

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def stop(self, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        """Finish what was handed over before this call, then end. Jobs after it are refused."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        else:
            self._db.close()

    def cut_log(self) -> None:
        """Cut the log as soon as no job waits; who calls this does not wait for it."""
        self._jobs.put(_Cut())

    def run(
        self, work: Callable[[Connection], T], timeout_s: float = COMMIT_TIMEOUT_S, *, new: bool = False
    ) -> T:
        """Run `work` and return what it returned, once that is durable. It may be run twice, but is kept once.

        `new`: it can be refused, and is while the disk is not well. Whatever `work` raises is raised here, and nothing
        that it did is kept.

        Raises:
            StoreUnavailableError: it could not be made durable, or was not begun within `timeout_s`; nothing is kept.
        """
        done = self.hand_over(work, new=new)
        try:
            return done.result(timeout_s)
        except FutureTimeoutError:
            if done.cancel():
                raise StoreUnavailableError("the disk is too slow: nothing was kept") from None
            # It is being committed at this moment: to say that it failed could be a lie, so wait for the truth.
            return done.result()
        except CancelledError:
            raise StoreUnavailableError("the store was closed") from None

    def hand_over(self, work: Callable[[Connection], T], *, new: bool = False) -> Future[T]:
        """As `run`, without waiting: the future has what `run` returns or raises. Raises StoreUnavailableError."""
        if self._stopped.is_set():
            raise StoreUnavailableError("the store is closed")
        if new and not self._disk.takes_new:
            raise StoreUnavailableError(self._disk.condition.detail)
        done: Future[T] = Future()
        self._jobs.put(_Job(work, done, new))
        return done

    def _loop(self) -> None:
        stopping = False
        while not stopping:
            batch: list[_Job] = []
            cut = False
            item = self._next()
            while item is not _NOTHING:
                if item is None:
                    stopping = True
                elif isinstance(item, _Cut):
                    cut = True
                elif isinstance(item, _Job) and item.done.set_running_or_notify_cancel():
                    batch.append(item)
                if stopping or len(batch) >= _BATCH:
                    break
                item = self._at_once()
            if batch:
                self._commit(batch)
            if not stopping:
                self._tend(cut=cut, idle=not batch)
        self._refuse_rest()
        self._db.close()

    def _next(self) -> object:
        """What was handed over next; `_NOTHING` where there is something else to look after meanwhile."""
        restless = self._disk.ailing or self.log_bytes > _LOG_IDLE_BYTES
        try:
            return self._jobs.get(timeout=_TRY_S if restless else None)
        except queue.Empty:
            return _NOTHING

    def _at_once(self) -> object:
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            return _NOTHING

    def _commit(self, batch: list[_Job]) -> None:
        """Commit what can be kept of a batch, and tell each what became of it."""
        while batch:
            if not self._disk.takes_new:
                batch = self._without_new(batch)
            try:
                told = self._attempt(batch)
            except Exception as error:  # noqa: BLE001 - the commit failed for all of them, and each is told so
                self._roll_back()
                again = unavailable(error) and self._disk.failed(error)
                if not unavailable(error):
                    log.error("nothing could be written to the database: %s", error)
                if again:
                    continue
                for job in batch:
                    job.done.set_exception(_translated(error))
                return
            for job, result, failure in told:
                if failure is None:
                    job.done.set_result(result)
                else:
                    job.done.set_exception(failure)
            return

    def _without_new(self, batch: list[_Job]) -> list[_Job]:
        for job in batch:
            if job.new:
                job.done.set_exception(StoreUnavailableError(self._disk.condition.detail))
        return [job for job in batch if not job.new]

    def _attempt(self, batch: list[_Job]) -> list[tuple[_Job, Any, BaseException | None]]:
        """Run a batch in one transaction. Raises where that cannot be committed; it is not rolled back then."""
        db = self._db
        if self._disk.condition.state is State.DAMAGED and not self._closed_to_writing:
            db.execute("PRAGMA query_only = ON")  # what is written to a damaged file does more damage
            self._closed_to_writing = True
        told: list[tuple[_Job, Any, BaseException | None]] = []
        before = db.total_changes
        # What only reads is done also where nothing can be written.
        well = self._disk.condition.state in (State.OK, State.SPARING)
        db.execute("BEGIN IMMEDIATE" if well else "BEGIN")
        alone = len(batch) == 1  # then the transaction is its savepoint
        for job in batch:
            if not alone:
                db.execute("SAVEPOINT job")
            try:
                told.append((job, job.work(db), None))
            except Exception as error:  # whatever it is belongs to the caller who handed it over
                if unavailable(error) and not self._closed_to_writing:
                    raise  # not the caller's fault, but the disk's: it concerns all
                if not db.in_transaction:
                    raise  # SQLite gave up the whole transaction: nothing of this batch is kept
                db.execute("ROLLBACK" if alone else "ROLLBACK TO job")
                told.append((job, None, _translated(error)))
                if alone:
                    return told
            if not alone:
                db.execute("RELEASE job")
        began, changed = time.monotonic(), db.total_changes != before
        db.execute("COMMIT")
        self.commits += 1
        if changed:  # else nothing was synced
            self._commit_times.observe("", time.monotonic() - began)
            self._disk.wrote()
        return told

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error as error:
                log.error("a transaction could not be rolled back: %s", error)

    def _tend(self, *, cut: bool, idle: bool) -> None:
        """Look after the disk and the log, between two commits."""
        now = time.monotonic()
        if self._disk.ailing and now >= self._try_at:
            self._try_at = now + _TRY_S
            self._try_to_heal()
        limit = 0 if cut else _LOG_IDLE_BYTES if idle else _LOG_BUSY_BYTES
        if self.log_bytes > limit and (cut or now >= self._cut_at) and not self._closed_to_writing:
            self._cut_at = now + _CUT_AGAIN_S
            self._cut()

    def _try_to_heal(self) -> None:
        """Write something that changes nothing. Where that fails, once more on a new connection."""
        if not self._disk.may_heal:
            return
        try:
            try:
                _write_nothing(self._db)
            except sqlite3.Error:
                self._reconnect()
        except sqlite3.Error as error:
            log.debug("the disk is not well yet: %s", error)
            return
        self._disk.healed()

    def _reconnect(self) -> None:
        """Go on with a new connection, if that can write. Raises sqlite3.Error.

        The old one is closed after the new one was opened: were the last one closed, SQLite would recover the log, and
        find in it what could not be synced and was told as failed.
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
        """Copy the log into the database and cut it to nothing, unless somebody still reads it."""
        try:
            self._db.execute(f"PRAGMA busy_timeout = {_CUT_WAIT_MS}")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            log.debug("the log of the database cannot be cut now: %s", error)
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def _refuse_rest(self) -> None:
        while True:
            try:
                item = self._jobs.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, _Job):
                item.done.cancel()


_NOTHING = object()


def _write_nothing(db: Connection) -> None:
    db.execute("PRAGMA user_version = 0")  # 0 it is: but it is written, and synced


def _translated(error: BaseException) -> BaseException:
    if not unavailable(error):
        return error
    translated = StoreUnavailableError(f"the database cannot be written: {error}")
    translated.__cause__ = error
    return translated
