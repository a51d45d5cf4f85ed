"""Wakes the readers that wait for new events."""

from __future__ import annotations

import threading


class EventSignal:
    """Counts the commits that wrote events. Any thread may call any method."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._commits = 0
        self._closed = False

    @property
    def commits(self) -> int:
        """The number of commits with events so far: read it before the events, and give it to `wait`."""
        with self._changed:
            return self._commits

    @property
    def closed(self) -> bool:
        """Whether nobody waits any more."""
        with self._changed:
            return self._closed

    def notify(self) -> None:
        """Events were written durably."""
        with self._changed:
            self._commits += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float) -> bool:
        """Wait until there were more commits than `seen`, for at most `timeout_s`. False: there were none."""
        with self._changed:
            self._changed.wait_for(lambda: self._commits != seen or self._closed, timeout_s)
            return self._commits != seen

    def close(self) -> None:
        """Release all waiting readers for good: the gateway stops."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
