"""Adds new outcomes to the counts by hour and month, in small transactions (see `hourly_counts`)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import hourly_counts
from gatewayd.timekeeping.clock import Calendar, Moment, month_of, months_before
from gatewayd.timekeeping.timers import Timers

log = logging.getLogger(__name__)

# The time between two looks, and the most looks without an addition. Each addition writes some pages, so few outcomes wait.
_LOOK_S = 15.0
_LOOKS = 40

# So many outcomes are added at once, without a wait: to read them before would take milliseconds.
_MANY = 500

# The pause between two additions, for other writers.
_PAUSE_S = 0.05


class Counting:
    """Adds new outcomes while the time is trusted: each 10 minutes, and as soon as many wait. Runs on the timers' thread."""

    def __init__(
        self, store: AnyStore, moment: Callable[[], Moment], calendar: Calendar, timers: Timers
    ) -> None:
        self._store = store
        self._moment = moment
        self._calendar = calendar
        self._timers = timers
        self._looks = 0
        self._forgotten = ""  # the day on which old counts were deleted last

    def start(self) -> None:
        """Look now, then regularly."""
        self._timers.after(0.0, self._look)

    def restamp(self, db: Transaction, since: int, jump: int) -> None:
        """Add all new outcomes with the corrected time, as `Gateway.restamp`."""
        hourly_counts.add_all_shifted(db, self._month, since, jump)

    def add(self, db: Transaction) -> bool:
        """Add some of the new outcomes, within a transaction, while the time is trusted. True: there are more."""
        return hourly_counts.add_new(db, self._month)

    def _look(self) -> None:
        wait_s = _LOOK_S
        try:
            if self._add_if_due():
                wait_s = _PAUSE_S
        except StoreUnavailableError as error:
            log.debug("outcomes cannot be counted yet: %s", error)
        self._timers.after(wait_s, self._look)

    def _add_if_due(self) -> bool:
        """Add some outcomes if it is time. True: there are more."""
        at = self._moment()
        if not at.trusted:
            return False
        with self._store.readers.lend() as db:
            waiting = hourly_counts.waiting(db)
        self._looks += 1
        if not waiting or (waiting < _MANY and self._looks < _LOOKS):
            return False
        self._looks = 0
        more = self._store.write(self.add)
        if at.today != self._forgotten:
            self._store.write(lambda db: self._forget(db, at))
            self._forgotten = at.today
        return more

    def _forget(self, db: Transaction, at: Moment) -> None:
        hour = at.now // hourly_counts.HOUR - hourly_counts.HOURS_KEPT
        hourly_counts.forget_before(db, hour, months_before(month_of(at.today), hourly_counts.MONTHS_KEPT))

    def _month(self, moment: int) -> str:
        return month_of(self._calendar.day(moment))
