"""What a port does next: which part it claims, or which slot it turns to. Runs within a transaction."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import DispatchSettings
from gatewayd import ledger, lifecycle
from gatewayd.board import Board, Presence
from gatewayd.clock import SECOND, Clock, Moment
from gatewayd.news import News
from gatewayd.routing import room
from gatewayd.storage import StorageRoom, modem_of
from gatewayd.store import load, messages, parts, sims, stored
from gatewayd.store.database import Connection, Row
from modem.segment import segment
from modem.work import PortStatus, Rest, Submission, Switch, Via

# A SIM that is down for longer than this hands its work on: most modems are back from a hiccup sooner.
HAND_ON_AFTER_S = 10.0

# How many other queues an idle SIM looks into, the longest first.
_QUEUES_LOOKED_INTO = 8


# A slot is not left before the reports on what it just sent are in, for this long at most: they come within
# seconds, and to turn back for one costs half a minute.
_REPORTS_S = 10.0

# A report that has not come by then is not turned back for.
_REPORTS_HOPED_FOR = 3600 * SECOND


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

    def __init__(self, settings: DispatchSettings, clock: Clock, board: Board, storage: StorageRoom) -> None:
        self._settings = settings
        self._storage = storage
        self._clock = clock
        self._board = board

    def next(self, db: Connection, turn: Turn, at: Moment, news: News) -> Submission | Switch | Rest:
        """Claim the next part for the port's active SIM, or turn to another slot that has work."""
        waiting = load.waiting(db)
        wanted = _busiest_other_slot(turn, waiting)
        left_s = turn.active_since + self._settings.slot_dwell_s - self._clock.monotonic()
        if wanted is not None and left_s <= 0:
            return Switch(wanted)
        pause = self._pause(turn, waiting, wanted, left_s)
        if pause is not None:
            return pause
        submission = self._claim_next(db, turn, waiting, at, news, spare=wanted is None)
        if submission is not None:
            return submission
        if wanted is None:
            return self._visit(db, turn, at)
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
        rest_s = self._board.rests(self._clock.monotonic()).get(turn.sim_id)
        if rest_s is None:
            return None
        return Rest(rest_s) if wanted is None else Switch(wanted)

    def _reports_s(self, db: Connection, turn: Turn, at: Moment) -> float:
        """How long to wait for the reports on what this slot just sent; 0 where none is to come."""
        left_s = turn.last_submission + _REPORTS_S - self._clock.monotonic()
        since = at.now - int(_REPORTS_S * SECOND)
        return left_s if left_s > 0 and parts.awaits_report(db, turn.sim_id, since, at.now) else 0.0

    def _visit(self, db: Connection, turn: Turn, at: Moment) -> Switch | Rest:
        """With nothing to send: turn to a slot now and then, for the reports and texts that wait for its SIM."""
        now = self._clock.monotonic()
        due: dict[int, float] = {}
        for slot, left_at in turn.left_at.items():
            hoped_for = parts.awaits_report(db, turn.slot_sims[slot], at.now - _REPORTS_HOPED_FOR, at.now)
            due[slot] = left_at + (self._settings.slot_dwell_s if hoped_for else self._settings.slot_visit_s)
        if not due:
            return Rest()
        first = min(due, key=lambda slot: due[slot])
        wait_s = max(due[first] - now, self._reports_s(db, turn, at))
        return Rest(wait_s) if wait_s > 0 else Switch(first)

    def _claim_next(
        self, db: Connection, turn: Turn, waiting: dict[int, int], at: Moment, news: News, *, spare: bool
    ) -> Submission | None:
        """Claim the part that is to go first; with `spare` time, also one of another SIM's that is up."""
        sim = sims.shown_one(db, turn.sim_id, at.today)
        if sim is None or not sim["enabled"]:
            return None
        while True:
            found = self._due(db, sim, waiting, at)
            if found is None and spare:
                found = self._spare(db, sim, waiting, at)
            if found is None:
                return None
            submission = self._claim(db, turn, found, sim, at, news)
            if submission is not None:
                return submission

    def _due(self, db: Connection, sim: Row, waiting: dict[int, int], at: Moment) -> Row | None:
        """The first part of the SIM's own queue, or of one whose SIM cannot work, whichever is to go first."""
        heads = [parts.head(db, sim["id"])] if waiting.get(sim["id"]) else []
        idle = sims.disabled(db) | self._board.rests(self._clock.monotonic()).keys()
        orphans = [
            sim_id
            for sim_id, place in self._board.sims().items()
            if sim_id != sim["id"] and waiting.get(sim_id) and (sim_id in idle or self._is_lost(place))
        ]
        if orphans and _has_room(db, sim, at):
            heads += [parts.movable_head(db, sim_id, sim["company_id"]) for sim_id in orphans]
        found = [head for head in heads if head is not None]
        return min(found, key=lambda head: (head["priority"], head["message_id"], head["seq"]), default=None)

    def _spare(self, db: Connection, sim: Row, waiting: dict[int, int], at: Moment) -> Row | None:
        """Something from the longest queue that this SIM may serve, if that is more than its own SIM is at already."""
        if not _has_room(db, sim, at):
            return None
        places = self._board.sims()
        longest = sorted(waiting, key=lambda sim_id: waiting[sim_id], reverse=True)
        for sim_id in longest[:_QUEUES_LOOKED_INTO]:
            place = places.get(sim_id)
            free = place is not None and place.registered and place.active and not place.busy
            if sim_id == sim["id"] or waiting[sim_id] < (2 if free else 1):
                continue
            found = parts.movable_head(db, sim_id, sim["company_id"])
            if found is not None:
                return found
        return None

    def _claim(
        self, db: Connection, turn: Turn, head: Row, sim: Row, at: Moment, news: News
    ) -> Submission | None:
        """Claim a part for this SIM; None where its message has just ended, and it waits no more."""
        message = messages.by_id(db, head["message_id"])
        if message["expires_at"] is not None and message["expires_at"] <= at.now:
            lifecycle.fail(db, message["id"], "it expired before a SIM could send it", at, news)
            return None
        if message["sim_id"] != sim["id"]:
            ledger.move_reservation(db, message, sim["id"], at.today)
            messages.rebind(db, message["id"], sim["id"], at.today, sim["cost"] * message["parts"])
        claim = parts.claim(db, message["id"], head["seq"], at.now)
        if claim is None:
            return None
        via, marks = self._storage.via(db, turn.status)
        if via is Via.STORAGE:
            key = (message["id"], head["seq"], claim.token)
            stored.claimed(db, *key, modem_of(turn.status), turn.status.active.iccid)
        segments = segment(message["text"])
        return Submission(
            message_id=message["id"],
            seq=head["seq"],
            total=len(segments),
            token=claim.token,
            recipient=message["recipient"],
            segment=segments[head["seq"] - 1],
            reference=message["id"] % 256,
            validity_s=_validity(message, at),
            via=via,
            marks=marks,
        )

    def _is_lost(self, place: Presence) -> bool:
        down_s = self._clock.monotonic() - place.last_up
        return not place.up and (place.dead or down_s >= HAND_ON_AFTER_S)


def _busiest_other_slot(turn: Turn, waiting: dict[int, int]) -> int | None:
    others = {
        slot: waiting.get(sim_id, 0) for slot, sim_id in turn.slot_sims.items() if sim_id != turn.sim_id
    }
    busiest = max(others, key=lambda slot: others[slot], default=None)
    return busiest if busiest is not None and others[busiest] else None


def _has_room(db: Connection, sim: Row, at: Moment) -> bool:
    left = room(db, sim, at.today)
    return left is None or left > 0


def _validity(message: Row, at: Moment) -> int | None:
    """What is left of a message's life, in seconds."""
    return None if message["expires_at"] is None else max(1, (message["expires_at"] - at.now) // SECOND)
