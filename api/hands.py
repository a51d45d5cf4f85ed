"""The threads that answer requests. Who came to rest last is called first: what it needs is still in the processor's caches.

In place of waitress's own, which call the one that has rested longest: with thirty of them each request was answered by
one that had everything to fetch anew.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Protocol

log = logging.getLogger(__name__)


class Task(Protocol):
    """Something to be done; waitress's connections are that."""

    def service(self) -> None:
        """Do it."""


class _Hand:
    """One thread, as it rests."""

    def __init__(self) -> None:
        self.task: Task | None = None  # what it is called for; None: to end
        self.bell = threading.Lock()  # free once it is called
        self.bell.acquire()


class Hands:
    """So many threads, each of which does one task at a time, in the order in which the tasks came. Any thread may call any method."""

    def __init__(self, count: int) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Task] = deque()  # tasks for which no thread was free
        self._resting: list[_Hand] = []
        self._left = count
        self._ending = False
        for number in range(count):
            threading.Thread(target=self._run, name=f"waitress-{number}", daemon=True).start()

    def add_task(self, task: Task) -> None:
        """Have something done, at once where a thread is free."""
        with self._changed:
            if not self._resting:
                self._waiting.append(task)
                return
            hand = self._resting.pop()
        hand.task = task
        hand.bell.release()

    def end(self) -> None:
        """Have every thread end once it has done what it is at; what waits for one is left undone. Idempotent."""
        with self._changed:
            self._ending = True
            resting, self._resting = self._resting, []
        for hand in resting:
            hand.bell.release()

    def wait_ended(self, timeout_s: float) -> bool:
        """Wait until no thread is left. False: there still were some after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._left == 0, timeout_s)

    def _run(self) -> None:
        hand = _Hand()
        while (task := self._next(hand)) is not None:
            try:
                task.service()
            except BaseException:  # a request that fails must not cost a thread
                log.exception("A request could not be answered")
        with self._changed:
            self._left -= 1
            self._changed.notify_all()

    def _next(self, hand: _Hand) -> Task | None:
        """What a thread is to do next, as soon as there is something; None: it is to end."""
        with self._changed:
            if self._ending:
                return None
            if self._waiting:
                return self._waiting.popleft()
            hand.task = None
            self._resting.append(hand)
        hand.bell.acquire()
        return hand.task
