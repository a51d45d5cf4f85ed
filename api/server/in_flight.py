"""Counts the requests in flight."""

from __future__ import annotations

from threading import Condition


class InFlight:
    """A count that another thread can wait for. Thread-safe."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """The number of requests in flight."""
        return self._count

    def begin(self) -> None:
        """Count one request more."""
        with self._changed:
            self._count += 1

    def end(self) -> None:
        """Count one request less."""
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until the count is 0. False if it is not after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, timeout_s)
