"""The one thread that writes: group commit.

Others hand it a function of the connection. It runs all that wait in one transaction, a savepoint each, commits
once, and only then lets them go on. A sync may take 30 ms on an SD card: sixteen ports and a burst of HTTP
requests share it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, TypeVar

from gatewayd.store.database import Connection
from gatewayd.store.durations import Durations
from gatewayd.store.errors import StoreUnavailableError, unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

# So many jobs at most share a commit: it bounds how long the first of them waits for the last.
_BATCH = 512

# How long a caller waits for its commit. A card that takes longer than this for one sync is as good as gone.
COMMIT_TIMEOUT_S = 30.0

# From an SSD to a worn SD card that makes everybody wait.
COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[Connection], Any]
    done: Future[Any]


class Writer:
    """Runs functions on the writing connection, one thread, many functions to a commit."""

    def __init__(self, db: Connection, commit_times: Durations[str] | None = None) -> None:
        self._db = db
        self._commit_times = commit_times or Durations(COMMIT_SECONDS)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._stopped = threading.Event()
        self.commits = 0  # written by the writer's thread alone

    @property
    def running(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """How many jobs wait for the next commit."""
        return self._jobs.qsize()

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def stop(self, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        """Finish what was handed over before this call, then end. Jobs after it are refused."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._jobs.put(None)
        self._thread.join(timeout_s)

    def run(self, work: Callable[[Connection], T], timeout_s: float = COMMIT_TIMEOUT_S) -> T:
        """Run `work` and return what it returned, once that is durable.

        Whatever `work` raises is raised here, and nothing that it did is kept.

        Raises:
            StoreUnavailableError: it could not be made durable, or was not begun within `timeout_s`; nothing is kept.
        """
        done = self.hand_over(work)
        try:
            return done.result(timeout_s)
        except FutureTimeoutError:
            if done.cancel():
                raise StoreUnavailableError("the disk is too slow: nothing was kept") from None
            # It is being committed at this moment: to say that it failed could be a lie, so wait for the truth.
            return done.result()
        except CancelledError:
            raise StoreUnavailableError("the store was closed") from None

    def hand_over(self, work: Callable[[Connection], T]) -> Future[T]:
        """As `run`, without waiting: the future has what `run` returns or raises. Raises StoreUnavailableError."""
        if self._stopped.is_set():
            raise StoreUnavailableError("the store is closed")
        done: Future[T] = Future()
        self._jobs.put(_Job(work, done))
        return done

    def _loop(self) -> None:
        stopping = False
        while not stopping:
            batch: list[_Job] = []
            item = self._jobs.get()
            while True:
                if item is None:
                    stopping = True
                elif item.done.set_running_or_notify_cancel():
                    batch.append(item)
                if stopping or len(batch) >= _BATCH:
                    break
                try:
                    item = self._jobs.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(batch)
        self._refuse_rest()
        self._db.close()

    def _commit(self, batch: list[_Job]) -> None:
        db = self._db
        results: list[tuple[_Job, Any]] = []
        failures: list[tuple[_Job, BaseException]] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            before = db.total_changes
            for job in batch:
                db.execute("SAVEPOINT job")
                try:
                    results.append((job, job.work(db)))
                except Exception as error:  # whatever it is belongs to the caller who handed it over
                    if not db.in_transaction:
                        raise  # SQLite gave up the whole transaction: nothing of this batch is kept
                    db.execute("ROLLBACK TO job")
                    failures.append((job, _translated(error)))
                db.execute("RELEASE job")
            began, changed = time.monotonic(), db.total_changes > before
            db.execute("COMMIT")
            self.commits += 1
            if changed:  # else nothing was synced
                self._commit_times.observe("", time.monotonic() - began)
        except Exception as error:  # noqa: BLE001 - the commit failed for all of them, and each is told so
            if db.in_transaction:
                db.execute("ROLLBACK")
            log.error("nothing could be written to the database: %s", error)
            for job in batch:
                job.done.set_exception(_translated(error))
            return
        for job, result in results:
            job.done.set_result(result)
        for job, failure in failures:
            job.done.set_exception(failure)

    def _refuse_rest(self) -> None:
        while True:
            try:
                item = self._jobs.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                item.done.cancel()


def _translated(error: BaseException) -> BaseException:
    if not unavailable(error):
        return error
    translated = StoreUnavailableError(f"the database cannot be written: {error}")
    translated.__cause__ = error
    return translated
