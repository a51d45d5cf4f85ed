"""The queues of the SIMs: the part that is sent next, and the parts that another SIM may carry instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection, Cursor
from gatewayd.store.tables.part_filters import QUEUED

# The head of a queue is found by one look into the index for each kind of work and priority, however long the queue is,
# and however it is split by age (see `gatewayd.sending.outage_backlog`). Unpinned and pinned parts lie apart in the
# index, so that an idle SIM finds the parts that it may carry without a search.
_ALL_PRIORITIES = (0, 1, 2)


def _lane(pinned: int, priority: int, last: str, order: str) -> str:
    """The first parts of one kind and priority of a SIM's queue."""
    return (
        f"SELECT * FROM (SELECT message_id, seq, priority FROM parts WHERE {QUEUED} AND sim_id = :sim"
        f" AND pinned = {pinned} AND priority = {priority} AND message_id {last}"
        f" ORDER BY message_id {order}, seq {order} LIMIT :look)"
    )


def _union(pinned: tuple[int, ...], priorities: tuple[int, ...], last: str, order: str = "ASC") -> str:
    return " UNION ALL ".join(
        _lane(kind, priority, last, order) for kind in pinned for priority in priorities
    )


# Parts that may leave the SIM's queue for another SIM's, among those of a subquery.
_MAY_MOVE = (
    " JOIN messages m ON m.id = p.message_id"
    " WHERE (:company IS NULL OR m.company_id = :company) AND (:begun OR m.unsent = m.parts AND NOT EXISTS"
    "  (SELECT 1 FROM parts q WHERE q.message_id = p.message_id AND q.state NOT IN ('queued')))"
)
_FIRST_OF_QUEUE = " ORDER BY priority, message_id, seq LIMIT 1"
_FIRST_MOVABLE_OF_QUEUE = " ORDER BY p.priority, p.message_id, p.seq LIMIT 1"

# The whole queue: the index itself has the order, but for what is pinned and what is not.
_FIRST_UNPINNED, _FIRST_PINNED = (
    f"SELECT message_id, seq, priority FROM parts WHERE {QUEUED} AND sim_id = :sim AND pinned = {pinned}{_FIRST_OF_QUEUE}"
    for pinned in (0, 1)
)
_HEAD = f"SELECT * FROM (SELECT * FROM ({_FIRST_UNPINNED}) UNION ALL SELECT * FROM ({_FIRST_PINNED})){_FIRST_OF_QUEUE}"
_HEAD_MOVABLE = f"SELECT p.message_id, p.seq, p.priority FROM ({_FIRST_UNPINNED}) p{_MAY_MOVE}"

# The queue behind what was set apart as old.
_NEW_LANES = _union((0, 1), _ALL_PRIORITIES, "> :last")
_NEW_UNPINNED_LANES = _union((0,), _ALL_PRIORITIES, "> :last")
_NEW_HEAD = f"SELECT * FROM ({_NEW_LANES}){_FIRST_OF_QUEUE}"
_NEW_HEAD_MOVABLE = f"SELECT p.message_id, p.seq, p.priority FROM ({_NEW_UNPINNED_LANES}) p{_MAY_MOVE}{_FIRST_MOVABLE_OF_QUEUE}"

# Of the backlog the newest one-time code goes first, then the rest in the usual order.
_OLD_CODE_LANES = _union((0, 1), (0,), "<= :last", "DESC")
_OLD_CODE_UNPINNED_LANES = _union((0,), (0,), "<= :last", "DESC")
_OLD_LANES = _union((0, 1), _ALL_PRIORITIES, "<= :last")
_OLD_UNPINNED_LANES = _union((0,), _ALL_PRIORITIES, "<= :last")
_OLD_NEWEST_CODE = f"SELECT * FROM ({_OLD_CODE_LANES}) ORDER BY priority, message_id DESC, seq LIMIT 1"
_OLD_NEWEST_CODE_MOVABLE = (
    f"SELECT p.message_id, p.seq, p.priority FROM ({_OLD_CODE_UNPINNED_LANES}) p{_MAY_MOVE}"
    " ORDER BY p.priority, p.message_id DESC, p.seq LIMIT 1"
)
_OLD_HEAD = f"SELECT * FROM ({_OLD_LANES}){_FIRST_OF_QUEUE}"
_OLD_HEAD_MOVABLE = f"SELECT p.message_id, p.seq, p.priority FROM ({_OLD_UNPINNED_LANES}) p{_MAY_MOVE}{_FIRST_MOVABLE_OF_QUEUE}"

_FIRST_PART_QUEUED = (
    f"SELECT message_id, seq, priority FROM parts WHERE message_id = ? AND {QUEUED} ORDER BY seq LIMIT 1"
)

# How many parts of each lane of another SIM's queue an idle SIM reads to find one that it may carry.
_LOOK = 64


@dataclass(frozen=True, slots=True)
class QueuedPart:
    """A part that is first in a queue."""

    message_id: int
    seq: int
    priority: int


def head(db: Connection, sim_id: int, after: int = 0) -> QueuedPart | None:
    """The next part of a SIM's queue, of the messages with an id above `after`."""
    if after:
        return _queued(db.execute(_NEW_HEAD, {"sim": sim_id, "last": after, "look": 1}))
    return _queued(db.execute(_HEAD, {"sim": sim_id}))


def old_head(db: Connection, sim_id: int, last: int) -> QueuedPart | None:
    """As `head`, of the messages up to `last`: the newest one-time code, else the first in the usual order."""
    return _old(db, _OLD_NEWEST_CODE, _OLD_HEAD, {"sim": sim_id, "last": last, "look": 1})


def movable_head(
    db: Connection, sim_id: int, company_id: int | None, after: int = 0, *, begun: bool = False
) -> QueuedPart | None:
    """As `head`, of the parts that another SIM may carry instead: a SIM of this company, or of none.

    `begun`: also parts of a message of which a part was already given to a port (see `Scheduler`).
    """
    found: QueuedPart | None = None
    if not after:  # the first part of all can usually move
        values = {"sim": sim_id, "company": company_id, "begun": begun}
        found = _queued(db.execute(_HEAD_MOVABLE, values))
    if found is None:
        more = {"sim": sim_id, "last": after, "look": _LOOK, "company": company_id, "begun": begun}
        found = _queued(db.execute(_NEW_HEAD_MOVABLE, more))
    return found


def old_movable_head(
    db: Connection, sim_id: int, company_id: int | None, last: int, *, begun: bool = False
) -> QueuedPart | None:
    """As `movable_head`, of the messages up to `last`, in the order of `old_head`."""
    values = {"sim": sim_id, "last": last, "look": _LOOK, "company": company_id, "begun": begun}
    return _old(db, _OLD_NEWEST_CODE_MOVABLE, _OLD_HEAD_MOVABLE, values)


def _old(db: Connection, newest_code: str, others: str, values: Mapping[str, object]) -> QueuedPart | None:
    found = _queued(db.execute(newest_code, values))
    if found is None:
        return _queued(db.execute(others, values))
    if found.seq > 1:  # in descending order a message is found by its last part
        return _queued(db.execute(_FIRST_PART_QUEUED, (found.message_id,)))
    return found


def _queued(found: Cursor) -> QueuedPart | None:
    row = found.fetchone()
    return None if row is None else QueuedPart(*row)
