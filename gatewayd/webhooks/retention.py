"""Deletes deliveries whose event or webhook was deleted, and old ones that succeeded, in small transactions."""

from __future__ import annotations

from typing import Final

from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import deliveries, events, webhooks
from gatewayd.timekeeping.timers import Timers

# Successful deliveries are listed for the newest events only: their rows of one webhook take five megabytes at most.
_LISTED: Final = 100_000

_AT_ONCE: Final = 500

# The pause between two deletions, for other writers.
_PAUSE_S: Final = 0.05


class DeliveryRetention:
    """Runs on the timers' thread."""

    def __init__(self, store: AnyStore, timers: Timers) -> None:
        self._store = store
        self._timers = timers
        self._running = False

    def begin(self) -> None:
        """Delete what is old, unless a deletion runs already."""
        if not self._running:
            self._running = True
            self._timers.after(0.0, self._step)

    def _step(self) -> None:
        if self._store.take(_drop_some):
            self._timers.after(_PAUSE_S, self._step)
        else:
            self._running = False


def _drop_some(db: Transaction) -> bool:
    """Delete some deliveries. True: there may be more."""
    known = {webhook.id for webhook in webhooks.all_(db)}
    before = events.last_id(db) - _LISTED
    for webhook_id in deliveries.owners(db):
        if webhook_id in known:
            gone = deliveries.drop_old(db, webhook_id, before, _AT_ONCE)
        else:
            gone = deliveries.drop_all(db, webhook_id, _AT_ONCE)
        if gone == _AT_ONCE:
            return True
    return False
