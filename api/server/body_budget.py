"""Bounds the memory that large request bodies take together."""

from __future__ import annotations

from threading import Lock


class BodyBudget:
    """A number of bytes to take and give back. Thread-safe."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._lock = Lock()

    def take(self, count: int) -> bool:
        """Take bytes. False if fewer are left; then nothing is taken."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def give_back(self, count: int) -> None:
        """Give back bytes that were taken."""
        with self._lock:
            self._free += count
