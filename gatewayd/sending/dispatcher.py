"""Gives each port its next step, and stores what ports report.

`Dispatcher` implements the interface `Work` of the ports. Each of its methods is one transaction; its effects are
performed once the transaction is durable.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from config.settings import DispatchSettings
from gatewayd.messages import reports
from gatewayd.messages.effects import Effects
from gatewayd.receiving import inbox
from gatewayd.sending.circuit_breaker import CircuitBreakers
from gatewayd.sending.company_turns import CompanyTurns
from gatewayd.sending.interfaces import NOTHING_OUTSIDE, Outside
from gatewayd.sending.modem_memory import ModemMemory
from gatewayd.sending.opt_out_replies import OptOutReplies
from gatewayd.sending.outage_backlog import OutageBacklog
from gatewayd.sending.outage_recovery import OutageRecovery
from gatewayd.sending.outcomes import Outcomes
from gatewayd.sending.port_history import PortHistory
from gatewayd.sending.port_waker import PortWaker
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.sending.scheduler import BEGUN_WAITS_S, HAND_ON_AFTER_S, QueueDamagedError, Scheduler
from gatewayd.sending.transactions import Transactions
from gatewayd.sims import blocked_sims, pin_attempts
from gatewayd.sims.numbering import Numbering
from gatewayd.sims.port_control import PortControl
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.sims.sim_registry import SimRegistry
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import parts, sims
from gatewayd.timekeeping.clock import Calendar, Clock, Moment
from gatewayd.timekeeping.timers import Timers
from modem.parts import Place, Refused, StoredState, Submission, Submitted, Via
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
from modem.port.status import PortStatus
from modem.sms.tpdu import Deliver, StatusReport

log = logging.getLogger(__name__)

T = TypeVar("T")


class OutcomeCounter(Protocol):
    """Counts the outcomes of submissions."""

    def settled(self, status: PortStatus, sim_id: int | None, outcome: Outcome) -> None:
        """Count an outcome that is durable."""


# Takes an inbound text that does not belong in the inbox, as the text of a loop test; returns whether it did.
TakesText = Callable[[Transaction, int, Deliver | Unreadable, Effects], bool]


@dataclass(slots=True)
class _PortState:
    """The memory of one port. Only that port's own thread uses it."""

    breakers: CircuitBreakers
    history: PortHistory = field(default_factory=PortHistory)


class Dispatcher:
    """The gateway as the ports use it (see `modem.port.interface.Work`)."""

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
        counter: OutcomeCounter,
        takes_text: TakesText,
        opt_outs: OptOutReplies | None,
        outside: Outside = NOTHING_OUTSIDE,
    ) -> None:
        self._sink = outside.sink
        self._settings = settings
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._port_registry = port_registry
        self._timers = timers
        self._numbering = numbering
        self._counter = counter
        self._takes_text = takes_text
        self._opt_outs = opt_outs
        self._waker = PortWaker(clock, port_registry)
        self._outcomes = Outcomes(settings, clock, port_registry, numbering, outside.source)
        self.modem_memory = ModemMemory(settings, clock, vias)
        self.outage_backlog = OutageBacklog(settings, clock)
        self._transactions = Transactions(
            settings,
            store,
            clock,
            calendar,
            waiters,
            timers,
            self._waker,
            self._outcomes,
            self.outage_backlog,
        )
        self._recovery = OutageRecovery(settings, store, self._transactions, self.outage_backlog, calendar)
        self._sims = SimRegistry(
            numbering,
            lambda seen: self._write(lambda db, at, _: seen(db, at.now)),
            self._transactions.read_for_port,
        )
        self._scheduler = Scheduler(
            settings,
            clock,
            port_registry,
            self.outage_backlog,
            self.modem_memory,
            CompanyTurns(),
            calendar,
            outside.permit,
        )
        self._ports: Mapping[int, _PortState] = {}  # replaced as a whole where a port comes or goes

    def attach(self, ports: Mapping[int, PortControl]) -> None:
        """Name the ports, before any of them starts."""
        self._waker.attach(ports)
        for number in ports:
            self.add_port(number)

    def add_port(self, port: int) -> None:
        """Expect calls of a port, which is started after this."""
        self._sims.add_port(port)
        breakers = CircuitBreakers(self._clock, self._port_registry, self._settings.blocked_after)
        self._ports = {**self._ports, port: _PortState(breakers)}

    def remove_port(self, port: int) -> None:
        """Forget a port, which has ended: its SIMs are in no port, and other SIMs may send their messages at once."""
        self._port_registry.forget(port)
        self._sims.remove_port(port)
        self._ports = {number: state for number, state in self._ports.items() if number != port}
        self.wake_idle()

    def resume(self) -> None:
        """At the start: recover what the last process left, and expect its SIMs in their ports."""
        with self._store.readers.lend() as db:
            configured = [place for place in sims.places(db) if place[1] in self._ports]
            self._port_registry.suspect(*sims.suspected(db))
        self._port_registry.expect(configured, self._clock.monotonic())
        self._recovery.resume()
        for delay in (HAND_ON_AFTER_S, BEGUN_WAITS_S):  # for the work of SIMs that did not return
            self._timers.after(delay, self.wake_idle)

    def clock_trusted(self) -> None:
        """The clock is trusted from now on (see `OutageRecovery.clock_trusted`)."""
        self._recovery.clock_trusted()

    def moment(self) -> Moment:
        """The time now, and today's date."""
        return self._transactions.moment()

    def write_with_effects(self, work: Callable[[Transaction, Moment, Effects], T]) -> T:
        """Run a transaction, then perform its effects (see `Transactions.write`)."""
        return self._transactions.write(work)

    def offer(self, queued: dict[int, int], *, shared: bool) -> None:
        """Wake the ports for messages that were kept: their number by SIM id. `shared`: other SIMs may send them too."""
        self._transactions.perform(Effects(queued=queued, shared=shared))

    def wake_idle(self) -> None:
        """Wake every idle port (see `PortWaker.wake_idle`)."""
        self._waker.wake_idle()

    # The methods of `Work`. Each port calls them from its own thread.

    def status(self, status: PortStatus) -> None:
        """See `Work.status`."""
        now = self._clock.monotonic()
        self._ports[status.port].history.note_status(status, now)
        self._sims.register(status)
        gone = self._port_registry.publish(status, self._sims.ids(status.port), now)
        if gone:
            self.wake_idle()
            self._timers.after(HAND_ON_AFTER_S, self.wake_idle)
            self._timers.after(BEGUN_WAITS_S, self.wake_idle)
        for sim_id, place in self._port_registry.sims().items():
            if place.port != status.port:
                continue
            if not place.registered:
                self.outage_backlog.lost(sim_id, now)
                continue
            # A SIM counts as returned once that is written: the port reports a status again that could not be kept.
            if self.outage_backlog.is_back(sim_id, now):
                self._recovery.sim_returned(sim_id)
            self.outage_backlog.works(sim_id)

    def next(
        self, status: PortStatus, outcome: Outcome | None, reported: Sequence[Reported] = ()
    ) -> Submission | Switch | Rest:
        """See `Work.next`."""
        port = self._ports[status.port]
        sim_ids = self._sims.ids(status.port)
        if outcome is not None and port.history.note_outcome(outcome):
            self._count_outcome(port, status, outcome)
        if outcome is not None:
            self._judge(port, status, outcome)
        wait = port.history.last_submission + self._settings.min_interval_s - self._clock.monotonic()
        turn = port.history.turn(status, sim_ids)
        read = [(self._sims.active_id(each.status), self._readable(each.report)) for each in reported]

        def step(db: Transaction, at: Moment, effects: Effects) -> Submission | Switch | Rest:
            if outcome is not None:
                keeps = port.history.keeps_reference
                self._outcomes.apply(db, outcome, at, effects, keeps_reference=keeps)
            for from_sim, report in read:
                self._apply_report(db, from_sim, report, at, effects)
            if turn is None:
                return Rest()
            return Rest(wait) if wait > 0 else self._scheduler.next(db, turn, at, effects)

        try:
            result = self._write(step)
        except QueueDamagedError:
            result = self._on_rebuilt_queue(step)
        if outcome is not None:
            self._counter.settled(status, sim_ids.get(status.active.iccid), outcome)
        return result

    def stored(self, status: PortStatus, submission: Submission, place: Place | None) -> None:
        """See `Work.stored`."""
        self._write(lambda db, _at, _: self.modem_memory.placed(db, status, submission, place))

    def learned(self, status: PortStatus, storage: Storage) -> None:
        """See `Work.learned`."""
        self._write(lambda db, at, _: self.modem_memory.learned(db, status, storage, at))

    def in_memory(self, status: PortStatus) -> tuple[Kept, ...]:
        """See `Work.in_memory`."""
        return self._read(lambda db: self.modem_memory.in_memory(db, status))

    def found(self, status: PortStatus, kept: Kept, stored_state: StoredState) -> None:
        """See `Work.found`."""
        self._write(
            lambda db, at, effects: self.modem_memory.found(db, status, kept, stored_state, at, effects)
        )

    def emptied(self, status: PortStatus, kept: Kept) -> None:
        """See `Work.emptied`."""
        self._write(lambda db, _at, _: self.modem_memory.emptied(db, kept))

    def busy_s(self, port: int) -> float:
        """See `Work.busy_s`."""
        return self._read(lambda db: self.modem_memory.busy_s(db, port, self.moment().now))

    def told_late(self, status: PortStatus, reference: int | None) -> None:
        """See `Work.told_late`."""
        sim_id = self._sims.active_id(status)
        key = self._write(
            lambda db, at, effects: self.modem_memory.told_late(db, sim_id, reference, at, effects)
        )
        if key is not None:
            log.info("port %d: the modem reported late that it sent message %d", status.port, key.message_id)

    def recovered(self, status: PortStatus, claim: Claim, result: Submitted | Refused) -> None:
        """See `Work.recovered`."""
        settled = self._write(lambda db, at, effects: self._outcomes.recover(db, claim, result, at, effects))
        if settled:
            log.info(
                "port %d: part %d of message %d was being submitted when the gateway ended, and is known to be %s",
                status.port,
                claim.seq,
                claim.message_id,
                "sent" if isinstance(result, Submitted) else "refused or not begun",
            )

    def received(self, status: PortStatus, text: Deliver | Unreadable) -> None:
        """See `Work.received`."""
        sim_id = self._sims.active_id(status)
        wish = None
        opt_outs = self._opt_outs
        if opt_outs is not None and opt_outs.states_wish(
            text
        ):  # its company is looked for before: that may take a while
            now = self.moment().now
            wish = self._read(lambda db: opt_outs.read(db, sim_id, text, now))

        def step(db: Transaction, at: Moment, effects: Effects) -> None:
            if self._takes_text(db, sim_id, text, effects):
                return
            inbox_id = inbox.keep(db, sim_id, text, at.now, self._calendar)
            if opt_outs is not None and wish is not None and inbox_id is not None:
                opt_outs.take(db, sim_id, wish, inbox_id, at, effects)

        self._write(step)
        if isinstance(text, Unreadable):
            log.warning(
                "port %d: a received message cannot be decoded (%s); it is stored as it came",
                status.port,
                text.reason,
            )
        elif text.signal is not None:
            log.info("port %d: a received message is not a text (%s)", status.port, text.signal.value)
        else:
            log.info("port %d: a text came in", status.port)

    def deleted(self, status: PortStatus, text: Deliver) -> None:
        """See `Work.deleted`."""
        sim_id = self._sims.active_id(status)
        self._write(lambda db, _at, _: inbox.deleted(db, sim_id, text))

    def reported(self, status: PortStatus, report: StatusReport) -> None:
        """See `Work.reported`."""
        sim_id, readable = self._sims.active_id(status), self._readable(report)
        self._write(lambda db, at, effects: self._apply_report(db, sim_id, readable, at, effects))
        if len(status.slots) > 1:
            self._waker.wake(
                status.port
            )  # it may have waited for this report before it switches to another slot

    def try_pin(self, iccid: str, port: int, pin: str, attempts_left: int | None) -> bool:
        """See `Work.try_pin`."""
        return self._write(
            lambda db, at, _: pin_attempts.may_try(db, iccid, port, pin, attempts_left, at.now)
        )

    def pin_tried(self, iccid: str, port: int, pin: str, *, accepted: bool) -> None:
        """See `Work.pin_tried`."""
        self._write(
            lambda db, at, _: pin_attempts.record_result(db, iccid, port, pin, at.now, accepted=accepted)
        )

    def _write(self, work: Callable[[Transaction, Moment, Effects], T]) -> T:
        return self._transactions.write_for_port(work)

    def _read(self, look: Callable[[Transaction], T]) -> T:
        return self._transactions.read_for_port(look)

    def _on_rebuilt_queue(self, step: Callable[[Transaction, Moment, Effects], T]) -> T:
        log.error("the index of the queue is damaged: it is rebuilt. Is the disk failing? See `dmesg`")
        try:
            self._store.write(parts.rebuild_queue)
            return self._transactions.write(step)
        except (StoreUnavailableError, QueueDamagedError) as error:
            raise WorkUnavailableError(str(error) or "the index of the queue is damaged") from error

    def _count_outcome(self, port: _PortState, status: PortStatus, outcome: Outcome) -> None:
        sim_id = self._sims.ids(status.port).get(status.active.iccid)
        if sim_id is not None and port.breakers.count(status.port, sim_id, outcome):
            self.wake_idle()

    def _judge(self, port: _PortState, status: PortStatus, outcome: Outcome) -> None:
        """Suspect a SIM that its operator may block, or clear it. Raises WorkUnavailableError; the port asks again then."""
        sim_id = self._sims.ids(status.port).get(status.active.iccid)
        if sim_id is None:
            return
        if isinstance(outcome.result, Submitted) and self._port_registry.is_suspected(sim_id):
            self._write(lambda db, _at, _: blocked_sims.clear(db, sim_id))
            self._port_registry.clear(sim_id)
            log.info("port %d: SIM %d sends again: it is not blocked", status.port, sim_id)
        since = port.breakers.refused_since(sim_id)
        if since is None:
            return
        senders = self._port_registry.sent_since(since)
        if self._write(lambda db, at, _: blocked_sims.suspect(db, sim_id, senders, at)):
            log.warning(
                "port %d: SIM %d may be blocked by its operator, because other SIMs of the operator send;"
                " it rests for %g s, then it is tried with one message",
                status.port,
                sim_id,
                port.breakers.suspect(sim_id),
            )

    def _readable(self, report: StatusReport) -> StatusReport:
        """The report with its recipient as E.164, where it can be read."""
        return replace(report, recipient=self._numbering.of_line(report.recipient))

    def _apply_report(
        self, db: Transaction, sim_id: int, report: StatusReport, at: Moment, effects: Effects
    ) -> None:
        limit_s = self._settings.submit_timeout_s
        if not reports.take(db, sim_id, report, limit_s, at, effects, self._calendar):
            self._sink.unmatched(db, sim_id, report, at)
