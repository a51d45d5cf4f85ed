"""One loop for all descriptors and timers of a bank."""

from __future__ import annotations

import os
import queue
import select
from collections.abc import Callable

from modem.simulator.core.timers import Timers

READABLE = select.EPOLLIN | select.EPOLLET
WRITABLE = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET

LONGEST_WAIT_S = 3600.0  # poll() counts milliseconds in an int, and a validity period may be 63 weeks

Handler = Callable[[], None]


class Reactor:
    """Waits for descriptors and timers, on the thread that calls `run`.

    Edge-triggered: a pseudo-terminal that no program has open would be ready for ever.
    """

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._handlers: dict[int, Handler] = {}
        self._after: list[Handler] = []
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = False
        self._epoll: select.epoll | None = None
        self._wake_in = self._wake_out = -1

    def open(self) -> None:
        """Open the loop's own descriptors. Raises OSError."""
        self._epoll = select.epoll()
        self._wake_out, self._wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.watch(self._wake_out, self._run_calls)

    def close(self) -> None:
        """Close the loop's own descriptors."""
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
            os.close(self._wake_out)
            os.close(self._wake_in)

    @property
    def _poller(self) -> select.epoll:
        if self._epoll is None:
            raise RuntimeError("the bank does not run")
        return self._epoll

    def watch(self, descriptor: int, handler: Handler) -> None:
        """Call `handler` when a descriptor becomes readable; the handler must read until there is no more."""
        self._handlers[descriptor] = handler
        self._poller.register(descriptor, READABLE)

    def want_to_write(self, descriptor: int, wanted: bool) -> None:
        """Set whether the handler is also called when the descriptor is writable."""
        self._poller.modify(descriptor, WRITABLE if wanted else READABLE)

    def forget(self, descriptor: int) -> None:
        """Stop watching a descriptor. Call this before closing it."""
        del self._handlers[descriptor]
        self._poller.unregister(descriptor)

    def before_waiting(self, action: Handler) -> None:
        """Run an action before the loop waits again."""
        self._after.append(action)

    def post(self, function: Callable[[], None]) -> None:
        """Run a function on the loop's thread, soon. From any thread."""
        self._calls.put(function)
        os.write(self._wake_in, b"!")

    def stop(self) -> None:
        """Let `run` return. From any thread."""
        self.post(self._stop)

    def _stop(self) -> None:
        self._stopping = True

    def _run_calls(self) -> None:
        os.read(self._wake_out, 65536)
        while not self._calls.empty():
            self._calls.get_nowait()()

    def run(self) -> None:
        """Serve until stopped."""
        self._stopping = False
        poller, timers, handlers = self._poller, self._timers, self._handlers
        while not self._stopping:
            wait_s = timers.wait_s()
            for descriptor, _ in poller.poll(
                LONGEST_WAIT_S if wait_s is None else min(wait_s, LONGEST_WAIT_S)
            ):
                handler = handlers.get(descriptor)
                if handler is not None:  # None if an earlier handler unregistered it
                    handler()
            timers.run_due()
            after, self._after = self._after, []
            for action in after:
                action()
