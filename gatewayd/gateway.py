"""The facade that the HTTP interface and the command line use: it connects the parts of the gateway and delegates to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from config.settings import Settings
from gatewayd.accounts import quotas
from gatewayd.accounts.authenticator import Authenticator
from gatewayd.errors import GatewayError, storage_errors
from gatewayd.events.box_watch import BoxWatch
from gatewayd.events.reader import EventReader
from gatewayd.events.retention import EventRetention
from gatewayd.events.signal import EventSignal
from gatewayd.fleet import shared_cancels, shared_doubts
from gatewayd.fleet.member import Member
from gatewayd.fleet.sharing import Sharing
from gatewayd.loop_test.arrivals import take_text
from gatewayd.loop_test.rounds import LoopTests
from gatewayd.messages import cancellation
from gatewayd.messages.campaigns import Campaigns
from gatewayd.messages.effects import Effects
from gatewayd.messages.message_queries import MessageQueries
from gatewayd.messages.opt_out_list import OptOutList
from gatewayd.operations.backups import Backups
from gatewayd.operations.commit_probe import CommitProbe
from gatewayd.operations.connection_test import ask_modems
from gatewayd.operations.counting import Counting
from gatewayd.operations.health import Check, Health
from gatewayd.operations.housekeeping import Housekeeping
from gatewayd.operations.metrics_snapshot import MetricsCollector, MetricsSnapshot
from gatewayd.operations.readiness import Readiness
from gatewayd.operations.retention import Retention
from gatewayd.receiving.inbox_pages import inbox_page, mark_read
from gatewayd.receiving.opt_out_texts import OptOutWords
from gatewayd.records import (
    Accepted,
    AttemptRecord,
    Caller,
    Draft,
    Idempotency,
    InboxFilter,
    InboxRecord,
    MessageFilter,
    MessageRecord,
    Options,
    QuotaRecord,
    Replay,
    SimRecord,
)
from gatewayd.sending import queue_state
from gatewayd.sending.acceptance import OwnAcceptance
from gatewayd.sending.dispatcher import Dispatcher
from gatewayd.sending.expiry import Expiry
from gatewayd.sending.intake import AcceptedRequest, Intake
from gatewayd.sending.interfaces import NOTHING_OUTSIDE, Outside
from gatewayd.sending.opt_out_replies import Confirmation, OptOutReplies
from gatewayd.sending.outcomes import DoubtDecision, settle_by_hand
from gatewayd.sending.preview import Preview, preview
from gatewayd.sending.queue_state import QueueState
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.sending.sandbox_player import SandboxPlayer
from gatewayd.sending.scheduled_release import ScheduledRelease
from gatewayd.sending.send_plan import SendPlan, send_plan
from gatewayd.sending.send_requests import SendRequests
from gatewayd.sending.window_openings import WindowOpenings
from gatewayd.sims import ussd
from gatewayd.sims.balance import Balances
from gatewayd.sims.balance_learning import BalanceLearning
from gatewayd.sims.company_sims import company_sims
from gatewayd.sims.numbering import Numbering
from gatewayd.sims.port_control import PortControl
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.engine.writer import COMMIT_TIMEOUT_S
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.store import Store
from gatewayd.store.tables import messages, parts, sandbox
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import DAY, SECOND, Calendar, Clock, Moment
from gatewayd.timekeeping.timers import Timers
from gatewayd.webhooks.judge import Judge
from gatewayd.webhooks.poster import Way
from gatewayd.webhooks.retention import DeliveryRetention
from gatewayd.webhooks.sender import Sender
from gatewayd.webhooks.service import Webhooks
from gatewayd.webhooks.worker import Tools
from modem.driver.ussd import UssdAnswer
from modem.parts import Via
from modem.port.status import Answer

T = TypeVar("T")

SettlesByHand = Callable[[Transaction, Message, DoubtDecision, Moment, Effects], bool]
"""Settles a message in doubt as a person decided; False: it has no part in doubt."""

LONGEST_AHEAD = 366 * DAY
"""A message may be scheduled at most this long ahead: a year."""

# In the year 9892: a time with an expiry behind it that ISO 8601 can still show.
_LATEST = 250_000_000_000 * SECOND


class Gateway:
    """One gateway on one store. Any thread may call any method once it is started."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        webhook_way: Way | None = None,
        outside: Outside = NOTHING_OUTSIDE,
        member: Member | None = None,
    ) -> None:
        """`webhook_way`: the way to the receivers of webhooks, where it is not that of the settings.

        `outside`: the way to a queue that other boxes share. `member`: this box in its fleet; None: it is alone.
        """
        self._outside = outside
        self._settings = settings
        self._store = store
        self._clock = clock
        self._calendar = Calendar(settings.numbers.zone)
        self._numbering = Numbering(settings.numbers)
        self.port_registry = PortRegistry()
        self._waiters = ResultWaiters()
        self._timers = Timers(clock)
        self._authenticator = Authenticator(store, clock)
        way = webhook_way or Way(Judge(settings.webhooks.allowed_networks), ca_file=settings.webhooks.ca_file)
        self._sharing = None if member is None else self._make_sharing(member, way)
        # Data that companies, keys and operators see and change is shared; that of ports, persons and this box is not.
        self.shared: AnyStore = store if self._sharing is None else self._sharing.store
        only_shared: AnyStore = store if self._sharing is None else self._sharing.only_shared
        self._metrics = MetricsCollector(store, clock, self.port_registry, self._calendar, self._sharing)
        self._commit_probe = CommitProbe(store)
        self._health = Health(
            store,
            clock,
            self.port_registry,
            self._metrics,
            self._commit_probe,
            None if member is None else member.trouble,
        )
        self._intake = Intake(
            settings.dispatch,
            clock,
            self._calendar,
            OwnAcceptance(self.port_registry, beside_shared=member is not None),
            self._numbering.operator,
            portable=self._numbering.portable,
        )
        self._shared_intake = self._make_shared_intake()
        self._opt_out_replies = OptOutReplies(settings.inbox, self._numbering, self._intake)
        self.dispatcher = self._make_dispatcher()
        self.opt_outs = OptOutList(self.shared, clock.now)
        self._housekeeping = Housekeeping(settings.inbox, store, clock, self._calendar, self._timers)
        self._counting = Counting(store, self.dispatcher.moment, self._calendar, self._timers)
        self._retention = Retention(
            settings.store.retention_days,
            store,
            self.dispatcher.moment,
            self._timers,
            store.cut_log,
        )
        self.backups = Backups(settings.store, store, clock)
        self._expiry = Expiry(
            store, clock, self._timers, self.dispatcher.moment, self.dispatcher.write_with_effects
        )
        self._cancels_all = cancellation.cancel_all if self._sharing is None else shared_cancels.cancel_all
        own = None if self._sharing is None else store
        self._messages = MessageQueries(self.shared, self.dispatcher.moment, self._calendar, own)
        self.campaigns = Campaigns(
            self.shared, clock, self.dispatcher.moment, self._waiters.notify, self._cancels_all
        )
        self._scheduled = self._make_scheduled_release()
        self._window_openings = WindowOpenings(
            store,
            clock,
            self._calendar,
            self._timers,
            self.dispatcher.moment,
            self.dispatcher.wake_idle,
        )
        self._sandbox = SandboxPlayer(
            store, clock, self._timers, OptOutWords(settings.inbox), self.dispatcher.write_with_effects
        )
        self._requests = self._make_requests()
        self._readiness = Readiness(
            store,
            only_shared,
            clock,
            self.dispatcher.moment,
            self.port_registry.sims if self._sharing is None else self._sharing.presence.presence,
            self._commit_probe,
            settings.dispatch.grace_s,
        )
        self.balances = Balances(
            settings.balance, store, clock, self.port_registry, self._timers, self._calendar
        )
        self.balance_learning = BalanceLearning(settings.balance, store, clock, self._calendar, self.balances)
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
        self._event_signal = EventSignal()
        self.events = EventReader(only_shared, self._event_signal)
        self._event_retention = EventRetention(
            settings.events.retention_days, store, self.dispatcher.moment, self._timers, self._counting.add
        )
        self._box_watch = BoxWatch(
            store,
            clock,
            self.dispatcher.moment,
            self.port_registry,
            self._timers,
            settings.dispatch.grace_s,
        )
        self._webhook_sender = Sender(
            Tools(
                store,
                self.dispatcher.moment,
                way,
                settings.webhooks.retry_s,
                threading.Event(),
            )
        )
        self.webhooks = Webhooks(
            self.shared,
            self.dispatcher.moment,
            way,
            self._webhook_sender.changed if self._sharing is None else self._sharing.webhook_changed,
        )
        self._delivery_retention = DeliveryRetention(store, self._timers)
        self._ports: Mapping[int, PortControl] = {}
        self._began = clock.monotonic()

    @property
    def up_s(self) -> float:
        """Seconds since the start."""
        return self._clock.monotonic() - self._began

    def start(self, ports: Mapping[int, PortControl]) -> None:
        """Recover what the last process left. The ports are started after this."""
        self._ports = ports
        self._began = self._clock.monotonic()
        self.shared.follow_events(self._event_signal.notify)
        self.dispatcher.attach(ports)
        self.dispatcher.resume()
        self._timers.start()
        self.balances.start(ports)
        self.loop_tests.start(ports)
        self._housekeeping.start(self._delete_old)
        self._box_watch.start()
        self._expiry.look()
        self._window_openings.look()
        self.backups.start()
        if self._sharing is not None:  # what one box does for all comes with the duty
            self._sharing.start(self._copies_changed, self._opt_out_replies, self._confirm)
            return
        self._counting.start()
        self._scheduled.look()
        self._sandbox.look()
        self._webhook_sender.start()

    @property
    def timers(self) -> Timers:
        """The timers of the gateway."""
        return self._timers

    def text_taken(self, db: Transaction, inbox_id: int, now: int) -> None:
        """In a fleet: a text that came in is kept for all now. Runs within that transaction."""
        if self._sharing is not None:
            self._sharing.text_taken(db, inbox_id, now)

    def restamp(self, db: Transaction, since: int, jump: int) -> None:
        """Correct time stamps when the time becomes trusted: add `jump` microseconds, which may be negative.

        Stamps of `since` and later were made while the time was not trusted. Runs within the transaction that makes the
        time trusted, so that no other transaction sees the new time with the old stamps.
        """
        self._counting.restamp(db, since, jump)  # before messages: it shifts their times itself
        parts.restamp(db, since, jump)  # the time of a report must fit the time of its submission
        messages.restamp(db, since, jump)  # a message lives as long as its client asked for
        sandbox.restamp(db, since, jump)

    def clock_trusted(self) -> None:
        """The time is trusted from now on, and the earlier stamps are corrected durably."""
        self._expiry.look()
        self._timers.after(0.0, self.dispatcher.clock_trusted)
        if self._sharing is None:
            self._scheduled.look()
        self._window_openings.look()

    def stop(self, timeout_s: float) -> None:
        """Stop the threads of the gateway and release waiting requests. The caller closes the store."""
        self._waiters.close()
        self._requests.stop()
        self._event_signal.close()
        if self._sharing is not None:
            self._sharing.stop(timeout_s)
        self._webhook_sender.stop(timeout_s)
        self.loop_tests.stop()
        self._timers.stop(timeout_s)
        self.backups.stop(timeout_s)

    def probe(self, answered: Callable[[], None]) -> None:
        """Have the timers' thread call `answered`, to check that it runs."""
        self._timers.after(0.0, answered)

    def probe_webhooks(self, answered: Callable[[], None]) -> None:
        """Have the thread of the webhooks call `answered`, to check that it runs; in a fleet, that which follows the others."""
        if self._sharing is None:
            self._webhook_sender.probe(answered)
        else:
            self._sharing.probe(answered)

    def ready(self) -> bool:
        """Whether a message would be accepted now (see `Readiness.ready`)."""
        return self._readiness.ready()

    def checks(self) -> list[Check]:
        """The health checks, in a fixed order."""
        return self._health.checks()

    def measure(self) -> MetricsSnapshot:
        """The metrics of this moment."""
        return self._metrics.measure()

    def submission_s(self) -> dict[int, float]:
        """See `MetricsCollector.submission_s`."""
        return self._metrics.submission_s()

    def authenticate(self, key: str, service: str = "sms") -> Caller:
        """The caller with this key (see `Authenticator.authenticate`). Raises StorageUnavailableError too."""
        with storage_errors():
            return self._authenticator.authenticate(key, service)

    def accounts_changed(self) -> None:
        """Keys or companies were changed durably (see `Authenticator.forget`)."""
        if self._sharing is not None:
            self._sharing.copied_now()
        self._copies_changed()

    def sims_changed(self) -> None:
        """Settings of SIMs were changed durably: the ports use them from now on."""
        if self._sharing is not None:
            self._sharing.copied_now()
        self.dispatcher.wake_idle()

    def _copies_changed(self) -> None:
        self._authenticator.forget()
        self._window_openings.look()

    def e164(self, recipient: str) -> str:
        """A recipient as it is kept, shown and dialled (see `Numbering.e164`)."""
        return self._numbering.e164(recipient)

    def latest_send_at(self) -> int:
        """The latest `send_at` that is accepted, in microseconds since the epoch: in a year.

        While the clock is not trusted it may be far behind: then every time is accepted.
        """
        at = self.dispatcher.moment()
        return at.now + LONGEST_AHEAD if at.trusted else _LATEST

    def submit(
        self, caller: Caller, draft: Draft, options: Options, key: Idempotency | None, wait_s: float
    ) -> tuple[MessageRecord | Replay, bool]:
        """Keep a message, then wait for its result (see `SendRequests.submit`)."""
        return self._requests.submit(caller, draft, self._resolved(caller, options), key, wait_s)

    def submit_bulk(
        self, caller: Caller, drafts: list[Draft], options: Options, key: Idempotency | None
    ) -> tuple[list[Accepted | GatewayError] | Replay, bool]:
        """Keep many messages in one transaction (see `SendRequests.submit_bulk`)."""
        return self._requests.submit_bulk(caller, drafts, self._resolved(caller, options), key)

    def preview(self, caller: Caller, draft: Draft, options: Options) -> Preview:
        """The result that a send would have now (see `sending.preview`). A recipient of "" is an unknown one."""
        options = self._resolved(caller, options)
        return preview(self.shared, self._shared_intake, caller, draft, options)

    def send_plan(self, caller: Caller, drafts: Sequence[Draft], sim_id: int | None) -> SendPlan:
        """The SIMs and the cost of many messages at this moment (see `sending.send_plan`)."""
        return send_plan(self.shared, self._shared_intake, caller, drafts, sim_id)

    def answered(self, caller: Caller, key: Idempotency, http_status: int, body: str) -> None:
        """Keep the answer to a request with an idempotency key (see `SendRequests.answered`)."""
        self._requests.answered(caller, key, http_status, body)

    def abandoned(self, caller: Caller, key: Idempotency) -> None:
        """A request with an idempotency key ended without an answer (see `SendRequests.abandoned`)."""
        self._requests.abandoned(caller, key)

    def status(self, caller: Caller, sms_id: str) -> MessageRecord:
        """One message of the caller's company. Raises NotFoundError, StorageUnavailableError."""
        return self._messages.one(caller, sms_id)

    def history(self, caller: Caller, sms_id: str) -> tuple[MessageRecord, list[AttemptRecord]]:
        """One message of the caller's company, and its attempts. Raises as `status`."""
        return self._messages.history(caller, sms_id)

    def messages(self, caller: Caller, wanted: MessageFilter) -> tuple[list[MessageRecord], int | None]:
        """A page of the company's messages, newest first, and the cursor of the next page."""
        return self._messages.page(caller, wanted)

    def cancel(self, caller: Caller, sms_id: str) -> MessageRecord:
        """Cancel a message of which no part was claimed. Raises NotFoundError, ConflictError, StorageUnavailableError."""
        with storage_errors():
            self.shared.write(
                lambda db: cancellation.cancel(
                    db, caller, sms_id, self.dispatcher.moment(), self._cancels_all
                )
            )
        self._waiters.notify([sms_id.lower()])
        return self.status(caller, sms_id)

    def inbox(self, caller: Caller, wanted: InboxFilter) -> tuple[list[InboxRecord], int | None]:
        """A page of the texts that the company received (see `inbox_page`)."""
        return inbox_page(self.shared, caller, wanted)

    def mark_read(self, caller: Caller, text_id: int, *, read: bool) -> InboxRecord:
        """Mark a received text as read, or as unread. Raises NotFoundError, StorageUnavailableError."""
        return mark_read(self.shared, caller, text_id, read=read)

    def quota(self, caller: Caller) -> QuotaRecord:
        """The company's quota and its use in this month. Raises StorageUnavailableError."""
        at = self.dispatcher.moment()
        with storage_errors(), self.shared.readers.lend() as db:
            return quotas.company_quota(db, caller.company_id, at, self._calendar)

    def sims(self, caller: Caller) -> tuple[SimRecord | None, list[SimRecord]]:
        """The company's default SIM, and all SIMs that it may use (see `company_sims`). Raises StorageUnavailableError."""
        at, now = self.dispatcher.moment(), self._clock.monotonic()
        grace_s = self._settings.dispatch.grace_s
        places = self.port_registry.sims() if self._sharing is None else self._sharing.presence.presence()
        box_of = None if self._sharing is None else self._sharing.presence.box_of
        with storage_errors(), self.shared.readers.lend() as db:
            return company_sims(db, places, caller, at=at, now=now, grace_s=grace_s, box_of=box_of)

    def queue_state(self, timeout_s: float = COMMIT_TIMEOUT_S) -> QueueState:
        """The queue at this moment; in a fleet that of all boxes. Raises StoreUnavailableError."""
        at = self.dispatcher.moment()
        if self._sharing is None:
            return queue_state.of_store(self._store, at, self._calendar, timeout_s)
        return self._sharing.queue_state(at)

    def settle(self, work: Callable[[Transaction, Moment, Effects, SettlesByHand], T]) -> T:
        """Run a transaction that settles messages in doubt by the last argument. Raises StoreUnavailableError."""
        if self._sharing is None:
            return self.dispatcher.write_with_effects(
                lambda db, at, effects: work(db, at, effects, settle_by_hand)
            )
        settles = partial(shared_doubts.settle_by_hand, calendar=self._calendar)
        return self._sharing.writes.write(lambda db, at, effects: work(db, at, effects, settles))

    def test_connection(self, timeout_s: float = 5.0) -> list[Answer]:
        """Ask every modem for `OK` at the same time; the answers within `timeout_s`."""
        return ask_modems(self._ports, timeout_s)

    @property
    def ports(self) -> Mapping[int, PortControl]:
        """The ports, by their numbers."""
        return self._ports

    def ussd(self, port: int, code: str, replies: Sequence[str] = (), slot: int | None = None) -> UssdAnswer:
        """Ask the network through a port, and wait for the answer (see `ussd.ask`)."""
        return ussd.ask(self._ports, self.port_registry.ports(), port, code, replies, slot)

    def _delete_old(self) -> None:
        self._retention.begin()
        self._event_retention.begin()
        self._delivery_retention.begin()

    def _make_dispatcher(self) -> Dispatcher:
        settings = self._settings
        return Dispatcher(
            settings.dispatch,
            self._store,
            self._clock,
            self._calendar,
            self.port_registry,
            self._waiters,
            self._timers,
            self._numbering,
            {port.port: Via(port.submit_via) for port in settings.ports if port.submit_via is not None},
            self._metrics,
            take_text,
            # In a fleet the wishes of texts are noted where the texts are kept for all.
            self._opt_out_replies if self._sharing is None else None,
            self._outside,
        )

    def _make_requests(self) -> SendRequests:
        sharing = self._sharing
        if sharing is not None:
            return SendRequests(
                sharing.only_shared,
                self._shared_intake,
                self._messages,
                self._waiters,
                self._timers,
                lambda accepted, _: sharing.offered(accepted),
                self._settings.api.send_wait_s,
                sharing.unknown,
            )
        return SendRequests(
            self._store,
            self._intake,
            self._messages,
            self._waiters,
            self._timers,
            self._offered,
            self._settings.api.send_wait_s,
        )

    def _offered(self, accepted: AcceptedRequest, shared: bool) -> None:
        """Messages were kept: wake those who do something with them. `shared`: other SIMs may send them too."""
        if accepted.sandbox:
            self._sandbox.look()
        if accepted.expires_in_s is not None:
            self._expiry.expect(accepted.expires_in_s)
        if accepted.due_in_s is not None:
            self._scheduled.expect(accepted.due_in_s)
        self.dispatcher.offer(accepted.by_sim, shared=shared)

    def _resolved(self, caller: Caller, options: Options) -> Options:
        return options if self._sharing is None else self._sharing.resolved(caller, options)

    def _confirm(self, confirmation: Confirmation) -> None:
        """Queue the confirmation of an opt-out, from a SIM of this box."""
        self.dispatcher.write_with_effects(
            lambda db, at, effects: self._opt_out_replies.queue(db, confirmation, at, effects)
        )

    def _make_sharing(self, member: Member, way: Way) -> Sharing:
        return Sharing(
            member,
            self._settings,
            self._store,
            self._clock,
            self._calendar,
            self._numbering,
            self.port_registry,
            self._waiters,
            way,
        )

    def _make_shared_intake(self) -> Intake:
        """The acceptance of messages of clients: in a fleet, into its queue."""
        if self._sharing is None:
            return self._intake
        return Intake(
            self._settings.dispatch,
            self._clock,
            self._calendar,
            self._sharing.acceptance,
            self._numbering.operator,
            portable=self._numbering.portable,
        )

    def _make_scheduled_release(self) -> ScheduledRelease:
        return ScheduledRelease(
            self._settings.dispatch,
            self._store,
            self._clock,
            self._timers,
            OwnAcceptance(self.port_registry),
            self.dispatcher.outage_backlog,
            self._numbering.operator,
            self._numbering.portable,
            self.dispatcher.moment,
            self.dispatcher.write_with_effects,
        )
