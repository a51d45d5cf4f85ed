"""For each SIM: the oldest waiting message, the deferred parts and the parts in doubt.

Monitors ask often, so each answer takes a few steps in the indexes of the queue, however long the queue is.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables.part_filters import IN_DOUBT, QUEUED

_LANES = " UNION ALL ".join(
    f"SELECT * FROM (SELECT message_id FROM parts WHERE {QUEUED} AND sim_id = :sim"
    f" AND pinned = {pinned} AND priority = {priority} ORDER BY message_id LIMIT 1)"
    for pinned in (0, 1)
    for priority in (0, 1, 2)
)
_OLDEST = (
    f"SELECT created_at FROM messages WHERE id = (SELECT min(message_id) FROM ({_LANES} UNION ALL"
    " SELECT message_id FROM parts WHERE deferred = 1 AND sim_id = :sim))"
)
_DEFERRED = "SELECT count(*) FROM parts WHERE deferred = 1 AND sim_id = :sim"
_DOUBTFUL = f"SELECT count(*) FROM parts WHERE {IN_DOUBT} AND sim_id = :sim"


@dataclass(frozen=True, slots=True)
class SimQueue:
    """The queue of one SIM. `oldest_at`: when its oldest message was accepted, in microseconds; None: it is empty."""

    oldest_at: int | None
    deferred: int
    in_doubt: int


def of_sim(db: Connection, sim_id: int) -> SimQueue:
    """The queue of a SIM."""
    named = {"sim": sim_id}
    oldest = db.execute(_OLDEST, named).fetchone()
    deferred, doubtful = (db.execute(count, named).fetchone()[0] for count in (_DEFERRED, _DOUBTFUL))
    return SimQueue(None if oldest is None else oldest[0], deferred, doubtful)
