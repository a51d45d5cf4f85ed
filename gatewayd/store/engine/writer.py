"""Who writes: group commit, one thread at a time and for all that wait.

Others hand in a function of the connection. Who finds nobody writing writes: it runs all that wait in one transaction,
commits once, and lets those whose functions it ran go on. Who finds somebody writing waits: until its own function was
run with others, or until it is the first of those that came meanwhile, and then it writes for them all. So a sync of
30 ms on an SD card is shared by sixteen ports and a burst of requests, and who is alone hands nothing over: to wake a
thread that writes, and be woken by it, costs more than the transaction.

What nobody waits for is done by a thread of the writer's own: jobs handed over without waiting, and `Committer.tend`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar, cast

from gatewayd.store.engine.commit import COMMIT_SECONDS, SHARE_S, TRY_S, Committer, Job
from gatewayd.store.engine.connection import Connection, Transaction
from gatewayd.store.engine.disk import Disk
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.engine.histogram import Durations

T = TypeVar("T")

# So many jobs at most share a commit: it bounds how long the first of them waits for the last.
_BATCH = 512

COMMIT_TIMEOUT_S = 30.0
"""How long a caller waits for its commit. A card that takes longer than this for one sync is as good as gone."""


class _Waiter(Job):
    """A job that somebody waits for, who may be told to write."""

    __slots__ = ("answered", "writes")

    def __init__(
        self,
        work: Callable[[Transaction], object],
        *,
        new: bool,
        then: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__(work, new=new, then=then)
        self.answered = (
            threading.Lock()
        )  # free once there is something to hear: the job was told, or it is to write
        self.answered.acquire()
        self.writes = False  # it is its turn


class _Turn(_Waiter):
    """No job: somebody wants to be the one who writes, and to do something else then."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(lambda _: None, new=False)


class _Detached(Job):
    """A job that nobody waits for: `answer` is called with its result, or None where it failed."""

    __slots__ = ("answer",)

    def __init__(self, work: Callable[[Transaction], T], answer: Callable[[T | None], None]) -> None:
        super().__init__(work, new=False)
        self.answer = answer


class Writer:
    """Runs functions on the writing connection, many to a commit. See `Committer` for `connect` and `share_s`."""

    def __init__(
        self,
        connect: Callable[[Connection | None], Connection],
        disk: Disk,
        commit_times: Durations[str] | None = None,
        *,
        share_s: float = SHARE_S,
    ) -> None:
        self._disk = disk
        self._committer = Committer(connect, disk, commit_times or Durations(COMMIT_SECONDS), share_s)
        self._mutex = threading.Lock()  # guards all below but the thread
        self._jobs: deque[Job] = deque()
        self._writing = False  # it is somebody's turn
        self._closed = False
        self._cut = False  # the log is to be cut
        self._has_detached = False  # there are jobs that nobody waits for
        self._polls = False  # the thread looks up by itself
        self._wake_up = threading.Condition(self._mutex)  # the thread has something to do
        self._thread = threading.Thread(target=self._run_thread, name="store-writer", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """How many jobs wait for the next commit."""
        with self._mutex:
            return sum(not isinstance(job, _Turn) for job in self._jobs)

    @property
    def commits(self) -> int:
        """How many there were."""
        return self._committer.commits

    @property
    def log_bytes(self) -> int:
        """The size of the log."""
        return self._committer.log_bytes

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def stop(self, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        """Finish what was handed over before this call, then end. Jobs after it are refused."""
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
        """Cut the log as soon as nobody writes; who calls this does not wait for it."""
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
    ) -> T:
        """Run `work` and return what it returned, once that is durable. It may run twice, but is kept once.

        So `work` must change nothing in memory: what is to change there goes into its result, and is applied by the caller,
        or by `then` where no other transaction may come between. `then` is called with the result after the commit and
        before the next transaction begins; it must not fail and must not use the store.

        `new`: it can be refused, and is while the disk is not well. Whatever `work` raises is raised here, and nothing
        that it did is kept. Another thread may run it, and this one may run what others wait for.

        Raises:
            StoreUnavailableError: it could not be made durable, or was not begun within `timeout_s`; nothing is kept.
        """
        if new and not self._disk.takes_new:
            raise StoreUnavailableError(self._disk.condition.detail)
        job = _Waiter(work, new=new, then=then)
        deadline = monotonic() + timeout_s
        writes = self._queue(job)
        while writes or self._wait_for_turn(job, deadline):
            self._write()
            if job.told:
                break
            writes = False
        if job.error is not None:
            raise job.error
        return cast(T, job.result)

    def hand_over(self, work: Callable[[Transaction], T], answer: Callable[[T | None], None]) -> None:
        """As `run`, without waiting: `answer` is called with what `work` returned once that is durable, with None where
        it could not be made so; by the thread that wrote it, which it must not keep. Raises StoreUnavailableError.
        """
        with self._mutex:
            self._refuse_if_closed()
            self._jobs.append(_Detached(work, answer))
            self._has_detached = True
            self._wake_up.notify()

    # Whose turn it is

    def _queue(self, job: _Waiter) -> bool:
        """Put a job in the queue. Whether it is its turn at once. Raises StoreUnavailableError."""
        with self._mutex:
            self._refuse_if_closed()
            return self._join(job)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the store is closed")

    def _join(self, job: _Waiter) -> bool:
        self._jobs.append(job)
        turn, self._writing = not self._writing, True
        return turn

    def _wait_for_turn(self, job: _Waiter, deadline: float) -> bool:
        """Wait until a job was told (False), or it is to write (True). Raises StoreUnavailableError at the deadline."""
        try:
            if not job.answered.acquire(timeout=max(0.0, deadline - monotonic())):
                if self._withdraw(job):
                    raise StoreUnavailableError("the disk is too slow: nothing was kept")
                # It is being committed at this moment: to say that it failed could be a lie, so wait for the truth.
                job.answered.acquire()
        except KeyboardInterrupt:
            self._withdraw(job)
            if job.writes and not job.told:
                self._pass_on()
            raise
        return not job.told

    def _withdraw(self, job: _Waiter) -> bool:
        """Take a job out of the queue. False where it is being run, or is to write."""
        with self._mutex:
            if job.writes or job not in self._jobs:
                return False
            self._jobs.remove(job)
            return True

    def _write(self) -> None:
        """Commit what waits, and let the next one write. For whose turn it is."""
        try:
            self._commit()
        finally:
            self._pass_on()

    def _commit(self) -> None:
        """Commit what waits, or the beginning of it, up to somebody who wants to do something else; and tell each."""
        batch: list[Job] = []
        with self._mutex:
            while self._jobs and len(batch) < _BATCH and not isinstance(self._jobs[0], _Turn):
                batch.append(self._jobs.popleft())
        try:
            self._committer.commit(batch)
        except BaseException as error:
            # This thread is told to end, and only this one: the others hear that nothing of theirs was kept.
            for job in batch:
                job.ran, job.error = (
                    True,
                    StoreUnavailableError("the gateway was interrupted: nothing was kept"),
                )
                job.error.__cause__ = error
            raise
        finally:
            with self._mutex:
                self._jobs.extendleft(job for job in reversed(batch) if not job.ran)
            self._tell([job for job in batch if job.ran])

    def _tell(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.told = True
            if isinstance(job, _Waiter):
                job.answered.release()
        for job in jobs:
            if isinstance(job, _Detached):
                job.answer(None if job.error is not None else job.result)

    def _pass_on(self) -> None:
        """Let the first who waits write next."""
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
        """Do what nobody waits for until the writer is closed, then close the connection once everything is written."""
        commits = -1
        while not self._wait_for_work():
            idle, commits = commits == self.commits, self.commits
            self._in_turn(lambda idle=idle: self._tend(idle=idle))  # type: ignore[misc]
        self._in_turn(self._finish)

    def _wait_for_work(self) -> bool:
        """Wait until there is something to do. Whether that is to end."""
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
        """Commit all that was handed over until now, then do something while nobody else writes."""
        turn = _Turn()
        with self._mutex:
            at_once = self._join(turn)
        if not at_once:
            turn.answered.acquire()
        with self._mutex:
            self._jobs.remove(turn)
        try:
            for _ in range(len(self._jobs)):  # at least one of them each time, however many come meanwhile
                self._commit()
            do()
        finally:
            self._pass_on()
