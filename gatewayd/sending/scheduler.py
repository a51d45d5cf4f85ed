"""Chooses the next step of a port: a part to claim, a slot to turn to, or a rest. Runs within a transaction."""

from __future__ import annotations

import logging

from config.settings import DispatchSettings
from gatewayd.accounts import quotas
from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects
from gatewayd.sending.modem_memory import ModemMemory, modem_of
from gatewayd.sending.outage_backlog import Head, OutageBacklog
from gatewayd.sending.part_content import content_of
from gatewayd.sending.port_history import Turn
from gatewayd.sending.slot_switching import SlotSwitching, at_most, busiest_other_slot
from gatewayd.sims.limits import Room, room
from gatewayd.sims.port_registry import PortRegistry, Presence
from gatewayd.store import Transaction
from gatewayd.store.tables import messages, modem_memory, parts, queue_counts, send_queue, sims
from gatewayd.store.tables.messages import Message
from gatewayd.store.tables.send_queue import QueuedPart
from gatewayd.store.tables.sims import SimAtWork
from gatewayd.timekeeping.clock import SECOND, Clock, Moment
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
    ) -> None:
        self._modem_memory = memory
        self._switching = SlotSwitching(settings, clock, port_registry)
        self._clock = clock
        self._port_registry = port_registry
        self._outage_backlog = backlog

    def next(self, db: Transaction, turn: Turn, at: Moment, effects: Effects) -> Submission | Switch | Rest:
        """Claim the next part for the active SIM of the port, or turn to another slot with work."""
        waiting = queue_counts.waiting(db)
        wanted = busiest_other_slot(turn, waiting)
        left_s = self._switching.stay_s(turn)
        if wanted is not None and left_s <= 0:
            return Switch(wanted)
        pause = self._switching.when_blocked(turn, waiting, wanted, left_s)
        if pause is not None:
            return pause
        submission = self._claim_next(db, turn, waiting, at, effects, spare=wanted is None)
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
        at: Moment,
        effects: Effects,
        *,
        spare: bool,
    ) -> Submission | Rest | None:
        """Claim the first part of the queue; with `spare` time, also a part of another SIM that is up.

        A rest of 0 s: only expired messages were found so far; the next transaction continues.
        """
        sim = sims.at_work(db, turn.sim_id)
        if sim is None or not sim.enabled:
            return None
        for _ in range(_LOOKED_AT_ONCE):
            found = self._due(db, sim, waiting, at, effects)
            if found is None and spare:
                found = self._spare(db, sim, waiting, at)
            if found is None:
                return None
            submission = self._claim(db, found.part, sim, turn, at, effects)
            if submission is not None:
                if found.old:
                    effects.sent_old.append(turn.sim_id)
                return submission
        return Rest(0.0)

    def _due(
        self, db: Transaction, sim: SimAtWork, waiting: dict[int, int], at: Moment, effects: Effects
    ) -> Head | None:
        """The first part of the SIM's own queue and of the queues whose SIMs cannot send."""
        heads = self._own_heads(db, sim.id, effects) if waiting.get(sim.id) else []
        others = [sim_id for sim_id, count in waiting.items() if sim_id != sim.id and count]
        if not others:
            return min(heads, key=lambda head: head.rank, default=None)
        disabled = sims.disabled(db)
        idle = disabled | self._port_registry.rests(self._clock.monotonic()).keys()
        places = self._port_registry.sims()
        orphans = [sim_id for sim_id in others if sim_id in idle or self._is_lost(places.get(sim_id))]
        left = room(db, sim, at) if orphans else None
        if left is not None and not left.used_up:
            for sim_id in orphans:
                begun = sim_id in disabled or self._is_lost(places.get(sim_id), BEGUN_WAITS_S)
                heads += self._heads_of_another(db, sim_id, sim, left, begun=begun)
        return min(heads, key=lambda head: head.rank, default=None)

    def _spare(self, db: Transaction, sim: SimAtWork, waiting: dict[int, int], at: Moment) -> Head | None:
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
            found = self._heads_of_another(db, sim_id, sim, left)
            if found:
                return min(found, key=lambda head: head.rank)
        return None

    def _own_heads(self, db: Transaction, sim_id: int, effects: Effects) -> list[Head]:
        """The parts of its own queue that a SIM may send now: the first new one, and the first old one if it is due."""
        last_old = self._outage_backlog.old(sim_id)
        found = [(send_queue.head(db, sim_id, last_old), False)]
        if last_old:
            old = send_queue.old_head(db, sim_id, last_old)
            if old is None:
                effects.no_longer_old.append((sim_id, last_old))
            elif not self._outage_backlog.wait_s(sim_id):
                found.append((old, True))
        return [Head(row, old=old) for row, old in found if row is not None]

    def _heads_of_another(
        self, db: Transaction, sim_id: int, sim: SimAtWork, left: Room, *, begun: bool = False
    ) -> list[Head]:
        """The parts of another SIM's queue that this SIM may send now. `left`: what its limits allow."""
        last_old, company = self._outage_backlog.old(sim_id), sim.company_id
        found = [(send_queue.movable_head(db, sim_id, company, last_old, begun=begun), False)]
        if last_old and not self._outage_backlog.wait_s(sim.id):
            found.append((send_queue.old_movable_head(db, sim_id, company, last_old, begun=begun), True))
        return [
            Head(row, old=old)
            for row, old in found
            if row is not None and (not sim.limits_more_than_messages or _admits(db, left, row))
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
        )

    def _is_lost(self, place: Presence | None, after_s: float = HAND_ON_AFTER_S) -> bool:
        """Whether a SIM will not return, or has been down for `after_s`. None: it is not in this gateway."""
        if place is None:
            return True
        return not place.up and (place.dead or self._clock.monotonic() - place.last_up >= after_s)


def _admits(db: Transaction, left: Room, part: QueuedPart) -> bool:
    """Whether limits allow the message of a part. A missing message is allowed: claiming it removes its parts."""
    message = messages.find(db, part.message_id)
    return message is None or left.admits(message.recipient, message.unsent)


def _validity(message: Message, at: Moment) -> int | None:
    """The remaining life of a message in seconds; its whole life where the clock is not trusted."""
    if message.expires_at is None:
        return None
    life = message.expires_at - message.created_at
    left = message.expires_at - at.now if at.trusted else life
    return max(1, min(left, life) // SECOND)


def _message_reference(message_id: int, seq: int) -> int:
    """The TP-MR to request: the same in each try of a part, and not in step with the counter of a modem."""
    return (message_id * 167 + seq * 59) % 256
