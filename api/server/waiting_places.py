"""Places for requests that wait, so that they never use up the threads of the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from api.responses.errors import TooManyWaitingError


class WaitingPlaces:
    """So many requests may wait at a time. Any thread may call any method."""

    def __init__(self, count: int) -> None:
        self._free = BoundedSemaphore(count)

    @contextmanager
    def one(self, *, wanted: bool = True) -> Iterator[bool]:
        """Take a place for as long as the block lasts, if it is wanted. Whether there was one."""
        has_place = wanted and self._free.acquire(blocking=False)
        try:
            yield has_place
        finally:
            if has_place:
                self._free.release()

    @contextmanager
    def required(self) -> Iterator[None]:
        """As `one`, for what cannot be answered without waiting. Raises TooManyWaitingError."""
        with self.one() as has_place:
            if not has_place:
                raise TooManyWaitingError
            yield
