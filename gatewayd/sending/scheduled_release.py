"""Gives each scheduled message its SIM and its parts when it is due, without the help of a port."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from config.settings import DispatchSettings
from gatewayd.accounts import quotas
from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects
from gatewayd.sending.acceptance import Acceptance, Asker, ToQueue
from gatewayd.sending.outage_backlog import OutageBacklog
from gatewayd.sending.routing import Candidate, Router, usable
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import messages, scheduled
from gatewayd.store.tables.messages import Message
from gatewayd.store.tables.scheduled import Due
from gatewayd.timekeeping.clock import FOREVER, SECOND, Clock, Moment
from gatewayd.timekeeping.next_look import NextLook
from gatewayd.timekeeping.timers import Timers

log = logging.getLogger(__name__)

# At most this many messages are released in one transaction: other writers must not wait long.
_AT_ONCE = 100

_FROM_THE_FIRST = (-FOREVER, 0)

# The longest time between two looks: the wall clock may be set.
_LOOK_S = 60.0

# Messages that are due while no SIM may take them are tried again after this time, or after this many times the time that a
# run over all of them took: a million of them must not keep the box busy.
_AGAIN_S = 5.0
_RUNS_APART = 20


class ScheduledRelease:
    """Releases scheduled messages. A timer waits for the one that is due next; an index finds it.

    While no SIM may take a message it stays scheduled, and it is tried again. Nothing is released while the clock is not
    trusted.
    """

    def __init__(
        self,
        settings: DispatchSettings,
        store: AnyStore,
        clock: Clock,
        timers: Timers,
        acceptance: Acceptance,
        outage_backlog: OutageBacklog,
        operator: Callable[[str], str],
        portable: bool,
        moment: Callable[[], Moment],
        write_with_effects: Callable[[Callable[[Transaction, Moment, Effects], int]], int],
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._acceptance = acceptance
        self._outage_backlog = outage_backlog
        self._operator = operator
        self._portable = portable
        self._moment = moment
        self._write_with_effects = write_with_effects
        self._next = NextLook(clock, timers, self._look)
        # The present run over the messages that are due; only the timers' thread uses it.
        self._after = _FROM_THE_FIRST  # the last message that was looked at: send_at, id
        self._began = 0.0  # monotonic seconds
        self._left = False  # a message found no SIM

    def look(self) -> None:
        """Look now: at the start, and after the clock was set. Any thread may call it."""
        self._next.within(0.0)

    def expect(self, due_in_s: float) -> None:
        """A message was kept that is due in this many seconds."""
        self._next.within(_bounded(due_in_s))

    def _look(self) -> float:
        try:
            return _bounded(self._release())
        except StoreUnavailableError as error:
            log.warning("scheduled messages could not be released (%s); tried again in %g s", error, _LOOK_S)
            return _LOOK_S

    def _release(self) -> float:
        """Release some of the messages that are due; the seconds until the next look."""
        at = self._moment()
        if not at.trusted:
            return _LOOK_S
        if self._after == _FROM_THE_FIRST:
            self._began, self._left = self._clock.monotonic(), False
        with self._store.readers.lend() as db:
            due = scheduled.due(db, at.now, self._after, _AT_ONCE)
            candidates = self._candidates(db, at, {}) if due else []
        if due and candidates:
            released = self._write_with_effects(partial(self._give_sims, due))
            self._left = self._left or released < len(due)
            if len(due) == _AT_ONCE:
                self._after = (due[-1].send_at, due[-1].id)
                return 0.0
        self._after = _FROM_THE_FIRST
        if due and (self._left or not candidates):
            return max(_AGAIN_S, _RUNS_APART * (self._clock.monotonic() - self._began))
        with self._store.readers.lend() as db:
            following = scheduled.next_after(db, at.now)
        return _LOOK_S if following is None else (following - at.now) / SECOND

    def _candidates(self, db: Transaction, at: Moment, waiting: dict[int, int]) -> list[Candidate]:
        now = self._clock.monotonic()
        return usable(
            db,
            self._acceptance.presence(),
            waiting,
            at=at,
            now=now,
            grace_s=self._settings.grace_s,
            rests=self._acceptance.rests(now),
        )

    def _give_sims(self, due: list[Due], db: Transaction, at: Moment, effects: Effects) -> int:
        """Choose a SIM for each of these messages that has room for it, and queue its parts there; how many need no SIM now."""
        companies = sorted({one.company_id for one in due})
        self._acceptance.begin(db, [Asker(company_id) for company_id in companies], 0)
        candidates = self._candidates(db, at, self._acceptance.waiting(db))
        routers: dict[int, Router] = {}
        next_place, _ = messages.next_ids(db)
        count, to_queue = 0, list[ToQueue]()
        for one in due:
            message = messages.find(db, one.id)
            if message is None or message.status != "pending" or message.day:
                count += 1  # it ended meanwhile
                continue
            if lifecycle.has_expired(message, at):
                continue  # `Expiry` ends it
            router = routers.setdefault(
                one.company_id, Router(candidates, one.company_id, portable=self._portable)
            )
            sim = router.choose(
                one.sim_id, self._operator(message.recipient), message.recipient, message.parts
            )
            if sim is None:
                continue
            sim.take(message.recipient, message.parts)
            late = self._is_late(one, at)
            _queue(db, message, sim, message.id if late else next_place)
            to_queue.append(ToQueue(message.id, sim.id, may_wait=True))
            effects.queued[sim.id] = effects.queued.get(sim.id, 0) + 1
            effects.shared = effects.shared or one.sim_id is None
            if late:
                set_apart = partial(self._outage_backlog.set_apart_up_to, sim.id, message.id)
                effects.after_commit.append(set_apart)
            count += 1
        self._acceptance.queue(db, to_queue)
        return count

    def _is_late(self, due: Due, at: Moment) -> bool:
        """Whether a message waited through an outage: it is sent slowly then (see `OutageBacklog`)."""
        guard_s = self._settings.backlog_guard_s
        return bool(guard_s) and at.now - due.send_at > guard_s * SECOND


def _bounded(delay_s: float) -> float:
    return max(0.0, min(delay_s, _LOOK_S))


def _queue(db: Transaction, message: Message, sim: Candidate, place: int) -> None:
    """Give a scheduled message to a SIM, and queue its parts at this place."""
    recipients = {message.recipient: 1} if sim.room.counts_recipients else {}
    quotas.reserve_sim(db, sim.id, sim.room.day, 1, message.parts, recipients)
    messages.rebind(db, message.id, sim.id, sim.room.day, sim.cost * message.parts)
    rows = [
        (message.id, seq, sim.id, message.pinned, message.priority) for seq in range(1, message.parts + 1)
    ]
    messages.insert_parts(db, rows, place)
