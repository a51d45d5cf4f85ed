"""The gateway as the HTTP interface and the command line see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TypeVar

from config.settings import Settings
from gatewayd.accounts import quotas
from gatewayd.accounts.authenticator import Authenticator
from gatewayd.errors import ConflictError, GatewayError, NotFoundError, StorageUnavailableError
from gatewayd.loop_test import rounds
from gatewayd.loop_test.rounds import LoopTests
from gatewayd.operations.backups import Backups
from gatewayd.operations.commit_probe import CommitProbe
from gatewayd.operations.health import Check, Health
from gatewayd.operations.housekeeping import Housekeeping
from gatewayd.operations.metrics_snapshot import Meter, MetricsSnapshot
from gatewayd.operations.retention import Retention
from gatewayd.records import (
    Accepted,
    AttemptRecord,
    Caller,
    Draft,
    Idempotency,
    InboxRecord,
    MessageFilter,
    MessageRecord,
    Options,
    QuotaRecord,
    Replay,
    SimRecord,
    Status,
)
from gatewayd.sending import routing
from gatewayd.sending.attempts import attempts
from gatewayd.sending.dispatcher import Dispatcher
from gatewayd.sending.expiry import Expiry
from gatewayd.sending.intake import Asked, Intake, Measured, Taken
from gatewayd.sending.request_batcher import RequestBatcher
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.sims import ussd
from gatewayd.sims.balance import Balances
from gatewayd.sims.numbering import Numbering
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.engine.disk import State
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts, idempotency, inbound, messages, parts, sims
from gatewayd.store.tables.idempotency import UsedKey
from gatewayd.timekeeping.clock import Calendar, Clock, month_of
from gatewayd.timekeeping.timers import Timers
from modem.at.transcript import Watcher
from modem.driver.ussd import UssdAnswer
from modem.parts import Via
from modem.port.status import Answer

T = TypeVar("T")
Owned = TypeVar("Owned", messages.Message, messages.ShownMessage)


class PortFace(ussd.UssdPort, Protocol):
    """A port, as far as the gateway needs it."""

    def wake(self) -> None:
        """There may be work."""

    def ask(self) -> Future[Answer]:
        """Does the modem say OK?"""

    def watch(self, watcher: Watcher) -> None:
        """Pass on what is said to and by the modem."""

    def leave(self, watcher: Watcher) -> None:
        """Pass on nothing more."""


class Gateway:
    """Takes messages, tells what became of them, and holds together what that needs."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._calendar = Calendar(settings.numbers.zone)
        self._numbering = Numbering(settings.numbers)
        self.port_registry = PortRegistry()
        self._waiters = ResultWaiters()
        self._timers = Timers(clock)
        self._authenticator = Authenticator(store, clock)
        self._meter = Meter(store, clock, self.port_registry)
        self._commit_probe = CommitProbe(store)
        self._health = Health(store, clock, self.port_registry, self._meter, self._commit_probe)
        self.dispatcher = Dispatcher(
            settings.dispatch,
            store,
            clock,
            self._calendar,
            self.port_registry,
            self._waiters,
            self._timers,
            self._numbering,
            {port.port: Via(port.submit_via or settings.dispatch.submit_via) for port in settings.ports},
            self._meter,
            rounds.took,
        )
        self._housekeeping = Housekeeping(settings.inbox, store, clock, self._calendar, self._timers)
        self._retention = Retention(
            settings.store.retention_days, store, self.dispatcher.moment, self._timers
        )
        self.backups = Backups(settings.store, store, clock)
        self._expiry = Expiry(store, clock, self._timers, self.dispatcher.moment, self.dispatcher.write_news)
        self._intake = Intake(
            settings.dispatch, clock, self._calendar, self.port_registry, self._numbering.operator
        )
        self._taking = RequestBatcher(store, self._intake.take)
        self._balances = Balances(settings.balance, store, clock, self.port_registry, self._timers)
        self.loop_tests = LoopTests(
            settings.loop_test,
            store,
            clock,
            self.dispatcher.moment,
            self.port_registry,
            self._timers,
            self._waiters,
            self._intake,
            partial(self.dispatcher.offer, shared=False),
        )
        self._ports: Mapping[int, PortFace] = {}
        self._began = clock.monotonic()

    @property
    def up_s(self) -> float:
        """Seconds since it was started."""
        return self._clock.monotonic() - self._began

    def start(self, ports: Mapping[int, PortFace]) -> None:
        """Take up what the last process left, for these ports, which are started after this."""
        self._ports = ports
        self._began = self._clock.monotonic()
        self.dispatcher.attach(dict(ports))
        self.dispatcher.resume()
        self._timers.start()
        self._balances.start(ports)
        self.loop_tests.start(ports)
        self._housekeeping.start(self._retention.begin)
        self._expiry.look()
        self.backups.start()

    @property
    def timers(self) -> Timers:
        """What is done later."""
        return self._timers

    def restamp(self, db: Transaction, since: int, jump: int) -> None:
        """The time becomes trusted: it jumps ahead by `jump` microseconds, or back where that is negative.

        `since`: what is stamped with that or later was stamped while it was not trusted. Runs within the writer's
        transaction that makes the time trusted, so that no other one sees the new time with the old stamps.
        """
        parts.restamp(db, since, jump)  # a report's own time must fit its submission's
        messages.restamp(db, since, jump)  # a life lasts as long as was asked for

    def clock_trusted(self) -> None:
        """The time is trusted from now on, and what was stamped before is put right, durably."""
        self._expiry.look()
        self._timers.after(0.0, self.dispatcher.clock_trusted)

    def stop(self, timeout_s: float) -> None:
        """End what runs of its own accord. The store is closed by whoever opened it."""
        self._waiters.close()
        self.loop_tests.stop()
        self._timers.stop(timeout_s)
        self.backups.stop(timeout_s)

    def probe(self, answered: Callable[[], None]) -> None:
        """Have `answered` called by the thread of the timers, to see that it lives."""
        self._timers.after(0.0, answered)

    def ready(self) -> bool:
        """Whether messages are taken: the store can keep and read them, and a SIM could be chosen now."""
        if self._store.condition.state is not State.OK or not self._commit_probe.beats():
            return False
        try:
            with self._store.readers.lend() as db:
                found = routing.usable(
                    db,
                    self.port_registry.sims(),
                    {},
                    today=self.dispatcher.moment().today,
                    now=self._clock.monotonic(),
                    grace_s=self._settings.dispatch.grace_s,
                    rests={},
                )
        except StoreUnavailableError:
            return False
        return bool(found)

    def checks(self) -> list[Check]:
        """How the box is, one thing after another."""
        return self._health.checks()

    def measure(self) -> MetricsSnapshot:
        """The figures of this moment."""
        return self._meter.measure()

    def authenticate(self, key: str, service: str = "sms") -> Caller:
        """Who comes with this key (see `Authenticator.authenticate`)."""
        with _kept():
            return self._authenticator.authenticate(key, service)

    def accounts_changed(self) -> None:
        """Keys or companies were changed, durably (see `Authenticator.forget`)."""
        self._authenticator.forget()

    def e164(self, recipient: str) -> str:
        """A recipient as it is kept, shown and dialled (see `Numbering.e164`)."""
        return self._numbering.e164(recipient)

    def submit(
        self, caller: Caller, draft: Draft, options: Options, key: Idempotency | None, wait_s: float
    ) -> tuple[MessageRecord | Replay, bool]:
        """Keep a message durably, then wait up to `wait_s` for what the modem makes of it.

        Returns the message, or what an earlier request with the same key was answered; and whether it is the latter.

        Raises: QuotaExceededError, SimUnavailableError, QueueFullError, StorageUnavailableError, ConflictError,
        IdempotencyMismatchError. Then nothing was kept.
        """
        measured = self._intake.measure(draft)
        if wait_s > 0:
            self._waiters.expect(measured.sms_id)
        try:
            taken = self._take(Asked(caller, [measured], options, key, single=True))
            if isinstance(taken, UsedKey):
                return self._replayed_send(caller, taken), True
            self._offer(taken, options)
            if wait_s <= 0:
                return _as_taken(measured, taken, options), False
            self._waiters.wait(measured.sms_id, wait_s)
        finally:
            if wait_s > 0:
                self._waiters.forget(measured.sms_id)
        try:
            return self.status(caller, measured.sms_id), False
        except StorageUnavailableError:
            # It is kept, and to say otherwise would have the client send it twice.
            return _as_taken(measured, taken, options), False

    def submit_bulk(
        self, caller: Caller, drafts: list[Draft], options: Options, key: Idempotency | None
    ) -> tuple[list[Accepted | None] | Replay, bool]:
        """Keep many messages durably in one transaction: one entry for each, None where no SIM had room.

        Returns and raises as `submit`, but for SimUnavailableError.
        """
        measured = [self._intake.measure(draft) for draft in drafts]
        taken = self._take(Asked(caller, measured, options, key, single=False))
        if isinstance(taken, UsedKey):
            return self._replayed_bulk(caller, taken), True
        self._offer(taken, options)
        return taken.accepted, False

    def answered(self, caller: Caller, key: Idempotency, http_status: int, body: str) -> None:
        """Keep what a request with an idempotency key was answered. Raises StorageUnavailableError."""
        self._write(lambda db: idempotency.answered(db, caller.key_id, key.key, http_status, body))

    def abandoned(self, caller: Caller, key: Idempotency) -> None:
        """A request with an idempotency key ended without an answer: the next is answered from its messages.

        What cannot be written now is written later: else the next would be told of a conflict for ever.
        """
        self._timers.after(
            0.0, lambda: self._store.write(lambda db: idempotency.landed(db, caller.key_id, key.key))
        )

    def status(self, caller: Caller, sms_id: str) -> MessageRecord:
        """One message of the caller's company. Raises NotFoundError, StorageUnavailableError."""
        with _kept(), self._store.readers.lend() as db:
            return _owned(messages.shown(db, sms_id), caller).record

    def history(self, caller: Caller, sms_id: str) -> tuple[MessageRecord, list[AttemptRecord]]:
        """One message of the caller's company, and its attempts. Raises as `status`."""
        with _kept(), self._store.readers.lend() as db:
            shown = _owned(messages.shown(db, sms_id), caller)
            return shown.record, attempts(db, shown.id)

    def messages(self, caller: Caller, wanted: MessageFilter) -> tuple[list[MessageRecord], int | None]:
        """A page of the company's messages, newest first, and the cursor of the next page."""
        with _kept(), self._store.lists.lend() as db:
            rows = messages.page(
                db,
                company_id=caller.company_id,
                status=None if wanted.status is None else wanted.status.value,
                campaign_id=wanted.campaign_id,
                recipient=wanted.recipient,
                since=wanted.since,
                until=wanted.until,
                before_id=wanted.cursor,
                limit=wanted.limit + 1,
            )
        page = rows[: wanted.limit]
        return [row.record for row in page], page[-1].id if len(rows) > wanted.limit else None

    def cancel(self, caller: Caller, sms_id: str) -> MessageRecord:
        """Cancel a message of which no part was claimed. Raises NotFoundError, ConflictError, StorageUnavailableError."""

        def cancel(db: Transaction) -> None:
            message = _owned(messages.by_sms_id(db, sms_id), caller)
            if message.status != "pending" or parts.ever_claimed(db, message.id):
                raise ConflictError(
                    "The message can no longer be cancelled: it has ended, or was handed to a modem"
                )
            messages.cancelled(db, message.id)
            parts.drop_queued(db, message.id, "cancelled")
            quotas.give_back(db, message)

        self._write(cancel)
        self._waiters.tell([sms_id.lower()])
        return self.status(caller, sms_id)

    def inbox(self, caller: Caller, limit: int, cursor: int | None) -> tuple[list[InboxRecord], int | None]:
        """A page of the texts that came in on the company's SIMs, newest first, and the cursor of the next page.

        With an administration key those on SIMs of no company too. Raises StorageUnavailableError.
        """
        with _kept(), self._store.lists.lend() as db:
            rows = inbound.page(db, cursor, limit + 1, company_id=caller.company_id, of_none=caller.admin)
        page = rows[:limit]
        return page, page[-1].id if len(rows) > limit else None

    def quota(self, caller: Caller) -> QuotaRecord:
        """The company's quota and what it has used this month. Raises StorageUnavailableError."""
        at = self.dispatcher.moment()
        with _kept(), self._store.readers.lend() as db:
            total = accounts.monthly_quota(db, caller.company_id)
            used = accounts.used(db, caller.company_id, month_of(at.today))
        return QuotaRecord(total, used, self._calendar.next_month(at.now))

    def sims(self, caller: Caller) -> tuple[SimRecord | None, list[SimRecord]]:
        """The company's own SIM by default, wherever that is, and all that it may use and that are in a port.

        Raises StorageUnavailableError.
        """
        at = self.dispatcher.moment()
        now, grace_s = self._clock.monotonic(), self._settings.dispatch.grace_s
        places = self.port_registry.sims()
        available: list[SimRecord] = []
        own: list[SimRecord] = []
        with _kept(), self._store.readers.lend() as db:
            for sim in sims.shown(db, at.today):
                if sim.company_id not in (None, caller.company_id):
                    continue
                place = places.get(sim.id)
                left = routing.room(db, sim, at.today)
                view = SimRecord(
                    id=sim.id,
                    number=sim.shown_number,
                    name=sim.shown_name,
                    operator=sim.shown_operator,
                    port=sim.port if place is None else place.port,
                    slot=sim.slot if place is None else place.slot,
                    is_default=bool(sim.is_default),
                    balance=sim.balance,
                    balance_at=sim.balance_at,
                    daily_limit=sim.daily_limit,
                    monthly_limit=sim.monthly_limit,
                    today_sent=sim.today_sent,
                    today_failed=sim.today_failed,
                    this_month_sent=sims.month_usage(db, sim.id, month_of(at.today)).sent,
                    can_send_sms=bool(sim.enabled)
                    and (left is None or left > 0)
                    and place is not None
                    and place.registered,
                    assigned_to=sim.company_name,
                )
                if place is not None and place.listed(now, grace_s):
                    available.append(view)
                if sim.company_id == caller.company_id:
                    own.append(view)
        assigned = next((sim for sim in own if sim.is_default), own[0] if own else None)
        return assigned, available

    def test_connection(self, timeout_s: float = 5.0) -> list[Answer]:
        """Ask every modem for `OK`, side by side; what each said within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        asked = {number: port.ask() for number, port in self._ports.items()}
        answers: list[Answer] = []
        for number, future in asked.items():
            try:
                answers.append(future.result(max(0.0, deadline - time.monotonic())))
            except (FutureTimeoutError, CancelledError):  # cancelled: the port stops at this moment
                answers.append(
                    Answer(number, ok=False, busy=False, detail="the modem did not answer in time")
                )
        return answers

    @property
    def ports(self) -> Mapping[int, PortFace]:
        """The ports, by their numbers."""
        return self._ports

    def ussd(self, port: int, code: str, replies: Sequence[str] = (), slot: int | None = None) -> UssdAnswer:
        """Ask the network through a port, and wait for the answer (see `ussd.ask`)."""
        return ussd.ask(self._ports, self.port_registry.ports(), port, code, replies, slot)

    def _offer(self, taken: Taken, options: Options) -> None:
        if taken.expires_in_s is not None:
            self._expiry.expect(taken.expires_in_s)
        self.dispatcher.offer(taken.by_sim, shared=options.sim_id is None)

    def _replayed_send(self, caller: Caller, kept: UsedKey) -> MessageRecord | Replay:
        if kept.http_status is not None and kept.body is not None:
            return Replay(kept.http_status, kept.body)
        return self.status(caller, kept.sms_ids[0] or "")

    def _replayed_bulk(self, caller: Caller, kept: UsedKey) -> list[Accepted | None] | Replay:
        if kept.http_status is not None and kept.body is not None:
            return Replay(kept.http_status, kept.body)
        views = [None if sms_id is None else self.status(caller, sms_id) for sms_id in kept.sms_ids]
        return [
            None if view is None else Accepted(view.sms_id, view.task_id, view.sim_number) for view in views
        ]

    def _write(self, work: Callable[[Transaction], T]) -> T:
        with _kept():
            return self._store.write(work)

    def _take(self, asked: Asked) -> Taken | UsedKey:
        with _kept():
            told = self._taking.do(asked)
        if isinstance(told, GatewayError):
            raise told
        return told


@contextmanager
def _kept() -> Iterator[None]:
    try:
        yield
    except StoreUnavailableError as error:
        raise StorageUnavailableError from error


def _as_taken(measured: Measured, taken: Taken, options: Options) -> MessageRecord:
    """A message that was kept, told from memory: as it was then, because nobody waited or the store cannot be read now."""
    accepted = taken.accepted[0]
    return MessageRecord(
        sms_id=measured.sms_id,
        task_id=accepted.task_id if accepted else "",
        recipient=measured.draft.recipient,
        sim_number=accepted.sim_number if accepted else "",
        text=measured.draft.text,
        status=Status.PENDING,
        created_at=taken.at,
        sent_at=None,
        delivered_at=None,
        failed_at=None,
        failure_reason=None,
        cost=0.0,
        retry_count=0,
        campaign_id=options.campaign_id,
        priority=options.priority,
        parts=measured.parts,
        in_doubt=False,
    )


def _owned(found: Owned | None, caller: Caller) -> Owned:
    """The message, if it belongs to the caller's company. Raises NotFoundError."""
    if found is None or found.company_id != caller.company_id:
        raise NotFoundError("Message not found")
    return found
