"""Deletes old events in small transactions, so that other writers do not wait."""

from __future__ import annotations

from collections.abc import Callable

from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import event_marks
from gatewayd.timekeeping.clock import DAY, SECOND, Moment
from gatewayd.timekeeping.timers import Timers

# The pause between two deletions, for other writers.
_PAUSE_S = 0.05

# The time between two marks (see `event_marks`): events are kept for up to so much longer.
_MARK_EVERY = 3600 * SECOND


class EventRetention:
    """Deletes events that were written `days` ago; 0: never. Runs on the timers' thread.

    `count`: adds events to the counts by hour, within a transaction, before they are deleted; True: there are more.
    """

    def __init__(
        self,
        days: int,
        store: AnyStore,
        moment: Callable[[], Moment],
        timers: Timers,
        count: Callable[[Transaction], bool],
    ) -> None:
        self._days = days
        self._count = count
        self._store = store
        self._moment = moment
        self._timers = timers
        self._running = False

    def begin(self) -> None:
        """Delete what is old, unless a deletion runs already or the clock is not trusted."""
        if self._days and not self._running:
            self._running = True
            self._timers.after(0.0, self._step)

    def _step(self) -> None:
        at = self._moment()
        if at.trusted and self._store.take(lambda db: self._prune(db, at)):
            self._timers.after(_PAUSE_S, self._step)
        else:
            self._running = False

    def _prune(self, db: Transaction, at: Moment) -> bool:
        if self._count(db):
            return True
        event_marks.mark(db, at.now, _MARK_EVERY)
        return event_marks.prune(db, at.now - self._days * DAY)
