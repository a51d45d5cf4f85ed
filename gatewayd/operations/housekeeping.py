"""Regular work: drops old idempotency keys, hashes of texts and recipients, sessions and entries of the audit log, and keeps
incomplete texts after their time-out.
"""

from __future__ import annotations

from collections.abc import Callable

from config.settings import InboxSettings
from gatewayd.accounts.persons import LONGEST
from gatewayd.receiving import inbox
from gatewayd.sending.intake import KEYS_KEPT
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import audit_log, idempotency, inbound, persons, sim_recipients
from gatewayd.timekeeping.clock import DAY, Calendar, Clock, day_before
from gatewayd.timekeeping.timers import Timers

# How long the hash of a received text is kept; the time between two sweeps.
_SEEN_KEPT = 7 * DAY
_SWEEP_S = 600.0

# The audit log is kept for two years: long enough for a dispute about a year's statement.
_AUDIT_KEPT = 730 * DAY
_AUDIT_AT_ONCE = 1000  # entries in one transaction


class Housekeeping:
    """Sweeps regularly while the timers run."""

    def __init__(
        self, settings: InboxSettings, store: Store, clock: Clock, calendar: Calendar, timers: Timers
    ) -> None:
        self._assembly_timeout_s = settings.assembly_timeout_s
        self._every_s = min(_SWEEP_S, max(settings.assembly_timeout_s, 1.0))
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._timers = timers
        self._also: Callable[[], None] = lambda: None

    def start(self, also: Callable[[], None]) -> None:
        """Sweep now if the store can write, then regularly; `also` is called at the end of each sweep."""
        self._also = also
        try:
            self.sweep()
        except StoreUnavailableError:
            self._timers.after(self._every_s, self.sweep)

    def sweep(self) -> None:
        """Sweep now, and plan the next sweep. Raises StoreUnavailableError; then nothing was done or planned."""
        more = self._store.write(self._tidy)
        self._timers.after(0.0 if more else self._every_s, self.sweep)
        if not more:
            self._also()

    def _tidy(self, db: Transaction) -> bool:
        at = self._clock.moment(self._calendar)
        more_keys = idempotency.forget_but(db, at.lately(KEYS_KEPT))
        more_seen = inbound.forget_seen_but(db, at.lately(_SEEN_KEPT))
        # While the time may have jumped, the days of recipients that are still counted are not known.
        known = at.trusted and at.unbroken >= 2 * DAY
        more_recipients = known and sim_recipients.forget_before(db, day_before(day_before(at.today)))
        more_audit = at.trusted and audit_log.forget_before(db, at.now - _AUDIT_KEPT, _AUDIT_AT_ONCE)
        if at.trusted:
            persons.forget_sessions_before(db, at.now - LONGEST)
        more = more_keys or more_seen or more_recipients or more_audit
        return inbox.give_up(db, self._assembly_timeout_s, at) or more
