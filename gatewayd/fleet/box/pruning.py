"""Prunes the journal: forgets outcomes that PostgreSQL has kept for long."""

from __future__ import annotations

from typing import Final

from gatewayd.fleet.box.journal import Journal
from gatewayd.timekeeping.clock import DAY, Clock

_EVERY_S: Final = 3600.0
_MORE_S: Final = 1.0  # where there may be more to forget
_KEPT_FOR: Final = 7 * DAY  # outcomes that were told


class Pruning:
    """The pruning of the journal. The thread of the agent uses it."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def prune(self) -> float:
        """Forget some outcomes; the seconds until the next time. Raises StoreUnavailableError."""
        more = self._journal.forget(self._clock.now() - _KEPT_FOR)
        return _MORE_S if more else _EVERY_S
