"""A bound on the bytes that large bodies of requests take in memory, all together."""

from __future__ import annotations

from threading import Lock


class BodyBudget:
    """So many bytes, taken and given back. Any thread may call any method."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._lock = Lock()

    def take(self, count: int) -> bool:
        """Take bytes; False, and nothing is taken, where fewer are left."""
        with self._lock:
            if count > self._free:
                return False
            self._free -= count
            return True

    def give_back(self, count: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._free += count
