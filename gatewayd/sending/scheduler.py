"""What a port does next: which part it claims, or which slot it turns to. Runs within a transaction."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from config.settings import DispatchSettings
from gatewayd.accounts import quotas
from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects
from gatewayd.sending.modem_memory import ModemMemory, modem_of
from gatewayd.sending.outage_backlog import Backlog, Head
from gatewayd.sending.part_content import content_of
from gatewayd.sending.routing import room
from gatewayd.sims.port_registry import PortRegistry, Presence
from gatewayd.store import Transaction
from gatewayd.store.tables import loop_tests, messages, modem_memory, parts, queue_counts, send_queue, sims
from gatewayd.store.tables.messages import Message
from gatewayd.store.tables.send_queue import QueuedPart
from gatewayd.store.tables.sims import SimAtWork
from gatewayd.timekeeping.clock import SECOND, Clock, Moment
from modem.parts import Submission, Via
from modem.port.interface import Rest, Switch
from modem.port.status import PortStatus

log = logging.getLogger(__name__)

# A SIM that is down for longer than this hands its work on: most modems are back from a hiccup sooner.
HAND_ON_AFTER_S = 10.0

# A message of which a part went out waits this long for its SIM. A telephone joins parts by their sender, so that the
# rest of it from another number never joins what it has: as long as the SIM may come back, waiting is better to read.
# From a SIM that will not (disabled, locked, taken out, refused by its network), or not in half an hour, another takes
# over: what was taken is not repeated, and each part that is left goes out as a text of its own, without a
# concatenation header, which a telephone shows at once. `gatewayd.sending.part_content` marks it as the rest of something.
BEGUN_WAITS_S = 1800.0

# How many other queues an idle SIM looks into, the longest first.
_QUEUES_LOOKED_INTO = 8


# So many expired messages at most are ended by one claim: each costs a few statements, and other work waits meanwhile.
_LOOKED_AT_ONCE = 20


# A slot is not left before the reports on what it just sent are in, for this long at most: they come within
# seconds, and to turn back for one costs half a minute.
REPORTS_S = 10.0

# A report that has not come by then is not turned back for.
_REPORTS_HOPED_FOR = 3600 * SECOND


class QueueDamagedError(Exception):
    """The index of the queue names a part that does not wait: `parts.rebuild_queue` cures it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is: a port and its active SIM. Times are monotonic seconds of the port's own past."""

    status: PortStatus
    sim_id: int
    slot_sims: dict[int, int]  # slot → SIM id, of the slots whose SIM could work
    active_since: float
    last_submission: float
    left_at: dict[int, float]  # when each of the other slots was the active one last


class Scheduler:
    """Chooses the next step of a port. Its methods run within a transaction."""

    def __init__(
        self,
        settings: DispatchSettings,
        clock: Clock,
        port_registry: PortRegistry,
        backlog: Backlog,
        storage: ModemMemory,
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._clock = clock
        self._port_registry = port_registry
        self._backlog = backlog

    def next(self, db: Transaction, turn: Turn, at: Moment, effects: Effects) -> Submission | Switch | Rest:
        """Claim the next part for the port's active SIM, or turn to another slot that has work."""
        waiting = queue_counts.waiting(db)
        wanted = _busiest_other_slot(turn, waiting)
        left_s = turn.active_since + self._settings.slot_dwell_s - self._clock.monotonic()
        if wanted is not None and left_s <= 0:
            return Switch(wanted)
        pause = self._pause(turn, waiting, wanted, left_s)
        if pause is not None:
            return pause
        submission = self._claim_next(db, turn, waiting, at, effects, spare=wanted is None)
        if submission is not None:
            return submission
        old_s = self._old_s(turn, waiting)
        if wanted is None:
            return _at_most(self._visit(db, turn, at), old_s)
        if old_s is not None and waiting.get(turn.sim_id):
            return Rest(
                min(old_s, left_s)
            )  # to turn for each part of an old backlog would cost half a minute each
        reports_s = self._reports_s(db, turn, at)
        return Rest(reports_s) if reports_s > 0 else Switch(wanted)

    def _pause(
        self, turn: Turn, waiting: dict[int, int], wanted: int | None, left_s: float
    ) -> Switch | Rest | None:
        """What to do where the active SIM can claim nothing now; None where it can."""
        if not turn.status.active.registration.carries_sms:
            # A SIM that was just turned to, for its work, may take half a minute to find its network.
            if wanted is None or waiting.get(turn.sim_id):
                return Rest(None if wanted is None else left_s)
            return Switch(wanted)
        rest_s = self._port_registry.rests(self._clock.monotonic()).get(turn.sim_id)
        if rest_s is None:
            return None
        return Rest(rest_s) if wanted is None else Switch(wanted)

    def _old_s(self, turn: Turn, waiting: dict[int, int]) -> float | None:
        """How long until this SIM may send something old, None where there is nothing or it may now."""
        queues = [queue for queue in self._backlog.queues() if waiting.get(queue)]
        return (self._backlog.wait_s(turn.sim_id) or None) if queues else None

    def _reports_s(self, db: Transaction, turn: Turn, at: Moment) -> float:
        """How long to wait for the reports on what this slot just sent; 0 where none is to come."""
        left_s = turn.last_submission + REPORTS_S - self._clock.monotonic()
        since = at.now - int(REPORTS_S * SECOND)
        return left_s if left_s > 0 and parts.awaits_report(db, turn.sim_id, since, at.now) else 0.0

    def _visit(self, db: Transaction, turn: Turn, at: Moment) -> Switch | Rest:
        """With nothing to send: turn to a slot now and then, for the reports and texts that wait for its SIM."""
        now = self._clock.monotonic()
        due: dict[int, float] = {}
        for slot, left_at in turn.left_at.items():
            sim_id = turn.slot_sims[slot]
            hoped_for = parts.awaits_report(db, sim_id, at.now - _REPORTS_HOPED_FOR, at.now)
            hoped_for = hoped_for or loop_tests.expected(db, sim_id)
            due[slot] = left_at + (self._settings.slot_dwell_s if hoped_for else self._settings.slot_visit_s)
        if not due:
            return Rest()
        first = min(due, key=lambda slot: due[slot])
        wait_s = max(due[first] - now, self._reports_s(db, turn, at))
        return Rest(wait_s) if wait_s > 0 else Switch(first)

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
        """Claim the part that is to go first; with `spare` time, also one of another SIM's that is up.

        A rest of 0 s: only messages that have expired were found yet, and the rest of the queue is for the next transaction.
        """
        sim = sims.at_work(db, turn.sim_id, at.today)
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
        """The first part of the SIM's own queue, or of one whose SIM cannot work, whichever is to go first."""
        heads = self._own_heads(db, sim.id, effects) if waiting.get(sim.id) else []
        others = [sim_id for sim_id, count in waiting.items() if sim_id != sim.id and count]
        if not others:
            return min(heads, key=lambda head: head.rank, default=None)
        disabled = sims.disabled(db)
        idle = disabled | self._port_registry.rests(self._clock.monotonic()).keys()
        places = self._port_registry.sims()
        orphans = [sim_id for sim_id in others if sim_id in idle or self._is_lost(places.get(sim_id))]
        if orphans and _has_room(db, sim, at):
            for sim_id in orphans:
                begun = sim_id in disabled or self._is_lost(places.get(sim_id), BEGUN_WAITS_S)
                heads += self._heads_of_another(db, sim_id, sim, begun=begun)
        return min(heads, key=lambda head: head.rank, default=None)

    def _spare(self, db: Transaction, sim: SimAtWork, waiting: dict[int, int], at: Moment) -> Head | None:
        """Something from the longest queue that this SIM may serve, if that is more than its own SIM is at already."""
        if not _has_room(db, sim, at):
            return None
        places = self._port_registry.sims()
        longest = sorted(waiting, key=lambda sim_id: waiting[sim_id], reverse=True)
        for sim_id in longest[:_QUEUES_LOOKED_INTO]:
            place = places.get(sim_id)
            free = place is not None and place.registered and place.active and not place.busy
            if sim_id == sim.id or waiting[sim_id] < (2 if free else 1):
                continue
            found = self._heads_of_another(db, sim_id, sim)
            if found:
                return min(found, key=lambda head: head.rank)
        return None

    def _own_heads(self, db: Transaction, sim_id: int, effects: Effects) -> list[Head]:
        """What a SIM may send now of its own queue: the first of the new, and of the old if it is time for one."""
        last_old = self._backlog.old(sim_id)
        found = [(send_queue.head(db, sim_id, last_old), False)]
        if last_old:
            old = send_queue.old_head(db, sim_id, last_old)
            if old is None:
                effects.no_longer_old.append((sim_id, last_old))
            elif not self._backlog.wait_s(sim_id):
                found.append((old, True))
        return [Head(row, old=old) for row, old in found if row is not None]

    def _heads_of_another(
        self, db: Transaction, sim_id: int, sim: SimAtWork, *, begun: bool = False
    ) -> list[Head]:
        """The same of another SIM's queue, of what may move."""
        last_old, company = self._backlog.old(sim_id), sim.company_id
        found = [(send_queue.movable_head(db, sim_id, company, last_old, begun=begun), False)]
        if last_old and not self._backlog.wait_s(sim.id):
            found.append((send_queue.old_movable_head(db, sim_id, company, last_old, begun=begun), True))
        return [Head(row, old=old) for row, old in found if row is not None]

    def _claim(
        self, db: Transaction, head: QueuedPart, sim: SimAtWork, turn: Turn, at: Moment, effects: Effects
    ) -> Submission | None:
        """Claim a part for this SIM; None where its message has just ended, and it waits no more.

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
            quotas.move_reservation(db, message, sim.id, at.today)
            messages.rebind(db, message.id, sim.id, at.today, quotas.cost_on(message, sim.cost))
        via, marks = self._storage.via(db, turn.status)
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
        """Whether a SIM will not come back, or has been down for so long. None: it has no place in this gateway."""
        if place is None:
            return True
        return not place.up and (place.dead or self._clock.monotonic() - place.last_up >= after_s)


def _at_most(step: Switch | Rest, seconds: float | None) -> Switch | Rest:
    """A rest, no longer than this."""
    if seconds is None or isinstance(step, Switch) or (step.seconds is not None and step.seconds <= seconds):
        return step
    return Rest(seconds)


def _busiest_other_slot(turn: Turn, waiting: dict[int, int]) -> int | None:
    others = {
        slot: waiting.get(sim_id, 0) for slot, sim_id in turn.slot_sims.items() if sim_id != turn.sim_id
    }
    busiest = max(others, key=lambda slot: others[slot], default=None)
    return busiest if busiest is not None and others[busiest] else None


def _has_room(db: Transaction, sim: SimAtWork, at: Moment) -> bool:
    left = room(db, sim, at.today)
    return left is None or left > 0


def _validity(message: Message, at: Moment) -> int | None:
    """What is left of a message's life, in seconds; all of it where the clock cannot tell."""
    if message.expires_at is None:
        return None
    life = message.expires_at - message.created_at
    left = message.expires_at - at.now if at.trusted else life
    return max(1, min(left, life) // SECOND)


def _message_reference(message_id: int, seq: int) -> int:
    """The TP-MR to ask for: the same in each try of a part, and not in step with the counter of a modem of its own."""
    return (message_id * 167 + seq * 59) % 256
