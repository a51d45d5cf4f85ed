"""Chooses the next step of a port: a part to claim, a slot to switch to, or a rest. Runs within a transaction."""

from __future__ import annotations

import logging
from functools import partial

from config.settings import DispatchSettings
from gatewayd.accounts import quotas, sending_windows
from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects
from gatewayd.messages.reasons import OPTED_OUT
from gatewayd.records import Priority
from gatewayd.sending.company_turns import CompanyTurns, SendClass, Turns
from gatewayd.sending.interfaces import SubmissionPermit
from gatewayd.sending.modem_memory import ModemMemory, modem_of
from gatewayd.sending.outage_backlog import OutageBacklog
from gatewayd.sending.part_choice import Choice, Source, choose
from gatewayd.sending.part_content import content_of
from gatewayd.sending.port_history import Turn
from gatewayd.sending.slot_switching import SlotSwitching, at_most, busiest_other_slot
from gatewayd.sims.limits import Room, room
from gatewayd.sims.port_registry import PortRegistry, Presence
from gatewayd.store import Transaction
from gatewayd.store.tables import (
    messages,
    modem_memory,
    opt_outs,
    parts,
    queue_counts,
    shared_messages,
    sims,
)
from gatewayd.store.tables.messages import Message
from gatewayd.store.tables.queue_counts import Lane
from gatewayd.store.tables.send_queue import QueuedPart
from gatewayd.store.tables.sims import SimAtWork
from gatewayd.timekeeping.clock import SECOND, Calendar, Clock, Moment
from modem.parts import Submission, Via
from modem.port.interface import Rest, Switch

log = logging.getLogger(__name__)

# Other SIMs may send the messages of a SIM that is down for longer than this: most modems recover sooner.
HAND_ON_AFTER_S = 10.0

# A message of which a part was sent waits this long for its SIM. A telephone joins parts of the same sender only, so the
# rest from another number stays separate: waiting gives a better text while the SIM may return. Where the SIM will not
# return (disabled, locked, removed, refused by its network), or not within half an hour, another SIM takes over: accepted
# parts are not repeated, and each remaining part is sent without a concatenation header, so that a telephone shows it at
# once. `gatewayd.sending.part_content` marks such a part.
BEGUN_WAITS_S = 1800.0

# The number of other queues that an idle SIM examines, the longest first.
_QUEUES_LOOKED_INTO = 8


# One claim ends at most this many expired messages: each costs a few statements, and other transactions wait meanwhile.
_LOOKED_AT_ONCE = 20


# A port is woken once parts may be claimed again; it asks again after this time all the same.
_CLOSED_S = 2.0


class QueueDamagedError(Exception):
    """The index of the queue has a part that does not wait: `parts.rebuild_queue` repairs it."""


class Scheduler:
    """Chooses the next step of a port. Its methods run within a transaction."""

    def __init__(
        self,
        settings: DispatchSettings,
        clock: Clock,
        port_registry: PortRegistry,
        backlog: OutageBacklog,
        memory: ModemMemory,
        company_turns: CompanyTurns,
        calendar: Calendar,
        permit: SubmissionPermit,
    ) -> None:
        self._permit = permit
        self._company_turns = company_turns
        self._calendar = calendar
        self._modem_memory = memory
        self._switching = SlotSwitching(settings, clock, port_registry)
        self._clock = clock
        self._port_registry = port_registry
        self._outage_backlog = backlog

    def next(self, db: Transaction, turn: Turn, at: Moment, effects: Effects) -> Submission | Switch | Rest:
        """Claim the next part for the active SIM of the port, or switch to another slot with work."""
        return self._next(db, turn, at, effects) if self._permit.is_open() else Rest(_CLOSED_S)

    def _next(self, db: Transaction, turn: Turn, at: Moment, effects: Effects) -> Submission | Switch | Rest:
        closed = sending_windows.closed(db, at, self._calendar)
        waiting = sending_windows.without_held(db, closed)
        wanted = busiest_other_slot(turn, waiting)
        left_s = self._switching.stay_s(turn)
        if wanted is not None and left_s <= 0:
            return Switch(wanted)
        pause = self._switching.when_blocked(turn, waiting, wanted, left_s)
        if pause is not None:
            return pause
        submission = self._claim_next(db, turn, waiting, closed, at, effects, spare=wanted is None)
        if submission is not None:
            return submission
        old_s = self._old_s(turn, waiting)
        if wanted is None:
            return at_most(self._switching.visit(db, turn, at), old_s)
        if old_s is not None and waiting.get(turn.sim_id):
            return Rest(
                min(old_s, left_s)
            )  # to turn for each part of an old backlog would cost half a minute every time
        reports_s = self._switching.reports_s(db, turn, at)
        return Rest(reports_s) if reports_s > 0 else Switch(wanted)

    def _old_s(self, turn: Turn, waiting: dict[int, int]) -> float | None:
        """Seconds until this SIM may send an old message; None: there is none, or it may send it now."""
        queues = [queue for queue in self._outage_backlog.queues() if waiting.get(queue)]
        return (self._outage_backlog.wait_s(turn.sim_id) or None) if queues else None

    def _claim_next(
        self,
        db: Transaction,
        turn: Turn,
        waiting: dict[int, int],
        closed: frozenset[int],
        at: Moment,
        effects: Effects,
        *,
        spare: bool,
    ) -> Submission | Rest | None:
        """Claim the first part of the queue; with `spare` time, also a part of another SIM that is up.

        `closed`: the companies whose bulk messages wait for their sending window. A rest of 0 s: only expired messages were
        found so far; the next transaction continues.
        """
        sim = sims.at_work(db, turn.sim_id)
        if sim is None or not sim.enabled:
            return None
        turns = self._company_turns.of(sim.id)
        for _ in range(_LOOKED_AT_ONCE):
            found = self._due(db, sim, turns, waiting, closed, at, effects)
            if found is None and spare:
                found = self._spare(db, sim, turns, waiting, closed, at)
            if found is None:
                return None
            submission = self._claim(db, found.part, sim, turn, at, effects)
            if submission is not None:
                message = submission.message_id if submission.total > 1 else None
                after = turns.after(found.send_class, found.company_id, message, found.passed_over)
                effects.after_commit.append(partial(self._company_turns.keep, sim.id, after))
                if found.send_class is SendClass.OLD:
                    effects.sent_old.append(turn.sim_id)
                return submission
        return Rest(0.0)

    def _due(
        self,
        db: Transaction,
        sim: SimAtWork,
        turns: Turns,
        waiting: dict[int, int],
        closed: frozenset[int],
        at: Moment,
        effects: Effects,
    ) -> Choice | None:
        """The next part of the SIM's own queue and of the queues whose SIMs cannot send."""
        sources = self._own_sources(db, sim.id, closed, effects) if waiting.get(sim.id) else []
        others = [sim_id for sim_id, count in waiting.items() if sim_id != sim.id and count]
        if others:
            disabled = sims.disabled(db)
            idle = disabled | self._port_registry.rests(self._clock.monotonic()).keys()
            places = self._port_registry.sims()
            orphans = [sim_id for sim_id in others if sim_id in idle or self._is_lost(places.get(sim_id))]
            left = room(db, sim, at) if orphans else None
            if left is not None and not left.used_up:
                for sim_id in orphans:
                    begun = sim_id in disabled or self._is_lost(places.get(sim_id), BEGUN_WAITS_S)
                    sources += self._sources_of_another(db, sim_id, sim, left, closed, begun=begun)
        return self._choose(db, sim, sources, turns)

    def _spare(
        self,
        db: Transaction,
        sim: SimAtWork,
        turns: Turns,
        waiting: dict[int, int],
        closed: frozenset[int],
        at: Moment,
    ) -> Choice | None:
        """A part of the longest queue that this SIM may help with, if the SIM of that queue does not send it at once."""
        left = room(db, sim, at)
        if left.used_up:
            return None
        places = self._port_registry.sims()
        longest = sorted(waiting, key=lambda sim_id: waiting[sim_id], reverse=True)
        for sim_id in longest[:_QUEUES_LOOKED_INTO]:
            place = places.get(sim_id)
            free = place is not None and place.registered and place.active and not place.busy
            if sim_id == sim.id or waiting[sim_id] < (2 if free else 1):
                continue
            sources = self._sources_of_another(db, sim_id, sim, left, closed)
            found = self._choose(db, sim, sources, turns)
            if found is not None:
                return found
        return None

    def _choose(self, db: Transaction, sim: SimAtWork, sources: list[Source], turns: Turns) -> Choice | None:
        old_due = not self._outage_backlog.wait_s(sim.id)
        return choose(db, sim.id, sources, turns, old_due=old_due)

    def _own_sources(
        self, db: Transaction, sim_id: int, closed: frozenset[int], effects: Effects
    ) -> list[Source]:
        """The lanes of its own queue from which a SIM may send now."""
        lanes, last_old = queue_counts.lanes(db, sim_id), self._outage_backlog.old(sim_id)
        if last_old and not any(Source(lane, last_old, old=True).head(db) for lane in lanes):
            effects.no_longer_old.append((sim_id, last_old))
        old = (False, True) if last_old and not self._outage_backlog.wait_s(sim_id) else (False,)
        return [
            Source(lane, last_old, old=each) for lane in lanes if not _is_held(lane, closed) for each in old
        ]

    def _sources_of_another(
        self,
        db: Transaction,
        sim_id: int,
        sim: SimAtWork,
        left: Room,
        closed: frozenset[int],
        *,
        begun: bool = False,
    ) -> list[Source]:
        """The lanes of another SIM's queue from which this SIM may send now. `left`: what its limits allow."""
        limits = left if sim.limits_more_than_messages else None
        last_old = self._outage_backlog.old(sim_id)
        old = (False, True) if last_old and not self._outage_backlog.wait_s(sim.id) else (False,)
        return [
            Source(lane, last_old, old=each, movable=True, begun=begun, limits=limits)
            for lane in queue_counts.lanes(db, sim_id, pinned=False)
            if sim.company_id in (None, lane.company_id) and not _is_held(lane, closed)
            for each in old
        ]

    def _claim(
        self, db: Transaction, head: QueuedPart, sim: SimAtWork, turn: Turn, at: Moment, effects: Effects
    ) -> Submission | None:
        """Claim a part for this SIM; None where its message has just ended.

        Raises QueueDamagedError.
        """
        message = messages.find(db, head.message_id)
        if message is None or lifecycle.has_expired(message, at):
            if not parts.waits(db, head.message_id, head.seq):
                raise QueueDamagedError
            if message is None:
                log.error("message %d is missing: its parts are cancelled", head.message_id)
                parts.drop_queued(db, head.message_id, "cancelled")
            else:
                lifecycle.expire(db, message, at, effects)
            return None
        if message.stoppable and message.unsent == message.parts and _is_opted_out(db, message):
            lifecycle.fail(db, message.id, OPTED_OUT.text, at, effects)
            return None
        permitted = self._permit.for_message(db, message.id)
        if permitted is None:
            shared_messages.park(db, message.id)
            return None
        claim = parts.claim(db, message.id, head.seq, sim.id, at.now, turn.status.port)
        if claim is None:
            raise QueueDamagedError
        if message.sim_id != sim.id:
            day = at.day_from(sim.reset_hour)
            quotas.move_reservation(db, message, sim.id, day)
            messages.rebind(db, message.id, sim.id, day, quotas.cost_on(message, sim.cost))
        via, marks = self._modem_memory.via(db, turn.status)
        if via is Via.STORAGE:
            key = (message.id, head.seq, claim.token)
            modem_memory.claimed(db, *key, modem_of(turn.status), turn.status.active.iccid)
        piece = content_of(db, message.id, message.text, head.seq, sim.id)
        last = parts.last_attempt(db, message.id, head.seq, claim.token) if claim.attempts > 1 else None
        return Submission(
            message_id=message.id,
            seq=head.seq,
            total=piece.total,
            token=claim.token,
            recipient=message.recipient,
            segment=piece.segment,
            reference=message.id % 256,
            validity_s=_validity(message, at),
            alone=piece.alone,
            message_reference=_message_reference(message.id, head.seq),
            reject_duplicates=last is not None and last.outcome == "in_doubt" and last.sim_id == sim.id,
            via=via,
            marks=marks,
            permitted=permitted,
        )

    def _is_lost(self, place: Presence | None, after_s: float = HAND_ON_AFTER_S) -> bool:
        """Whether a SIM will not return, or has been down for `after_s`. None: it is not in this gateway."""
        if place is None:
            return True
        return not place.up and (place.dead or self._clock.monotonic() - place.last_up >= after_s)


def _is_opted_out(db: Transaction, message: Message) -> bool:
    return opt_outs.is_opted_out(db, message.company_id, message.recipient)


def _is_held(lane: Lane, closed: frozenset[int]) -> bool:
    """Whether the parts of a lane wait for the sending window of their company."""
    return lane.priority == Priority.BULK and not lane.transactional and lane.company_id in closed


def _validity(message: Message, at: Moment) -> int | None:
    """The remaining life of a message in seconds; its whole life where the clock is not trusted."""
    if message.expires_at is None:
        return None
    life = message.expires_at - message.begins_at
    left = message.expires_at - at.now if at.trusted else life
    return max(1, min(left, life) // SECOND)


def _message_reference(message_id: int, seq: int) -> int:
    """The TP-MR to request: the same in each try of a part, and not in step with the counter of a modem."""
    return (message_id * 167 + seq * 59) % 256
