"""Deletes old messages and texts in small transactions, so that other writers do not wait."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import retention
from gatewayd.timekeeping.clock import DAY, Moment
from gatewayd.timekeeping.timers import Timers

log = logging.getLogger(__name__)

# The pause between two deletions, for other writers.
_PAUSE_S = 0.05


class Retention:
    """Deletes messages and texts that ended `days` ago; 0: never. Runs on the timers' thread."""

    def __init__(
        self,
        days: int,
        store: AnyStore,
        moment: Callable[[], Moment],
        timers: Timers,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """`ended`: called after a run that deleted something."""
        self._days = days
        self._store = store
        self._moment = moment
        self._timers = timers
        self._ended = ended
        self._running = False
        self._deleted = 0

    def begin(self) -> None:
        """Delete what is old, unless a deletion runs already or the clock is not trusted."""
        if self._days and not self._running and self._moment().trusted:
            self._running = True
            self._deleted = 0
            self._timers.after(0.0, lambda: self._step(0, 0))

    def _step(self, table: int, after_id: int) -> None:
        at, name = self._moment(), retention.TABLES[table]
        if not at.trusted:
            self._running = False
            return
        with self._store.readers.lend() as db:
            found = retention.find(db, name, after_id, at.now - self._days * DAY)
        if found.old:
            self._store.take(lambda db: retention.drop(db, name, found.old))
            self._deleted += len(found.old)
        if found.more:
            self._timers.after(_PAUSE_S if found.old else 0.0, lambda: self._step(table, found.last_id))
        elif table + 1 < len(retention.TABLES):
            self._timers.after(0.0, lambda: self._step(table + 1, 0))
        else:
            self._running = False
            if self._deleted:
                log.info(
                    "%d messages and texts were older than %d days and are deleted", self._deleted, self._days
                )
                self._ended()
