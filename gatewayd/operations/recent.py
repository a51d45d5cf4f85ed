"""A value that many readers share: it is made again at most once in a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
D = TypeVar("D")


class Recent(Generic[T]):
    """The result of a function that is at most `age_s` old. Any thread may ask; others wait while one of them makes it."""

    def __init__(self, make: Callable[[], T], age_s: float, monotonic: Callable[[], float]) -> None:
        self._make = make
        self._age_s = age_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._made_at = 0.0
        self._value: list[T] = []  # empty before the first request
        self._derived: dict[Hashable, Any] = {}

    def get(self) -> T:
        """The value. Raises what the function raises; then nothing is kept."""
        with self._lock:
            return self._fresh()

    def derived(self, key: Hashable, work: Callable[[T], D]) -> D:
        """The result of `work` for the value, which is kept with it under this key."""
        with self._lock:
            value = self._fresh()
            if key not in self._derived:
                self._derived[key] = work(value)
            found: D = self._derived[key]
            return found

    def _fresh(self) -> T:
        if not self._value or self._monotonic() - self._made_at >= self._age_s:
            self._value = [self._make()]
            self._made_at = (
                self._monotonic()
            )  # after it: those who wait meanwhile share it, however long it took
            self._derived = {}
        return self._value[0]
