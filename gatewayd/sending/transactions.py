"""Runs transactions of the sending side, and their effects once they are durable."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from config.settings import DispatchSettings
from gatewayd.messages.effects import Effects, PartKey
from gatewayd.sending.outage_backlog import OutageBacklog
from gatewayd.sending.outcomes import Outcomes
from gatewayd.sending.port_waker import PortWaker
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import parts
from gatewayd.timekeeping.clock import Calendar, Clock, Moment
from gatewayd.timekeeping.timers import Timers
from modem.port.interface import WorkUnavailableError

T = TypeVar("T")


class Transactions:
    """Runs functions in a transaction with the time and an `Effects` to fill. Any thread may call any method."""

    def __init__(
        self,
        settings: DispatchSettings,
        store: Store,
        clock: Clock,
        calendar: Calendar,
        waiters: ResultWaiters,
        timers: Timers,
        waker: PortWaker,
        outcomes: Outcomes,
        outage_backlog: OutageBacklog,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._waiters = waiters
        self._timers = timers
        self._waker = waker
        self._outcomes = outcomes
        self._outage_backlog = outage_backlog

    def moment(self) -> Moment:
        """The time now, and today's date."""
        return self._clock.moment(self._calendar)

    def write(self, work: Callable[[Transaction, Moment, Effects], T]) -> T:
        """Run `work` in a transaction, then perform the `Effects` that it gathered. Raises as `Store.write`."""

        def step(db: Transaction) -> tuple[T, Effects]:
            effects = Effects()  # a transaction that runs again gathers its own
            return work(db, self.moment(), effects), effects

        result, effects = self._store.write(step)
        self.perform(effects)
        return result

    def write_for_port(self, work: Callable[[Transaction, Moment, Effects], T]) -> T:
        """As `write`. Raises WorkUnavailableError where the store cannot write."""
        try:
            return self.write(work)
        except StoreUnavailableError as error:
            raise WorkUnavailableError(str(error)) from error

    def read_for_port(self, look: Callable[[Transaction], T]) -> T:
        """Run `look` on a reading connection. Raises WorkUnavailableError where the store cannot read."""
        try:
            with self._store.readers.lend() as db:
                return look(db)
        except StoreUnavailableError as error:
            raise WorkUnavailableError(str(error)) from error

    def perform(self, effects: Effects) -> None:
        """Perform the effects of a transaction that is durable."""
        for change in effects.after_commit:
            change()
        self._waiters.notify(effects.changed)
        for sim_id in effects.sent_old:
            self._outage_backlog.sends(sim_id)
        for sim_id, last in effects.no_longer_old:
            self._outage_backlog.over(sim_id, last)
        for delay, key in effects.deferred:
            self._timers.after(delay, partial(self._release, key))
        for key in effects.doubtful:
            self._timers.after(self._settings.in_doubt_wait_s, partial(self._decide, key))
        for key in effects.in_memory:  # the modem may still report on it until then
            wait_s = self._settings.submit_timeout_s + self._settings.in_doubt_wait_s
            self._timers.after(wait_s, partial(self._decide, key))
        self._waker.wake_for(effects.queued, shared=effects.shared)

    def _release(self, key: PartKey) -> None:
        sim_id = self._store.write(lambda db: parts.release(db, key.message_id, key.seq, key.token))
        if sim_id is not None:
            self.perform(Effects(queued={sim_id: 1}, shared=True))

    def _decide(self, key: PartKey) -> None:
        self.write(lambda db, at, effects: self._outcomes.decide(db, key, at, effects))
