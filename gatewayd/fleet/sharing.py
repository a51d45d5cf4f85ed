"""The box's part in its fleet beside sending: it accepts into the shared queue, follows it, copies small tables, and does duties."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from time import monotonic
from typing import Final

from config.settings import Settings
from gatewayd.accounts import sending_windows
from gatewayd.fleet import shared_work, tables
from gatewayd.fleet.acceptance import FleetAcceptance
from gatewayd.fleet.box_events import BoxEvents
from gatewayd.fleet.copies import Copies
from gatewayd.fleet.counts import QueueCounts
from gatewayd.fleet.duties import Duties
from gatewayd.fleet.follower import Follower, News
from gatewayd.fleet.listener import EVENTS, Listener
from gatewayd.fleet.member import Member, OnlyShared
from gatewayd.fleet.opt_outs import TextJudge
from gatewayd.fleet.presence import FleetPresence, FreeSims
from gatewayd.fleet.shared_work import Surroundings, WebhookWork
from gatewayd.records import Caller, Options, Priority
from gatewayd.sending.intake import AcceptedRequest
from gatewayd.sending.opt_out_replies import Confirmation, OptOutReplies
from gatewayd.sending.queue_age import QueueAge
from gatewayd.sending.queue_state import QueueState
from gatewayd.sending.result_waiters import ResultWaiters
from gatewayd.sims.numbering import Numbering
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore, Lender
from gatewayd.store.tables import scheduled, webhooks
from gatewayd.timekeeping.clock import SECOND, Calendar, Clock, Moment
from gatewayd.webhooks.poster import Way

log = logging.getLogger(__name__)

_ACCOUNTS: Final = {"companies", "api_keys"}


class Sharing:
    """One object for each gateway of a fleet. Any thread may call any method."""

    def __init__(
        self,
        member: Member,
        settings: Settings,
        local: AnyStore,
        clock: Clock,
        calendar: Calendar,
        numbering: Numbering,
        port_registry: PortRegistry,
        waiters: ResultWaiters,
        way: Way,
    ) -> None:
        self._member = member
        self._waiters = waiters
        self._numbering = numbering
        self._settings = settings
        self._calendar = calendar
        self._port_registry = port_registry
        self.store = member.store
        self.only_shared = OnlyShared(member.store)
        self.counts = QueueCounts()
        self.presence = FleetPresence(member.name, port_registry)
        self.acceptance = FleetAcceptance(member, self.presence, self.counts, FreeSims(port_registry))
        self._copies = Copies(
            self.only_shared,
            local,
            member,
            port_registry,
            lambda: clock.moment(calendar),
            self._copied,
        )
        self._box_events = BoxEvents(self.only_shared, local, member)
        self._accounts_changed: Callable[[], None] = lambda: None
        around = Surroundings(settings, clock, calendar, numbering, self.acceptance, waiters, way)
        self.writes = shared_work.SharedWrites(self.only_shared, around.moment, waiters)
        self._duties = Duties(self.only_shared, member, shared_work.makers(around))
        self._follower = Follower(self.only_shared, waiters.awaited, self._told, self._afterwards)
        self._newest_event = -1
        self._places: object = None
        self._events = Listener(member.connect, EVENTS, self._follower.notice)
        self._judge: TextJudge | None = None
        member.store.follow_events(self._duties.tell_of_events)

    def start(
        self,
        accounts_changed: Callable[[], None],
        replies: OptOutReplies,
        confirm: Callable[[Confirmation], None],
    ) -> None:
        """Begin, before the agent does. `accounts_changed`: companies or keys were copied. `confirm`: queues a confirmation here."""
        self._accounts_changed = accounts_changed
        self._judge = TextJudge(self._settings.inbox, self._numbering, replies, confirm)
        try:
            self._copies.begin()
        except StoreUnavailableError as error:
            log.warning("the fleet cannot be copied at the start: %s", error)
        self._member.follow_notices(self._follower.notice)
        self._port_registry.follow(self._follower.changed)
        self._member.follow_claimed(self.counts.claimed)
        self._member.follow_settled(self._waiters.notify)
        self._events.start()
        self._follower.start()

    def text_taken(self, db: Transaction, inbox_id: int, now: int) -> None:
        """A text came in, and is in the shared inbox now: see `TextJudge.text_taken`."""
        if self._judge is not None:
            self._judge.text_taken(db, inbox_id, now)

    def stop(self, timeout_s: float) -> None:
        """Stop within about `timeout_s`."""
        self._events.stop(timeout_s)
        self._follower.stop(timeout_s)
        self._duties.stop()

    @property
    def readers(self) -> Lender:
        """For short reads of the fleet's data."""
        return self.only_shared.readers

    def queue_state(self, at: Moment) -> QueueState:
        """The queue of the fleet, as the last look counted it. Raises StoreUnavailableError."""
        shares = self.counts.shares()
        with self.only_shared.lists.lend() as db:
            since = tables.since(db, [share.first_id for share in shares])
            held = sending_windows.closed(db, at, self._calendar)
            due = scheduled.first_due(db, at.now) if at.trusted else None
        by_company: Counter[tuple[int, int]] = Counter()
        oldest: dict[tuple[int, int], int] = {}
        ages = [] if due is None else [due]
        for share in shares:
            key = (share.company_id, share.priority)
            by_company[key] += share.parts
            began = since.get(share.first_id)
            if began is None:
                continue  # it has ended since
            oldest[key] = min(began, oldest.get(key, began))
            if share.priority != Priority.BULK or share.transactional or share.company_id not in held:
                ages.append(began)
        first = min(ages, default=None)
        age_s = None if first is None else max(0.0, (at.now - first) / SECOND)
        return QueueState(
            QueueAge(self.counts.pending(), first, age_s), by_company, oldest, self.counts.waiting()
        )

    def waiting(self) -> dict[int, int]:
        """See `QueueCounts.waiting`."""
        return self.counts.waiting()

    def take_accepted(self) -> list[int]:
        """See `QueueCounts.take_accepted`."""
        return self.counts.take_accepted()

    def probe(self, answered: Callable[[], None]) -> None:
        """Have its thread call `answered`, to check that it runs."""
        self._follower.probe(answered)

    @property
    def running(self) -> bool:
        """Whether its thread runs."""
        return self._follower.alive

    def offered(self, accepted: AcceptedRequest) -> None:
        """Messages were kept, and their transaction is durable."""
        if accepted.sandbox:
            self._duties.look(shared_work.SANDBOX)
            return
        started = accepted.started
        if started:
            self._member.adopt(started)
        self.counts.accepted(accepted.by_sim, accepted.count, [one.sim_id for one in started])
        if accepted.due_in_s is not None:
            self._duties.look(shared_work.SCHEDULED)
        if accepted.by_sim and not started:
            self._member.wake()

    def unknown(self) -> None:
        """It is not known whether messages were kept."""
        self._member.lost_answer()

    def resolved(self, caller: Caller, options: Options) -> Options:
        """The options as the fleet understands them: an old key names SIMs by the ids of the box that made it."""
        if options.sim_id is None:
            return options
        return replace(options, sim_id=self._copies.own_sim(caller.key_id, options.sim_id))

    def copied_now(self) -> None:
        """A change was made at this box: it takes effect here at once. Where it cannot be copied now, it is soon."""
        try:
            self._copies.refresh()
        except StoreUnavailableError as error:
            log.debug("a change is copied later: %s", error)

    def webhook_changed(self, webhook_id: int) -> None:
        """A webhook was made, changed or deleted durably, or deliveries of it were queued."""
        work = self._duties.work_of(shared_work.WEBHOOKS)
        if isinstance(work, WebhookWork):
            work.sender.changed(webhook_id)
            return
        try:  # the box that sends sees the change of the version
            self.store.write(lambda db: webhooks.touch(db, webhook_id))
        except StoreUnavailableError as error:
            log.debug("the change of a webhook is seen later: %s", error)

    def _copied(self, names: Iterable[str]) -> None:
        if _ACCOUNTS.intersection(names):
            self._accounts_changed()
        work = self._duties.work_of(shared_work.WEBHOOKS)
        if "webhooks" in names and isinstance(work, WebhookWork):
            work.sender.reload()

    def _told(self, news: News) -> None:
        self._waiters.notify(news.ended)
        if news.newest_event != self._newest_event:
            self._newest_event = news.newest_event
            self.store.tell_of_events()
        seen = news.overview
        if seen is not None:
            self.presence.noted(seen.boxes, seen.places, seen.fleet.dead_after_s, monotonic())
            if seen.shares is not None:
                self.counts.noted(seen.shares, seen.scheduled, seen.fleet.max_pending)
        self._copies.refresh(news.copies)

    def _afterwards(self, found: bool) -> None:
        if not found:
            self._duties.away()
            return
        self._copies.tell()
        self._box_events.tell()
        self._tell_places()
        if self._judge is not None:
            self._judge.confirm(self.only_shared)
        self._duties.check()
        self._duties.look()

    def _tell_places(self) -> None:
        """Tell the other boxes of the SIMs of this one, where something changed."""
        box = self._member.box()
        places = self.presence.own_places(monotonic())
        told = (box, places)
        if box is None or told == self._places:
            return
        self.only_shared.write(lambda db: tables.tell_places(db, box, places))
        self._places = told
