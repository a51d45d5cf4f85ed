"""Requests that wait until their message leaves the status `pending`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError


class ResultWaiters:
    """One future for each waiting request, by `sms_id`. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[str, Future[None]] = {}
        self._followers: dict[str, Callable[[], None]] = {}
        self._closed = False

    def expect(self, sms_id: str) -> None:
        """Register a request before its message is kept, so that no change is missed."""
        with self._lock:
            if not self._closed:
                self._futures[sms_id] = Future()

    def wait(self, sms_id: str, timeout_s: float) -> None:
        """Return when the status of the message changes, or after `timeout_s`."""
        with self._lock:
            future = self._futures.get(sms_id)
        if future is not None:
            try:
                future.result(timeout_s)
            except FutureTimeoutError:
                return  # the message is still pending

    def follow(self, sms_id: str, told: Callable[[], None]) -> None:
        """Call `told` at each change of a message, on the thread that reports it: the callback must not block."""
        with self._lock:
            self._followers[sms_id] = told

    def forget(self, sms_id: str) -> None:
        """Remove a request that has ended."""
        with self._lock:
            self._futures.pop(sms_id, None)
            self._followers.pop(sms_id, None)

    def awaited(self) -> list[str]:
        """The messages that requests wait for."""
        with self._lock:
            return [sms_id for sms_id, future in self._futures.items() if not future.done()]

    def close(self) -> None:
        """Release all waiting requests: the gateway stops."""
        with self._lock:
            self._closed = True
            waiting = list(self._futures)
        self.notify(waiting)

    def notify(self, sms_ids: Iterable[str]) -> None:
        """Release the requests for these messages: their new status is durable."""
        with self._lock:
            for sms_id in sms_ids:
                future = self._futures.get(sms_id)
                if future is not None and not future.done():
                    future.set_result(None)
                if sms_id in self._followers:
                    self._followers[sms_id]()
