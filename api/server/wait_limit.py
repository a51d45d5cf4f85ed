"""Limits the requests that wait for a modem, so that they never use up the server's threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from api.responses.errors import TooManyWaitingError


class WaitLimit:
    """At most `count` requests wait at a time. Thread-safe. `within`: a limit for requests of several kinds together."""

    def __init__(self, count: int, within: WaitLimit | None = None) -> None:
        self._free = BoundedSemaphore(count)
        self._within = within

    @contextmanager
    def acquire(self, *, wanted: bool = True) -> Iterator[bool]:
        """Yield whether the request may wait within the block. Takes nothing unless `wanted`."""
        taken = wanted and self._free.acquire(blocking=False)
        try:
            if not taken or self._within is None:
                yield taken
            else:
                with self._within.acquire() as may_wait:
                    yield may_wait
        finally:
            if taken:
                self._free.release()

    @contextmanager
    def required(self) -> Iterator[None]:
        """As `acquire`, for requests that have no answer without waiting. Raises TooManyWaitingError."""
        with self.acquire() as may_wait:
            if not may_wait:
                raise TooManyWaitingError
            yield
