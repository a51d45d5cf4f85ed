"""Claims: a box takes waiting messages for its SIMs.

First those that are planned for the SIM, then those whose SIM cannot send, then some of longer queues. Of each: the highest
priority first, companies in turn, the oldest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gatewayd.fleet.queue import boxes, endings, moves, picks
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.endings import End
from gatewayd.fleet.queue.lanes import Lane, Lanes
from gatewayd.fleet.queue.moves import Move
from gatewayd.fleet.queue.names import Box, ClaimedMessage, Want
from gatewayd.fleet.queue.picks import Picked, Terms
from gatewayd.fleet.queue.sets import as_rows, columns, fetch, numbers
from gatewayd.messages.reasons import OPTED_OUT
from gatewayd.sims.limits import Room, room
from gatewayd.store import Transaction
from gatewayd.store.tables.messages import Message
from gatewayd.store.tables.sims import SimAtWork
from gatewayd.timekeeping.clock import FOREVER, Calendar, Moment

# A SIM helps with at most half of the messages that wait for another one, counted so far.
_HELPS_WITH: Final = 200

_SIMS = """
    SELECT s.id, s.daily_limit, s.monthly_limit, s.daily_parts, s.monthly_parts, s.daily_recipients, s.monthly_recipients,
        s.reset_hour, s.enabled, s.company_id, s.cost,
        coalesce(s.enabled = 1 AND b.alive = 1 AND b.state = 'member' AND p.up = 1 AND p.registered = 1 AND p.dead = 0
            AND p.rests_s <= 0, false) AS able,
        coalesce(p.active = 1 AND p.busy = 0, false) AS free
    FROM sims s LEFT JOIN sim_places p ON p.sim_id = s.id LEFT JOIN boxes b ON b.name = p.box ORDER BY s.id
"""
_HOLD_LIMITED = "SELECT id FROM sims WHERE id = ANY(?::bigint[]) ORDER BY id FOR NO KEY UPDATE"

# With the answer whether its recipient opted out since it was accepted.
_MESSAGES = as_rows("""
    SELECT m.*, CASE WHEN m.stoppable = 1 AND m.unsent = m.parts AND EXISTS (
            SELECT 1 FROM opt_outs o WHERE o.company_id = m.company_id AND o.recipient = m.recipient AND o.sandbox = 0
                AND o.ended_at IS NULL) THEN 1 ELSE 0 END AS opted_out
    FROM messages m WHERE m.id = ANY(?::bigint[]) ORDER BY m.id
""")
_CLAIM = f"""
    WITH claimed AS (
        UPDATE queue q SET state = 'claimed', box = ?, epoch = ?, incarnation = NULL, sim_id = e.sim_id
        FROM unnest(?::bigint[], ?::bigint[]) AS e (message_id, sim_id)
        WHERE q.message_id = e.message_id RETURNING q.message_id, q.sim_id, q.bound_sim
    )
    {as_rows("SELECT * FROM claimed ORDER BY message_id")}
"""


@dataclass(slots=True)
class _Taker:
    """A SIM that takes messages, with what it can still take."""

    sim: SimAtWork
    left: int
    helps: bool
    room: Room | None = None  # where it takes messages of other SIMs, and has limits


@dataclass(frozen=True, slots=True)
class _Others:
    """The other SIMs of the fleet: which cannot send, which can, and which of these are free now."""

    orphans: frozenset[int]
    able: Mapping[int, int | None]  # with the company of each
    free: frozenset[int]


@dataclass(slots=True)
class _Chosen:
    """The messages that are claimed, with the SIM of each."""

    sims: dict[int, int] = field(default_factory=dict)
    foreign: set[int] = field(default_factory=set)


def claim(
    db: Transaction,
    box: Box,
    wants: Sequence[Want],
    *,
    lanes: Lanes,
    closed: frozenset[int],
    at: Moment,
    calendar: Calendar,
    known: Collection[int] = (),
) -> list[ClaimedMessage]:
    """Claim messages for these SIMs; they are `claimed` by this box under its epoch. Raises EpochOldError.

    `closed`: the companies whose sending window is closed. `lanes`: what the box remembers of the queue; it is changed here, and
    must `forget` where the transaction is not committed. `known`: messages of which the journal of the box is not done, for example
    because a port has a part of them: they are not claimed. The box uploads all outcomes before it claims. Nothing is claimed while the fleet is recovering. A message whose
    recipient opted out ends here.
    """
    if boxes.require(db, box):
        return []
    takers, others = _sims(db, wants)
    if not takers:
        return []
    lanes.pass_time()
    return _Claim(db, box, takers, others, lanes, closed, known, at, calendar).run()


def _sims(db: Transaction, wants: Sequence[Want]) -> tuple[dict[int, _Taker], _Others]:
    wanted = {want.sim_id: want for want in wants if want.count > 0}
    takers: dict[int, _Taker] = {}
    orphans: set[int] = set()
    able: dict[int, int | None] = {}
    free: set[int] = set()
    for row in db.execute(_SIMS):
        sim = SimAtWork(*row[:11])
        if sim.id in wanted:
            if sim.enabled:
                takers[sim.id] = _Taker(sim, wanted[sim.id].count, wanted[sim.id].helps)
            continue
        if not row["able"]:
            orphans.add(sim.id)
            continue
        able[sim.id] = sim.company_id
        if row["free"]:
            free.add(sim.id)
    return takers, _Others(frozenset(orphans), able, frozenset(free))


class _Claim:
    """One claim."""

    def __init__(
        self,
        db: Transaction,
        box: Box,
        takers: dict[int, _Taker],
        others: _Others,
        lanes: Lanes,
        closed: Collection[int],
        known: Collection[int],
        at: Moment,
        calendar: Calendar,
    ) -> None:
        self._db = db
        self._box = box
        self._takers = takers
        self._all = takers  # also those that do not help
        self._others = others
        self._lanes = lanes
        self._known = known
        self._at = at
        self._calendar = calendar
        companies = {taker.sim.company_id for taker in takers.values()}
        only = None if None in companies else {each for each in companies if each is not None}
        self._terms = Terms(at.now if at.trusted else -FOREVER, closed, only)
        self._chosen = _Chosen()
        self._recipients: dict[int, tuple[str, int]] = {}  # with the number of parts not sent

    def run(self) -> list[ClaimedMessage]:
        """Claim; what was claimed."""
        able = {**self._others.able, **{sim_id: one.sim.company_id for sim_id, one in self._takers.items()}}
        own = picks.returned(
            self._db, self._takers, self._others.orphans, able, self._known, self._left, self._terms
        )
        own += picks.in_lanes(
            self._db,
            [(sim_id, 1, one.left) for sim_id, one in self._takers.items()],
            self._lanes,
            self._terms,
        )
        self._take_own([each for each in own if each.own])
        self._take_others([each for each in own if not each.own])
        if self._left and self._others.orphans:
            orphans = [(sim_id, 0, self._left) for sim_id in sorted(self._others.orphans)]
            self._take_others(picks.in_lanes(self._db, orphans, self._lanes, self._terms))
        if self._left and self._others.able:
            self._help()
        return self._write()

    @property
    def _left(self) -> int:
        return sum(taker.left for taker in self._takers.values())

    def _help(self) -> None:
        """Take some of the longest queues of SIMs that can send, but have more to do."""
        self._takers = {sim_id: one for sim_id, one in self._takers.items() if one.helps}
        waiting = picks.lengths(self._db, self._others.able, _HELPS_WITH) if self._left else {}
        sources = []
        for sim_id, count in waiting.items():
            share = count // 2 if sim_id in self._others.free else (count + 1) // 2
            if share:
                sources.append((sim_id, 0, min(share, self._left)))
        shares = {sim_id: count for sim_id, _, count in sources}
        self._take_others(picks.in_lanes(self._db, sources, self._lanes, self._terms), shares)

    def _take_own(self, found: Sequence[Picked]) -> None:
        by_sim: dict[int, list[Picked]] = {}
        for each in found:
            by_sim.setdefault(each.planned, []).append(each)
        for sim_id, some in by_sim.items():
            taker = self._takers[sim_id]
            for each in self._in_turn(sim_id, some):
                if not taker.left:
                    break
                self._take(each, taker)

    def _take_others(self, found: Sequence[Picked], shares: Mapping[int, int] | None = None) -> None:
        """Give messages of other SIMs to those SIMs that may take them, evenly. `shares`: at most so many of each SIM."""
        found = [each for each in found if each.message_id not in self._chosen.sims]
        if not found or not self._left:
            return
        self._measure(found)
        given: Counter[int] = Counter()
        blocked: set[Lane] = set()
        for each in self._in_turn(0, found):
            if not self._left:
                break
            if shares is not None and given[each.planned] >= shares.get(each.planned, 0):
                blocked.add(each.lane)
                continue
            taker = self._taker_for(each)
            if taker is None:
                continue
            given[each.planned] += 1
            self._chosen.foreign.add(each.message_id)
            if taker.room is not None:
                taker.room.take(*self._recipients[each.message_id])
            self._take(each, taker, passes=each.lane not in blocked)

    def _measure(self, found: Sequence[Picked]) -> None:
        """Read the recipients of messages that may change their SIM, and what the limits of the takers leave them."""
        ids = sorted(each.message_id for each in found)
        for row in self._db.execute(
            "SELECT id, recipient, unsent FROM messages WHERE id = ANY(?::bigint[])", (ids,)
        ):
            self._recipients[row[0]] = (row[1], row[2])
        limited = [taker for taker in self._takers.values() if taker.room is None and _has_limits(taker.sim)]
        if limited:
            self._db.execute(_HOLD_LIMITED, (sorted(taker.sim.id for taker in limited),)).fetchall()
            for taker in limited:
                taker.room = room(self._db, taker.sim, self._at)

    def _taker_for(self, picked: Picked) -> _Taker | None:
        """The SIM with the most room that may take a message; None: none may."""
        recipient, unsent = self._recipients[picked.message_id]
        fitting = [
            taker
            for taker in self._takers.values()
            if taker.left
            and taker.sim.company_id in (None, picked.company_id)
            and taker.sim.id not in picked.refused_by
            and (taker.room is None or taker.room.admits(recipient, unsent))
        ]
        return max(fitting, key=lambda taker: taker.left, default=None)

    def _take(self, picked: Picked, taker: _Taker, *, passes: bool = True) -> None:
        taker.left -= 1
        self._chosen.sims[picked.message_id] = taker.sim.id
        self._lanes.serve(picked.planned if picked.own else 0, picked.priority, picked.company_id)
        if passes and not picked.returned:
            self._lanes.claimed(picked.lane, picked.message_id)

    def _in_turn(self, sim_id: int, found: Iterable[Picked]) -> list[Picked]:
        """The highest priority first; of each, companies in turn, after the one that was served last; of these, the oldest first."""
        ordered = sorted(found, key=lambda each: (each.priority, each.company_id, each.message_id))
        places: Counter[tuple[int, int]] = Counter()
        turns: list[tuple[int, int, bool, int, Picked]] = []
        for each in ordered:
            key = (each.priority, each.company_id)
            last = self._lanes.served_last(sim_id, each.priority)
            turns.append((each.priority, places[key], each.company_id <= last, each.company_id, each))
            places[key] += 1
        turns.sort(key=lambda turn: turn[:4])
        return [turn[4] for turn in turns]

    def _write(self) -> list[ClaimedMessage]:
        chosen = self._chosen.sims
        if not chosen:
            return []
        changes = Changes()
        rows = {row["id"]: row for row in fetch(self._db, _MESSAGES, (numbers(sorted(chosen)),))}
        out = sorted(message_id for message_id, row in rows.items() if row["opted_out"])
        for message_id in out:
            del chosen[message_id]
        changed = {each: chosen[each] for each in self._chosen.foreign if each in chosen}
        if changed:
            self._move(changed, changes)
        pairs = sorted(chosen.items())
        claimed = fetch(self._db, _CLAIM, (self._box.name, self._box.epoch, *columns(pairs, 2)))
        ends = [End(message_id, self._at.now, OPTED_OUT.text) for message_id in out]
        endings.failed(self._db, ends, self._calendar, changes)
        changes.write(self._db)
        if changed:  # their SIM, day and cost are others now
            rows |= {row["id"]: row for row in fetch(self._db, _MESSAGES, (numbers(sorted(changed)),))}
        return [
            ClaimedMessage(row["sim_id"], row["bound_sim"] is not None, _columns(rows[row["message_id"]]))
            for row in claimed
        ]

    def _move(self, changed: Mapping[int, int], changes: Changes) -> None:
        found = moves.messages_of(self._db, sorted(changed))
        moves.move(self._db, [self._moved(message, changed[message.id]) for message in found], changes)

    def _moved(self, message: Message, sim_id: int) -> Move:
        sim = self._all[sim_id].sim
        return Move(message, sim_id, self._at.day_from(sim.reset_hour), sim.cost)


def _has_limits(sim: SimAtWork) -> bool:
    return sim.limits_more_than_messages or sim.daily_limit is not None or sim.monthly_limit is not None


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    del row["opted_out"]
    return row
