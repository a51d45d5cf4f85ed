"""The work of the duties: objects that a box alone runs too, on the shared data and with timers of their own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from config.settings import Settings
from gatewayd.events.retention import EventRetention
from gatewayd.fleet.duties import DutyData, Maker, Work
from gatewayd.fleet.queue import boxes, expiry
from gatewayd.fleet.tables import drop_ended_requests
from gatewayd.messages.effects import Effects
from gatewayd.operations.counting import Counting
from gatewayd.operations.retention import Retention
from gatewayd.receiving.opt_out_texts import OptOutWords
from gatewayd.sending.acceptance import Acceptance
from gatewayd.sending.intake import KEYS_KEPT
from gatewayd.sending.outage_backlog import OutageBacklog
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.sending.sandbox_player import SandboxPlayer
from gatewayd.sending.scheduled_release import ScheduledRelease
from gatewayd.sims.numbering import Numbering
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import idempotency, scheduled, sim_recipients
from gatewayd.timekeeping.clock import DAY, SECOND, Calendar, Clock, Moment, day_before
from gatewayd.timekeeping.timers import Timers
from gatewayd.webhooks.poster import Way
from gatewayd.webhooks.retention import DeliveryRetention
from gatewayd.webhooks.sender import Sender
from gatewayd.webhooks.worker import Tools

log = logging.getLogger(__name__)

T = TypeVar("T")

WEBHOOKS: Final = "webhooks"
HOUSEKEEPING: Final = "housekeeping"
SCHEDULED: Final = "scheduled"
EXPIRY: Final = "expiry"
SANDBOX: Final = "sandbox"

_SWEEP_S: Final = 600.0
_EXPIRED_AT_ONCE: Final = 100
_CLOCKS_APART: Final = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts of its box that the work of the duties needs."""

    settings: Settings
    clock: Clock
    calendar: Calendar
    numbering: Numbering
    acceptance: Acceptance
    waiters: ResultWaiters
    way: Way

    def moment(self) -> Moment:
        """The time now, and today's date."""
        return self.clock.moment(self.calendar)


class SharedWrites:
    """Transactions of the shared data with effects: requests that wait for a message are released at every box."""

    def __init__(self, data: AnyStore, moment: Callable[[], Moment], waiters: ResultWaiters) -> None:
        self._data = data
        self._moment = moment
        self._waiters = waiters

    def write(self, work: Callable[[Transaction, Moment, Effects], T]) -> T:
        """Run `work` in a transaction, then perform its effects. Raises as `AnyStore.write`."""

        def step(db: Transaction) -> tuple[T, Effects]:
            effects = Effects()  # a transaction that runs again gathers its own
            result = work(db, self._moment(), effects)
            if effects.changed:
                boxes.wake_all(db)
            return result, effects

        result, effects = self._data.write(step)
        self._waiters.notify(effects.changed)
        return result


class WebhookWork:
    """Sends events to the webhooks of all companies."""

    def __init__(self, data: DutyData, box: Surroundings) -> None:
        retry_s = box.settings.webhooks.retry_s
        self.sender = Sender(Tools(data, box.moment, box.way, retry_s, threading.Event()))

    def start(self) -> None:
        """Begin to send."""
        self.sender.start()

    def look(self) -> None:
        """Webhooks look for new events when they are told of them."""

    def stop(self, timeout_s: float) -> None:
        """Cut off what is being sent: it is sent again."""
        self.sender.stop(timeout_s)


class HousekeepingWork:
    """Counts outcomes by hour, and deletes what is old."""

    def __init__(self, data: DutyData, box: Surroundings) -> None:
        self._data = data
        self._box = box
        self._timers = Timers(box.clock)
        self._counting = Counting(data, box.moment, box.calendar, self._timers)
        settings = box.settings
        self._retention = Retention(settings.store.retention_days, data, box.moment, self._timers)
        self._events = EventRetention(
            settings.events.retention_days, data, box.moment, self._timers, self._counting.add
        )
        self._deliveries = DeliveryRetention(data, self._timers)

    def start(self) -> None:
        """Begin."""
        self._timers.start()
        self._counting.start()
        self._timers.after(0.0, self._sweep)

    def look(self) -> None:
        """Nothing is due at once."""

    def stop(self, timeout_s: float) -> None:
        """End."""
        self._timers.stop(timeout_s)

    def _sweep(self) -> None:
        more = self._data.write(self._tidy)
        self._timers.after(0.0 if more else _SWEEP_S, self._sweep)
        if not more:
            self._retention.begin()
            self._events.begin()
            self._deliveries.begin()

    def _tidy(self, db: Transaction) -> bool:
        at = self._box.moment()
        drop_ended_requests(db)
        more = idempotency.forget_but(db, at.lately(KEYS_KEPT))
        if at.trusted and at.unbroken >= 2 * DAY:
            more = sim_recipients.forget_before(db, day_before(day_before(at.today))) or more
        return more


class ScheduledWork:
    """Gives scheduled messages their SIMs when they are due."""

    def __init__(self, data: DutyData, box: Surroundings) -> None:
        self._timers = Timers(box.clock)
        # How long a message of the fleet waited through an outage of one box says nothing.
        settings = box.settings.dispatch.model_copy(update={"backlog_guard_s": 0.0})
        self._data = data
        self._box = box
        self._since = 0
        self._release = ScheduledRelease(
            settings,
            data,
            box.clock,
            self._timers,
            box.acceptance,
            OutageBacklog(settings, box.clock),
            box.numbering.operator,
            box.numbering.portable,
            box.moment,
            SharedWrites(data, box.moment, box.waiters).write,
        )

    def start(self) -> None:
        """Begin."""
        self._timers.start()
        self._release.look()

    def look(self) -> None:
        """Messages of any box may have become due since the last look."""
        self._timers.after(0.0, self._look_for_new)

    def _look_for_new(self) -> None:
        at = self._box.moment()
        try:
            with self._data.readers.lend() as db:
                following = scheduled.next_after(db, self._since - _CLOCKS_APART)
        except StoreUnavailableError as error:
            log.debug("scheduled messages are looked for later: %s", error)
            return
        self._since = at.now
        if following is not None and following <= at.now:
            self._release.look()

    def stop(self, timeout_s: float) -> None:
        """End."""
        self._timers.stop(timeout_s)


class ExpiryWork:
    """Ends messages of the queue that expired."""

    def __init__(self, data: DutyData, box: Surroundings) -> None:
        self._data = data
        self._box = box
        self._timers = Timers(box.clock)
        self._planned = threading.Event()

    def start(self) -> None:
        """Begin."""
        self._timers.start()
        self.look()

    def look(self) -> None:
        """Messages may have expired."""
        if not self._planned.is_set():
            self._planned.set()
            self._timers.after(0.0, self._expire)

    def stop(self, timeout_s: float) -> None:
        """End."""
        self._timers.stop(timeout_s)

    def _expire(self) -> None:
        self._planned.clear()
        try:
            with self._data.readers.lend() as db:
                at, first = self._box.moment(), expiry.next_expiry(db)
            if not at.trusted or first is None or first > at.now:
                return
            calendar = self._box.calendar
            ended = self._data.write(lambda db: expiry.expire(db, at, calendar, _EXPIRED_AT_ONCE))
        except StoreUnavailableError as error:
            log.debug("messages that expired are ended later: %s", error)
            return
        self._box.waiters.notify(ended)
        if len(ended) == _EXPIRED_AT_ONCE:
            self.look()


class SandboxWork:
    """Plays the outcomes of sandbox messages."""

    def __init__(self, data: DutyData, box: Surroundings) -> None:
        self._timers = Timers(box.clock)
        self._player = SandboxPlayer(
            data,
            box.clock,
            self._timers,
            OptOutWords(box.settings.inbox),
            SharedWrites(data, box.moment, box.waiters).write,
        )

    def start(self) -> None:
        """Begin."""
        self._timers.start()
        self.look()

    def look(self) -> None:
        """A step may be due."""
        self._player.look()

    def stop(self, timeout_s: float) -> None:
        """End."""
        self._timers.stop(timeout_s)


def makers(box: Surroundings) -> dict[str, Maker]:
    """The makers of the work of each duty."""
    works: dict[str, Callable[[DutyData, Surroundings], Work]] = {
        WEBHOOKS: WebhookWork,
        HOUSEKEEPING: HousekeepingWork,
        SCHEDULED: ScheduledWork,
        EXPIRY: ExpiryWork,
        SANDBOX: SandboxWork,
    }
    return {name: _maker(work, box) for name, work in works.items()}


def _maker(work: Callable[[DutyData, Surroundings], Work], box: Surroundings) -> Maker:
    return lambda data: work(data, box)
