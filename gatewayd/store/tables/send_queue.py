"""The queues of the SIMs: the part of a lane that is sent next, and the one that another SIM may carry instead."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.records import Priority
from gatewayd.store.engine.connection import Connection, Cursor
from gatewayd.store.tables.part_filters import QUEUED
from gatewayd.store.tables.queue_counts import Lane

# The first part of a lane is found by one look into the index, however long the queue is, and however it is split by age
# (see `gatewayd.sending.outage_backlog`). Unpinned and pinned parts lie in lanes of their own, so that an idle SIM finds the
# parts that it may carry without a search.
_IN_LANE = (
    f"FROM parts WHERE {QUEUED} AND sim_id = :sim AND pinned = :pinned AND priority = :priority"
    " AND company_id = :company AND transactional = :transactional"
)
_COLUMNS = "message_id, seq, priority, place"
_OLDEST_FIRST = "ORDER BY place, message_id, seq"
_NEWEST_FIRST = "ORDER BY place DESC, message_id DESC, seq DESC"

_NEW = f"SELECT {_COLUMNS} {_IN_LANE} AND place > :last {_OLDEST_FIRST} LIMIT :look"
_OLD = f"SELECT {_COLUMNS} {_IN_LANE} AND place <= :last {_OLDEST_FIRST} LIMIT :look"
_OLD_NEWEST = f"SELECT {_COLUMNS} {_IN_LANE} AND place <= :last {_NEWEST_FIRST} LIMIT :look"

# Parts that may leave the SIM's queue for another SIM's, among those of a subquery.
_MAY_MOVE = (
    "SELECT p.message_id, p.seq, p.priority, p.place FROM ({some}) p JOIN messages m ON m.id = p.message_id"
    " WHERE m.unsent = m.parts AND NOT EXISTS"
    "  (SELECT 1 FROM parts q WHERE q.message_id = p.message_id AND q.state NOT IN ('queued')) {order} LIMIT 1"
)
_MOVABLE_NEW = _MAY_MOVE.format(some=_NEW, order="ORDER BY p.place, p.message_id, p.seq")
_MOVABLE_OLD = _MAY_MOVE.format(some=_OLD, order="ORDER BY p.place, p.message_id, p.seq")
_MOVABLE_OLD_NEWEST = _MAY_MOVE.format(
    some=_OLD_NEWEST, order="ORDER BY p.place DESC, p.message_id DESC, p.seq"
)

_FIRST_PART_QUEUED = f"SELECT {_COLUMNS} FROM parts WHERE message_id = ? AND {QUEUED} ORDER BY seq LIMIT 1"
_REST = f"SELECT {_COLUMNS} FROM parts WHERE message_id = ? AND {QUEUED} AND sim_id = ? ORDER BY seq LIMIT 1"

# How many parts of a lane of another SIM's queue an idle SIM reads to find one that it may carry.
_LOOK = 64


@dataclass(frozen=True, slots=True)
class QueuedPart:
    """A part that is first in a lane. The lowest place is sent first."""

    message_id: int
    seq: int
    priority: int
    place: int


def head(
    db: Connection, lane: Lane, after: int = 0, *, movable: bool = False, begun: bool = False
) -> QueuedPart | None:
    """The next part of a lane, of those with a place above `after`.

    `movable`: of those that another SIM may carry instead. `begun`: it may also carry parts of a message of which a part
    was already given to a port (see `Scheduler`).
    """
    if movable and not begun:
        return _queued(db.execute(_MOVABLE_NEW, _values(lane, after, _LOOK)))
    return _queued(db.execute(_NEW, _values(lane, after, 1)))


def old_head(
    db: Connection, lane: Lane, last: int, *, movable: bool = False, begun: bool = False
) -> QueuedPart | None:
    """As `head`, of the parts up to the place `last`: the newest one-time code, else the first in the usual order."""
    newest = lane.priority == Priority.OTP
    if movable and not begun:
        statement = _MOVABLE_OLD_NEWEST if newest else _MOVABLE_OLD
        found = _queued(db.execute(statement, _values(lane, last, _LOOK)))
    else:
        found = _queued(db.execute(_OLD_NEWEST if newest else _OLD, _values(lane, last, 1)))
    if found is not None and newest and found.seq > 1:
        # In descending order a message is found by its last part.
        return _queued(db.execute(_FIRST_PART_QUEUED, (found.message_id,)))
    return found


def waits(db: Connection, sim_id: int, priority: Priority) -> bool:
    """Whether a part of a priority waits in a SIM's queue."""
    return any(
        db.execute(
            f"SELECT 1 FROM parts WHERE {QUEUED} AND sim_id = ? AND pinned = ? AND priority = ? LIMIT 1",
            (sim_id, pinned, priority),
        ).fetchone()
        for pinned in (0, 1)
    )


def rest_of(db: Connection, message_id: int, sim_id: int) -> QueuedPart | None:
    """The next part of a message in a SIM's queue."""
    return _queued(db.execute(_REST, (message_id, sim_id)))


def _values(lane: Lane, last: int, look: int) -> dict[str, int]:
    return {
        "sim": lane.sim_id,
        "pinned": lane.pinned,
        "priority": lane.priority,
        "company": lane.company_id,
        "transactional": lane.transactional,
        "last": last,
        "look": look,
    }


def _queued(found: Cursor) -> QueuedPart | None:
    row = found.fetchone()
    return None if row is None else QueuedPart(*row)
