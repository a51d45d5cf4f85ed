"""Dispatch: what the ports are told to do, and what is made of what they tell.

`Dispatcher` is the ports' `Work`. Each of its methods is one transaction; when that is durable, those who must
hear of it are told.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeVar

from config.settings import DispatchSettings
from gatewayd.messages import reports
from gatewayd.messages.effects import Effects, PartKey
from gatewayd.messages.reasons import IN_DOUBT
from gatewayd.receiving import inbox
from gatewayd.sending.circuit_breaker import CircuitBreaker
from gatewayd.sending.modem_memory import ModemMemory
from gatewayd.sending.outage_backlog import Aged, Backlog
from gatewayd.sending.outcomes import Settler
from gatewayd.sending.queue_age import Waiting, waiting
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.sending.scheduler import BEGUN_WAITS_S, HAND_ON_AFTER_S, QueueDamagedError, Scheduler, Turn
from gatewayd.sims.numbering import Numbering
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import inbound, messages, modem_memory, parts, queue_counts, sims
from gatewayd.timekeeping.clock import Calendar, Clock, Moment
from gatewayd.timekeeping.timers import Timers
from modem.driver.sim import SimState
from modem.parts import Fate, Place, Refused, Submission, Submitted, Via
from modem.port.interface import (
    Claim,
    Kept,
    Outcome,
    Reported,
    Rest,
    Storage,
    Switch,
    Unreadable,
    WorkUnavailableError,
)
from modem.port.status import PortState, PortStatus
from modem.sms.tpdu import Deliver, StatusReport

log = logging.getLogger(__name__)

_PIN_ATTEMPTS = 3  # that a card gives before it wants its PUK (31.101, 9.5)

T = TypeVar("T")


class Wakeable(Protocol):
    """A port, as far as the dispatcher needs it."""

    def wake(self) -> None:
        """There may be work."""


class Meter(Protocol):
    """Counts what becomes of submissions."""

    def settled(self, status: PortStatus, sim_id: int | None, outcome: Outcome) -> None:
        """The outcome of a submission is durable."""


# Takes an inbound text that is not for the inbox, as that of a loop test; whether it did.
TakesText = Callable[[Transaction, int, Deliver | Unreadable, Effects], bool]


@dataclass(slots=True)
class _Desk:
    """What the dispatcher remembers of one port. Only that port's thread touches it."""

    sim_ids: dict[str, int] = field(default_factory=dict)  # ICCID → id, of the SIMs in its slots
    known: dict[str, tuple[str, str, str, int]] = field(
        default_factory=dict
    )  # ICCID → what the store was told
    active_slot: int = 0
    active_since: float = 0.0
    left_at: dict[int, float] = field(default_factory=dict)  # slot → when it was the active one last
    last_submission: float = float("-inf")
    judged: Outcome | None = None  # the last one
    breakers: dict[int, CircuitBreaker] = field(default_factory=dict)  # SIM id → how it has fared lately
    references_kept: int = 0  # how many parts in a row its modem sent with the TP-MR that it was given


class Dispatcher:
    """The house above the ports (see `modem.port.interface.Work`)."""

    def __init__(
        self,
        settings: DispatchSettings,
        store: Store,
        clock: Clock,
        calendar: Calendar,
        port_registry: PortRegistry,
        waiters: ResultWaiters,
        timers: Timers,
        numbering: Numbering,
        vias: Mapping[int, Via],
        meter: Meter,
        takes_text: TakesText,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._port_registry = port_registry
        self._waiters = waiters
        self._timers = timers
        self._numbering = numbering
        self.storage = ModemMemory(settings, clock, vias)
        self._meter = meter
        self._takes_text = takes_text
        self._settler = Settler(settings, clock, port_registry)
        self.backlog = Backlog(settings, clock)
        self._scheduler = Scheduler(settings, clock, port_registry, self.backlog, self.storage)
        self._ports: dict[int, Wakeable] = {}
        self._desks: dict[int, _Desk] = {}

    def attach(self, ports: dict[int, Wakeable]) -> None:
        """Name the ports, before any of them starts."""
        self._ports = ports
        self._desks = {number: _Desk() for number in ports}

    def resume(self) -> None:
        """At start: whatever was in the air when the last process ended is in doubt."""
        while self._store.write(parts.release_deferred):
            pass
        effects, aged, found = self._store.write(self._resume)
        doubtful = len(effects.doubtful) + len(effects.in_memory)
        self.backlog.set_apart(aged)
        self._tell_backlog("started", found)
        with self._store.readers.lend() as db:
            configured = [place for place in sims.places(db) if place[1] in self._ports]
        self._port_registry.expect(configured, self._clock.monotonic())
        if doubtful:
            log.warning("%d parts were in the air when the gateway last stopped: they are in doubt", doubtful)
        self._spread(effects)
        for delay in (HAND_ON_AFTER_S, BEGUN_WAITS_S):  # for the work of SIMs that did not come back
            self._timers.after(delay, self.wake_idle)

    def clock_trusted(self) -> None:
        """The clock can be believed from now on: it tells how old what waited at the start is.

        Raises StoreUnavailableError; then nothing was done.
        """

        def look(db: Transaction) -> tuple[Aged | None, Waiting]:
            at = self.moment()
            return self.backlog.at_start(db, at, list(queue_counts.waiting(db))), waiting(db, at)

        aged, found = self._store.write(look)
        if aged is not None:
            self.backlog.set_apart(aged)
            self._tell_backlog("the clock is right now", found)

    def moment(self) -> Moment:
        """Now, and today."""
        return self._clock.moment(self._calendar)

    def write_news(self, work: Callable[[Transaction, Moment, Effects], T]) -> T:
        """Run `work` in a transaction; act on the `Effects` that it gathered once that is durable. Raises as `Store.write`."""

        def step(db: Transaction) -> tuple[T, Effects]:
            effects = Effects()  # a transaction that is tried again tells its own
            return work(db, self.moment(), effects), effects

        result, effects = self._store.write(step)
        self._spread(effects)
        return result

    def offer(self, queued: dict[int, int], *, shared: bool) -> None:
        """So many messages were kept for these SIMs (by id); `shared`: others may carry them too."""
        self._spread(Effects(queued=queued, shared=shared))

    # What ports call, each from its own thread.

    def status(self, status: PortStatus) -> None:
        """See `Work.status`."""
        desk = self._desks[status.port]
        now = self._clock.monotonic()
        if status.active_slot != desk.active_slot:
            desk.left_at[desk.active_slot] = now
            desk.active_slot, desk.active_since = status.active_slot, now
        self._register(desk, status)
        gone = self._port_registry.pin(status, desk.sim_ids, now)
        if gone:
            self.wake_idle()
            self._timers.after(HAND_ON_AFTER_S, self.wake_idle)
            self._timers.after(BEGUN_WAITS_S, self.wake_idle)
        for sim_id, place in self._port_registry.sims().items():
            if place.port != status.port:
                continue
            if not place.registered:
                self.backlog.lost(sim_id, now)
                continue
            # A SIM counts as back once that is written: a status that could not be kept is told again by its port.
            if self.backlog.is_back(sim_id, now):
                self._came_back(sim_id)
            self.backlog.works(sim_id)

    def next(
        self, status: PortStatus, outcome: Outcome | None, reported: Sequence[Reported] = ()
    ) -> Submission | Switch | Rest:
        """See `Work.next`."""
        desk = self._desks[status.port]
        if outcome is not None and outcome is not desk.judged:  # it comes again where it could not be kept
            desk.judged, desk.last_submission = outcome, outcome.ended_at
            self._judge(desk, status, outcome)
            desk.references_kept = _references_kept(desk.references_kept, outcome)
        wait = desk.last_submission + self._settings.min_interval_s - self._clock.monotonic()
        turn = self._turn(desk, status)
        told = [(self._sim_of(each.status), self._readable(each.report)) for each in reported]

        def step(db: Transaction, at: Moment, effects: Effects) -> Submission | Switch | Rest:
            if outcome is not None:
                keeps = desk.references_kept >= _KEPT_IN_A_ROW
                self._settler.settle(db, outcome, at, effects, keeps_reference=keeps)
            for sim_id, report in told:
                reports.take(db, sim_id, report, self._settings.submit_timeout_s, at, effects, self._calendar)
            if turn is None:
                return Rest()
            return Rest(wait) if wait > 0 else self._scheduler.next(db, turn, at, effects)

        try:
            result = self._within(step)
        except QueueDamagedError:
            result = self._on_rebuilt_queue(step)
        if outcome is not None:
            self._meter.settled(status, desk.sim_ids.get(status.active.iccid), outcome)
        return result

    def stored(self, status: PortStatus, submission: Submission, place: Place | None) -> None:
        """See `Work.stored`."""
        self._within(lambda db, _at, _: self.storage.placed(db, status, submission, place))

    def learned(self, status: PortStatus, storage: Storage) -> None:
        """See `Work.learned`."""
        self._within(lambda db, at, _: self.storage.learned(db, status, storage, at))

    def in_memory(self, status: PortStatus) -> tuple[Kept, ...]:
        """See `Work.in_memory`."""
        return self._looked_up(lambda db: self.storage.in_memory(db, status))

    def found(self, status: PortStatus, kept: Kept, fate: Fate) -> None:
        """See `Work.found`."""
        self._within(lambda db, at, effects: self.storage.found(db, status, kept, fate, at, effects))

    def emptied(self, status: PortStatus, kept: Kept) -> None:
        """See `Work.emptied`."""
        self._within(lambda db, _at, _: self.storage.emptied(db, kept))

    def busy_s(self, port: int) -> float:
        """See `Work.busy_s`."""
        return self._looked_up(lambda db: self.storage.busy_s(db, port, self.moment().now))

    def told_late(self, status: PortStatus, reference: int | None) -> None:
        """See `Work.told_late`."""
        sim_id = self._sim_of(status)
        key = self._within(lambda db, at, effects: self.storage.told_late(db, sim_id, reference, at, effects))
        if key is not None:
            log.info("port %d: the modem said late that it sent message %d", status.port, key.message_id)

    def recovered(self, status: PortStatus, claim: Claim, result: Submitted | Refused) -> None:
        """See `Work.recovered`."""
        settled = self._within(lambda db, at, effects: self._settler.recover(db, claim, result, at, effects))
        if settled:
            log.info(
                "port %d: part %d of message %d was in the air when the gateway ended, and is known to be %s",
                status.port,
                claim.seq,
                claim.message_id,
                "sent" if isinstance(result, Submitted) else "refused or not begun",
            )

    def received(self, status: PortStatus, text: Deliver | Unreadable) -> None:
        """See `Work.received`."""
        sim_id = self._sim_of(status)

        def step(db: Transaction, at: Moment, effects: Effects) -> None:
            if not self._takes_text(db, sim_id, text, effects):
                inbox.keep(db, sim_id, text, at.now, self._calendar)

        self._within(step)
        if isinstance(text, Unreadable):
            log.warning(
                "port %d: what came in cannot be read (%s); it is set aside", status.port, text.reason
            )
        elif text.signal is not None:
            log.info("port %d: what came in is no text (%s)", status.port, text.signal.value)
        else:
            log.info("port %d: a text came in", status.port)

    def deleted(self, status: PortStatus, text: Deliver) -> None:
        """See `Work.deleted`."""
        sim_id = self._sim_of(status)
        self._within(lambda db, _at, _: inbox.deleted(db, sim_id, text))

    def reported(self, status: PortStatus, report: StatusReport) -> None:
        """See `Work.reported`."""
        sim_id, readable = self._sim_of(status), self._readable(report)
        timeout_s = self._settings.submit_timeout_s
        calendar = self._calendar
        self._within(
            lambda db, at, effects: reports.take(db, sim_id, readable, timeout_s, at, effects, calendar)
        )
        if len(status.slots) > 1:
            self._ports[status.port].wake()  # it may have waited for this before it turns to another slot

    def try_pin(self, iccid: str, port: int, pin: str, attempts_left: int | None) -> bool:
        """See `Work.try_pin`."""
        card, digest = _card(iccid, port), _pin_digest(iccid, port, pin)

        def step(db: Transaction, at: Moment, _: Effects) -> bool:
            known = sims.pin_state(db, card, digest)
            if known is None:
                sims.set_pin_state(db, card, digest, "trying", at.now)
            # What a power cut left open was not tried if no attempt is missing.
            untried = known == "trying" and attempts_left is not None and attempts_left >= _PIN_ATTEMPTS
            return known in (None, "accepted") or untried

        return self._within(step)

    def pin_tried(self, iccid: str, port: int, pin: str, *, accepted: bool) -> None:
        """See `Work.pin_tried`."""
        card, digest = _card(iccid, port), _pin_digest(iccid, port, pin)
        state = "accepted" if accepted else "refused"

        def step(db: Transaction, at: Moment, _: Effects) -> None:
            if sims.pin_state(db, card, digest) != state:
                sims.set_pin_state(db, card, digest, state, at.now)

        self._within(step)

    # Helpers.

    def _on_rebuilt_queue(self, step: Callable[[Transaction, Moment, Effects], T]) -> T:
        log.error("the index of the queue is damaged: it is built anew. Is the disk failing? See `dmesg`")
        try:
            self._store.write(parts.rebuild_queue)
            return self.write_news(step)
        except (StoreUnavailableError, QueueDamagedError) as error:
            raise WorkUnavailableError(str(error) or "the index of the queue is damaged") from error

    def _within(self, work: Callable[[Transaction, Moment, Effects], T]) -> T:
        try:
            return self.write_news(work)
        except StoreUnavailableError as error:
            raise WorkUnavailableError(str(error)) from error

    def _looked_up(self, look: Callable[[Transaction], T]) -> T:
        try:
            with self._store.readers.lend() as db:
                return look(db)
        except StoreUnavailableError as error:
            raise WorkUnavailableError(str(error)) from error

    def _spread(self, effects: Effects) -> None:
        self._waiters.tell(effects.changed)
        for sim_id in effects.sent_old:
            self.backlog.sends(sim_id)
        for sim_id, last in effects.no_longer_old:
            self.backlog.over(sim_id, last)
        for delay, key in effects.deferred:
            self._timers.after(delay, partial(self._release, key))
        for key in effects.doubtful:
            self._timers.after(self._settings.in_doubt_wait_s, partial(self._decide, key))
        for key in effects.in_memory:  # until then the modem may yet tell
            wait_s = self._settings.submit_timeout_s + self._settings.in_doubt_wait_s
            self._timers.after(wait_s, partial(self._decide, key))
        if effects.queued:
            places, help_wanted = self._port_registry.sims(), False
            rests = self._port_registry.rests(self._clock.monotonic())
            for sim_id, count in effects.queued.items():
                place = places.get(sim_id)
                if place is not None and place.registered:
                    self._ports[place.port].wake()  # a busy port too: it may be just about to find nothing
                if (
                    place is None
                    or not place.registered
                    or sim_id in rests
                    or (effects.shared and count + place.busy > 1)
                ):
                    help_wanted = True
            if help_wanted:
                self.wake_idle()

    def _resume(self, db: Transaction) -> tuple[Effects, Aged | None, Waiting]:
        """The parts that were in the air when the last process ended, and what waits. What was reported of them by then counts."""
        at, effects = self.moment(), Effects()
        modem_memory.requeue_unsaid(db)
        parts.doubt_submitting(db, IN_DOUBT.english, IN_DOUBT.french)
        for key in [PartKey(*row) for row in parts.resume(db)]:
            (effects.in_memory if modem_memory.lies(db, *key.claim) else effects.doubtful).append(key)
            messages.waits_because(db, key.message_id, IN_DOUBT.told)
        for sim_id in inbound.sims_with_early_reports(db):
            reports.take_early(db, sim_id, self._settings.submit_timeout_s, at, effects)
        return effects, self.backlog.at_start(db, at, list(queue_counts.waiting(db))), waiting(db, at)

    def _release(self, key: PartKey) -> None:
        sim_id = self._store.write(lambda db: parts.release(db, key.message_id, key.seq, key.token))
        if sim_id is not None:
            self.offer({sim_id: 1}, shared=True)

    def _decide(self, key: PartKey) -> None:
        self.write_news(lambda db, at, effects: self._settler.decide(db, key, at, effects))

    def wake_idle(self) -> None:
        """Have every port that rests look for work: something changed that may free some. Any thread may call it."""
        for number, status in self._port_registry.ports().items():
            if status.state is PortState.UP and not status.busy:
                self._ports[number].wake()

    def _came_back(self, sim_id: int) -> None:
        """A SIM was lost for so long that what waits for it is old."""

        def look(db: Transaction, at: Moment, _: Effects) -> tuple[Aged | None, Waiting]:
            return self.backlog.returned(db, at, sim_id, list(queue_counts.waiting(db))), waiting(db, at)

        aged, found = self._within(look)
        self.backlog.set_apart(aged)
        self._tell_backlog(f"SIM {sim_id} is back", found)

    def _tell_backlog(self, occasion: str, found: Waiting) -> None:
        if found.messages and self.backlog.queues():
            log.warning(
                "%s: %d messages wait, the oldest for %s; what waited longer than %g s is sent at %g parts a minute and"
                " SIM, new messages first",
                occasion,
                found.messages,
                found.age,
                self._settings.backlog_guard_s,
                self._settings.backlog_rate,
            )
        elif found.messages:
            log.info("%s: %d messages wait, the oldest for %s", occasion, found.messages, found.age)

    def _register(self, desk: _Desk, status: PortStatus) -> None:
        """Tell the store of SIMs that are new, or new in this place, or have told more of themselves."""
        for slot in status.slots:
            number = self._numbering.of_card(slot.number)
            operator = self._numbering.home_operator(slot.imsi) or slot.operator
            facts = (slot.imsi, number, operator, slot.slot)
            if slot.iccid and desk.known.get(slot.iccid) != facts:
                sim_id = self._within(partial(_seen, slot.iccid, status.port, facts))
                if slot.iccid not in desk.sim_ids:
                    log.info("port %d slot %d: SIM %d is here", status.port, slot.slot, sim_id)
                desk.sim_ids[slot.iccid] = sim_id
                desk.known[slot.iccid] = facts
        present = {slot.iccid for slot in status.slots}
        for gone in set(desk.known) - present:
            del desk.known[gone], desk.sim_ids[gone]

    def _judge(self, desk: _Desk, status: PortStatus, outcome: Outcome) -> None:
        """Let a SIM rest that fails one recipient after another."""
        sim_id = desk.sim_ids.get(status.active.iccid)
        if sim_id is None:
            return
        rest_s = desk.breakers.setdefault(sim_id, CircuitBreaker()).after(outcome)
        if rest_s:
            log.warning(
                "port %d: SIM %d failed one recipient after another; it rests for %g s, then it is tried with one message."
                " Has it credit, and is it not barred?",
                status.port,
                sim_id,
                rest_s,
            )
            self._port_registry.rest(sim_id, self._clock.monotonic() + rest_s)
            self.wake_idle()

    def _readable(self, report: StatusReport) -> StatusReport:
        """A report with its recipient as E.164, where that can be read."""
        return replace(report, recipient=self._numbering.of_line(report.recipient))

    def _turn(self, desk: _Desk, status: PortStatus) -> Turn | None:
        """Whose turn it is; None where the active slot's SIM cannot work."""
        active = status.active
        if (
            status.state is not PortState.UP
            or active.sim is not SimState.READY
            or active.iccid not in desk.sim_ids
        ):
            return None
        slot_sims = {
            slot.slot: desk.sim_ids[slot.iccid]
            for slot in status.slots
            if slot.sim is SimState.READY and slot.iccid in desk.sim_ids
        }
        left_at = {
            slot: desk.left_at.get(slot, desk.active_since) for slot in slot_sims if slot != active.slot
        }
        return Turn(
            status,
            slot_sims[active.slot],
            slot_sims,
            desk.active_since,
            desk.last_submission,
            left_at,
        )

    def _sim_of(self, status: PortStatus) -> int:
        desk, iccid = self._desks[status.port], status.active.iccid
        if iccid in desk.sim_ids:
            return desk.sim_ids[iccid]
        sim_id = self._looked_up(lambda db: sims.id_of(db, iccid))
        if sim_id is not None:
            return sim_id  # it was taken out since
        self._register(desk, status)  # the store could not take note of it when it was first told
        return desk.sim_ids[iccid]


# So many parts in a row: by chance that happens once in sixteen million.
_KEPT_IN_A_ROW = 3


def _references_kept(before: int, outcome: Outcome) -> int:
    """How many parts in a row a modem sent with the TP-MR that it was given, after one more."""
    match outcome.result:
        case Submitted(reference) if reference == outcome.submission.message_reference:
            return before + 1
        case Submitted():
            return 0
        case _:
            return before


def _seen(
    iccid: str, port: int, facts: tuple[str, str, str, int], db: Transaction, at: Moment, _: Effects
) -> int:
    imsi, number, operator, slot = facts
    return sims.seen(db, iccid, imsi, number, operator, port, slot, at.now)


def _card(iccid: str, port: int) -> str:
    return iccid or f"port {port}"


def _pin_digest(iccid: str, port: int, pin: str) -> bytes:
    return hashlib.sha256(f"{_card(iccid, port)}:{pin}".encode()).digest()
