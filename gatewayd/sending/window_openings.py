"""Wakes the ports when a sending window opens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from gatewayd.accounts import sending_windows
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts
from gatewayd.timekeeping.clock import Calendar, Clock, Moment
from gatewayd.timekeeping.timers import Timers

log = logging.getLogger(__name__)

# The longest time between two looks while a company has a window: the wall clock may be set.
_LOOK_S = 60.0


class WindowOpenings:
    """A timer for the next opening of a sending window. No timer runs while no company has a window."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        calendar: Calendar,
        timers: Timers,
        moment: Callable[[], Moment],
        wake_idle: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._timers = timers
        self._moment = moment
        self._wake_idle = wake_idle
        self._lock = threading.Lock()
        self._run = 0  # number of the valid timer
        self._closed: frozenset[int] = frozenset()  # only the timers' thread uses it

    def look(self) -> None:
        """Look now: at the start, after the clock was set, and after a window was changed. Any thread may call it."""
        self._look_in(0.0)

    def _look_in(self, delay_s: float) -> None:
        with self._lock:
            self._run += 1
            run = self._run
        self._timers.after(delay_s, partial(self._look, run))

    def _look(self, run: int) -> None:
        with self._lock:
            if run != self._run:
                return  # a later look is planned
        try:
            delay_s = self._wake()
        except StoreUnavailableError as error:
            log.debug("the sending windows cannot be read (%s)", error)
            delay_s = _LOOK_S
        if delay_s is not None:
            self._look_in(delay_s)

    def _wake(self) -> float | None:
        """Wake the ports if a window has opened; the seconds until the next look, None without any window."""
        at = self._moment()
        with self._store.readers.lend() as db:
            windows = accounts.sending_windows(db)
            closed = sending_windows.closed(db, at, self._calendar)
        opened, self._closed = self._closed - closed, closed
        if opened:
            self._wake_idle()
        if not windows:
            return None
        opens = [
            sending_windows.opens_in_s(window, at, self._calendar)
            for company, window in windows.items()
            if company in closed and at.trusted
        ]
        return min([_LOOK_S, *opens])
