"""One timer for work that looks at what is due: each look says when the next one is, and anybody may ask for an earlier one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from gatewayd.timekeeping.clock import Clock
from gatewayd.timekeeping.timers import Timers


class NextLook:
    """Runs `look` on the timers' thread. It returns the seconds until the next look; None: at the next request only."""

    def __init__(self, clock: Clock, timers: Timers, look: Callable[[], float | None]) -> None:
        self._clock = clock
        self._timers = timers
        self._look = look
        self._lock = threading.Lock()
        self._due = float("inf")  # monotonic seconds: when the valid timer fires

    def within(self, delay_s: float) -> None:
        """Look in this many seconds at the latest. Any thread may call it."""
        due = self._clock.monotonic() + delay_s
        with self._lock:
            if due >= self._due:
                return
            self._due = due
        self._timers.after(delay_s, partial(self._fire, due))

    def _fire(self, due: float) -> None:
        with self._lock:
            if due != self._due:
                return  # a later call asked for an earlier look, which has run
            self._due = float("inf")
        delay_s = self._look()
        if delay_s is not None:
            self.within(delay_s)
