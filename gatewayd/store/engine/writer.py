"""Group commit: many callers share one transaction and one sync. One thread writes at a time.

A caller hands in a function of the connection. A caller that finds the writer idle becomes the writer: it runs every queued
function in one transaction, commits once, and releases the callers whose functions it ran. A caller that finds another
writer waits until its function was run with others, or until it is the first in the queue; then it writes for all that
are queued. So sixteen ports and a burst of requests share one sync of 30 ms on an SD card. A single caller
writes in its own thread: to wake another thread, and to be woken by it, costs more than the transaction.

A thread of the writer runs the jobs that have no waiting caller, and `Committer.tend`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar, cast

from config.language.text import Text
from gatewayd.store.engine.commit import COMMIT_SECONDS, SHARE_S, TRY_S, Committer, Job
from gatewayd.store.engine.connection import SqliteConnection, Transaction
from gatewayd.store.engine.disk import Disk
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.engine.histogram import Durations

T = TypeVar("T")

# The most jobs that share a commit. It bounds how long the first job waits for the last one.
_BATCH = 512

# How long a job with `joined` waits for another caller to write it. A port that is woken hands in its job within 0.3 ms mostly.
_JOIN_S = 0.003

COMMIT_TIMEOUT_S = 30.0
"""How long a caller waits for its commit. An SD card that takes longer for one sync has failed."""


class _Waiter(Job):
    """A job with a waiting caller, which may become the writer."""

    __slots__ = ("answered", "writes")

    def __init__(
        self,
        work: Callable[[Transaction], object],
        *,
        new: bool,
        then: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__(work, new=new, then=then)
        # Released when the job has its result, or when its caller becomes the writer.
        self.answered = threading.Lock()
        self.answered.acquire()
        self.writes = False  # its caller is the writer


class _Turn(_Waiter):
    """A place in the queue without a function: its caller waits to be the writer, and then does something else."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(lambda _: None, new=False)


class _Detached(Job):
    """A job without a waiting caller: `answer` is called with its result, or with None where it failed."""

    __slots__ = ("answer",)

    def __init__(self, work: Callable[[Transaction], T], answer: Callable[[T | None], None]) -> None:
        super().__init__(work, new=False)
        self.answer = answer


class Writer:
    """Runs functions on the writing connection, many to a commit. See `Committer` for the arguments."""

    def __init__(
        self,
        connect: Callable[[SqliteConnection | None], SqliteConnection],
        disk: Disk,
        commit_times: Durations[str] | None = None,
        *,
        share_s: float = SHARE_S,
        committed: Callable[[SqliteConnection], None] = lambda _: None,
    ) -> None:
        self._disk = disk
        self._committer = Committer(
            connect, disk, commit_times or Durations(COMMIT_SECONDS), share_s, committed
        )
        self._mutex = threading.Lock()  # guards the attributes below, except the thread
        self._jobs: deque[Job] = deque()
        self._writing = False  # a caller is the writer
        self._closed = False
        self._cut = False  # the log must be truncated
        self._has_detached = False  # there are jobs without a waiting caller
        self._polls = False  # the thread wakes up after `TRY_S` by itself
        self._wake_up = threading.Condition(self._mutex)  # signals that the thread has work
        self._thread = threading.Thread(target=self._run_thread, name="store-writer", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """How many jobs wait for the next commit."""
        with self._mutex:
            return sum(not isinstance(job, _Turn) for job in self._jobs)

    @property
    def commits(self) -> int:
        """The number of commits since the start."""
        return self._committer.commits

    @property
    def log_bytes(self) -> int:
        """The size of the log, in bytes."""
        return self._committer.log_bytes

    def start(self) -> None:
        """Start the thread. Jobs are accepted from then on."""
        self._thread.start()

    def stop(self, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        """Finish the jobs queued before this call, then end. Later jobs are refused."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            self._wake_up.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        else:
            self._committer.close()

    def cut_log(self) -> None:
        """Have the log truncated as soon as the writer is idle. Returns at once."""
        with self._mutex:
            self._cut = True
            self._wake_up.notify()

    def run(
        self,
        work: Callable[[Transaction], T],
        timeout_s: float = COMMIT_TIMEOUT_S,
        *,
        new: bool = False,
        then: Callable[[T], None] | None = None,
        joined: Callable[[], None] | None = None,
    ) -> T:
        """Run `work` and return its result once that is durable.

        `work` may run twice, but only one run is committed. So it must change nothing in memory: a change in memory goes
        into its result and is applied by the caller. Where no other transaction may come between, it is applied by `then`,
        which is called with the result after the commit and before the next transaction begins. `then` must not
        fail and must not use the store.

        `joined`: called once the job is queued. It has another thread hand in a job that needs the changes of this one: that
        job runs behind this one, and mostly both share a commit. It must not fail and must not use the store.

        `new`: refuse the job while the disk has a problem. An exception of `work` is raised here, and none of its changes
        is kept. Another thread may run `work`, and this thread may run the jobs of others.

        Raises:
            StoreUnavailableError: the result could not be made durable, or `work` did not begin within `timeout_s`.
                Nothing is kept.
        """
        if new and not self._disk.takes_new:
            raise StoreUnavailableError(self._disk.condition.detail)
        job = _Waiter(work, new=new, then=then)
        deadline = monotonic() + timeout_s
        joins = joined is not None
        writes = self._queue(job, joins=joins)
        if joined is not None:
            joined()
        while writes or self._wait_for_turn(job, deadline, joins=joins):
            self._write()
            if job.done:
                break
            writes = joins = False
        if job.error is not None:
            raise job.error
        return cast(T, job.result)

    def hand_over(self, work: Callable[[Transaction], T], answer: Callable[[T | None], None]) -> None:
        """As `run`, without waiting. Raises StoreUnavailableError where the store is closed.

        `answer` is called with the result once that is durable, or with None where the commit failed. The writing thread
        calls it, so it must return quickly.
        """
        with self._mutex:
            self._refuse_if_closed()
            self._jobs.append(_Detached(work, answer))
            self._has_detached = True
            self._wake_up.notify()

    # Taking turns

    def _queue(self, job: _Waiter, *, joins: bool) -> bool:
        """Queue a job; True where its caller is the writer at once. Raises StoreUnavailableError.

        `joins`: it waits for another caller, also where nobody writes.
        """
        with self._mutex:
            self._refuse_if_closed()
            if not joins:
                return self._join(job)
            self._jobs.append(job)
            return False

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailableError(Text("the store is closed"))

    def _join(self, job: _Waiter) -> bool:
        self._jobs.append(job)
        turn, self._writing = not self._writing, True
        return turn

    def _wait_for_turn(self, job: _Waiter, deadline: float, *, joins: bool) -> bool:
        """Wait until a job has ended (False) or its caller becomes the writer (True).

        `joins`: its caller becomes the writer after `_JOIN_S`, where nobody else does.

        Raises StoreUnavailableError at the deadline.
        """
        try:
            answered = joins and job.answered.acquire(timeout=_JOIN_S)
            if joins and not answered and self._take_turn(job):
                return True
            if not answered and not job.answered.acquire(timeout=max(0.0, deadline - monotonic())):
                if self._withdraw(job):
                    raise StoreUnavailableError(Text("the disk is too slow: nothing was stored"))
                # The job is being committed at this moment. Whether it fails is not known yet, so wait for its end.
                job.answered.acquire()
        except KeyboardInterrupt:
            self._withdraw(job)
            if job.writes and not job.done:
                self._pass_on()
            raise
        return not job.done

    def _take_turn(self, job: _Waiter) -> bool:
        """Make the caller of a queued job the writer. False where another one writes."""
        with self._mutex:
            if self._writing or job not in self._jobs:
                return False
            self._writing = True
            return True

    def _withdraw(self, job: _Waiter) -> bool:
        """Take a job out of the queue. False where it is being run, or its caller is the writer."""
        with self._mutex:
            if job.writes or job not in self._jobs:
                return False
            self._jobs.remove(job)
            return True

    def _write(self) -> None:
        """Commit the queued jobs, then make the next caller the writer. For the writer."""
        try:
            self._commit()
        finally:
            self._pass_on()

    def _commit(self) -> None:
        """Commit the first queued jobs, at most `_BATCH` and none behind a `_Turn`, and release their callers."""
        batch: list[Job] = []
        with self._mutex:
            while self._jobs and len(batch) < _BATCH and not isinstance(self._jobs[0], _Turn):
                batch.append(self._jobs.popleft())
        try:
            self._committer.commit(batch)
        except BaseException as error:
            # Only this thread is interrupted. The other callers get an error: nothing of their jobs was kept.
            for job in batch:
                job.ran, job.error = (
                    True,
                    StoreUnavailableError(Text("the gateway was interrupted: nothing was stored")),
                )
                job.error.__cause__ = error
            raise
        finally:
            with self._mutex:
                self._jobs.extendleft(job for job in reversed(batch) if not job.ran)
            self._mark_done([job for job in batch if job.ran])

    def _mark_done(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.done = True
            if isinstance(job, _Waiter):
                job.answered.release()
        for job in jobs:
            if isinstance(job, _Detached):
                job.answer(None if job.error is not None else job.result)

    def _pass_on(self) -> None:
        """Make the first waiting caller the writer."""
        needs_tending = self._committer.needs_tending
        with self._mutex:
            following = next((job for job in self._jobs if isinstance(job, _Waiter)), None)
            if following is None:
                self._writing = False
            else:
                following.writes = True
                following.answered.release()
            if needs_tending and not self._polls:
                self._wake_up.notify()

    # The thread

    def _run_thread(self) -> None:
        """Run the jobs without a waiting caller and `tend`, until `stop`; then write what is queued and close the connection."""
        commits = -1
        while not self._wait_for_work():
            idle, commits = commits == self.commits, self.commits
            self._in_turn(lambda idle=idle: self._tend(idle=idle))  # type: ignore[misc]
        self._in_turn(self._finish)

    def _wait_for_work(self) -> bool:
        """Wait for work. True: the writer is closed."""
        with self._mutex:
            if not (self._closed or self._cut or self._has_detached):
                self._polls = self._committer.needs_tending
                self._wake_up.wait(TRY_S if self._polls else None)
                self._polls = False
            self._has_detached = False
            return self._closed

    def _tend(self, *, idle: bool) -> None:
        with self._mutex:
            cut, self._cut = self._cut, False
        self._committer.tend(cut=cut, idle=idle)

    def _finish(self) -> None:
        while self._jobs:
            self._commit()
        self._committer.close()

    def _in_turn(self, do: Callable[[], None]) -> None:
        """Commit all jobs queued by now, then call `do` while no other thread writes."""
        turn = _Turn()
        with self._mutex:
            at_once = self._join(turn)
        if not at_once:
            turn.answered.acquire()
        with self._mutex:
            self._jobs.remove(turn)
        try:
            for _ in range(
                len(self._jobs)
            ):  # each commit takes at least one of them; jobs that come meanwhile do not count
                self._commit()
            do()
        finally:
            self._pass_on()
