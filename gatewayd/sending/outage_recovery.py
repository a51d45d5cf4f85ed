"""After a start or an outage: marks interrupted submissions as in doubt, and sets old messages apart."""

from __future__ import annotations

import logging

from config.settings import DispatchSettings
from gatewayd.messages import lifecycle, reports
from gatewayd.messages.effects import Effects, PartKey
from gatewayd.messages.reasons import IN_DOUBT
from gatewayd.sending.outage_backlog import Aged, OutageBacklog
from gatewayd.sending.queue_age import QueueAge, queue_age
from gatewayd.sending.transactions import Transactions
from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import inbound, messages, modem_memory, parts, queue_counts
from gatewayd.timekeeping.clock import Calendar, Moment

log = logging.getLogger(__name__)


class OutageRecovery:
    """Recovers the queue when the gateway starts, when its clock becomes trusted, and when a SIM returns."""

    def __init__(
        self,
        settings: DispatchSettings,
        store: Store,
        transactions: Transactions,
        outage_backlog: OutageBacklog,
        calendar: Calendar,
    ) -> None:
        self._calendar = calendar
        self._settings = settings
        self._store = store
        self._transactions = transactions
        self._outage_backlog = outage_backlog

    def resume(self) -> None:
        """At the start: parts that were being submitted when the last process ended are in doubt."""
        while self._store.write(parts.release_deferred):
            pass
        effects, aged, found = self._store.write(self._resume)
        doubtful = len(effects.doubtful) + len(effects.in_memory)
        self._outage_backlog.set_apart(aged)
        self._log_queue("started", found)
        if doubtful:
            log.warning(
                "%d parts were being submitted when the gateway last stopped: they are in doubt", doubtful
            )
        self._transactions.perform(effects)

    def clock_trusted(self) -> None:
        """The clock is trusted now, so the age of the messages that waited at the start is known.

        Raises StoreUnavailableError; then nothing was done.
        """

        def look(db: Transaction) -> tuple[Aged | None, QueueAge]:
            at = self._transactions.moment()
            aged = self._outage_backlog.at_start(db, at, list(queue_counts.waiting(db)))
            return aged, queue_age(db, at, self._calendar)

        aged, found = self._store.write(look)
        if aged is not None:
            self._outage_backlog.set_apart(aged)
            self._log_queue("the clock is trusted now", found)

    def sim_returned(self, sim_id: int) -> None:
        """A SIM returned after so long an outage that the messages in its queue are old. Raises WorkUnavailableError."""

        def look(db: Transaction, at: Moment, _: Effects) -> tuple[Aged | None, QueueAge]:
            waiting = list(queue_counts.waiting(db))
            aged = self._outage_backlog.returned(db, at, sim_id, waiting)
            return aged, queue_age(db, at, self._calendar)

        aged, found = self._transactions.write_for_port(look)
        self._outage_backlog.set_apart(aged)
        self._log_queue(f"SIM {sim_id} is back", found)

    def _resume(self, db: Transaction) -> tuple[Effects, Aged | None, QueueAge]:
        """Mark the interrupted parts as in doubt, and apply the reports on them that were already kept."""
        at, effects = self._transactions.moment(), Effects()
        modem_memory.requeue_unsaid(db)
        for message_id in parts.doubt_submitting(db, IN_DOUBT.en, IN_DOUBT.fr):
            lifecycle.in_doubt(db, message_id, IN_DOUBT.text, at)
        for key in [PartKey(*row) for row in parts.resume(db)]:
            (effects.in_memory if modem_memory.lies(db, *key.claim) else effects.doubtful).append(key)
            messages.waits_because(db, key.message_id, IN_DOUBT.text)
        for sim_id in inbound.sims_with_early_reports(db):
            reports.take_early(db, sim_id, self._settings.submit_timeout_s, at, effects)
        aged = self._outage_backlog.at_start(db, at, list(queue_counts.waiting(db)))
        return effects, aged, queue_age(db, at, self._calendar)

    def _log_queue(self, occasion: str, found: QueueAge) -> None:
        if found.messages and self._outage_backlog.queues():
            log.warning(
                "%s: %d messages wait, the oldest for %s; messages older than %g s are sent at %g parts a minute and"
                " SIM, new messages first",
                occasion,
                found.messages,
                found.age,
                self._settings.backlog_guard_s,
                self._settings.backlog_rate,
            )
        elif found.messages:
            log.info("%s: %d messages wait, the oldest for %s", occasion, found.messages, found.age)
