"""Requests that wait for the modem: each is told when its message leaves `pending`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError


class ResultWaiters:
    """A register of futures by `sms_id`, one for each request that waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[str, Future[None]] = {}
        self._followers: dict[str, Callable[[], None]] = {}
        self._closed = False

    def expect(self, sms_id: str) -> None:
        """Register before the message is kept, so that no news is missed."""
        with self._lock:
            if not self._closed:
                self._futures[sms_id] = Future()

    def wait(self, sms_id: str, timeout_s: float) -> None:
        """Return when there is news of the message, or after `timeout_s`."""
        with self._lock:
            future = self._futures.get(sms_id)
        if future is not None:
            try:
                future.result(timeout_s)
            except FutureTimeoutError:
                return  # no news is an answer too: the message is still pending

    def follow(self, sms_id: str, told: Callable[[], None]) -> None:
        """Have `told` called at each news of a message, by the thread that brings it: it must only pass that on."""
        with self._lock:
            self._followers[sms_id] = told

    def forget(self, sms_id: str) -> None:
        """The request is over."""
        with self._lock:
            self._futures.pop(sms_id, None)
            self._followers.pop(sms_id, None)

    def close(self) -> None:
        """The gateway stops: nobody waits any longer."""
        with self._lock:
            self._closed = True
            waiting = list(self._futures)
        self.notify(waiting)

    def notify(self, sms_ids: Iterable[str]) -> None:
        """There is news of these messages, and it is durable."""
        with self._lock:
            for sms_id in sms_ids:
                future = self._futures.get(sms_id)
                if future is not None and not future.done():
                    future.set_result(None)
                if sms_id in self._followers:
                    self._followers[sms_id]()
