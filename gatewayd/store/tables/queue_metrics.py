"""What waits: of each SIM the oldest message, and what waits for its next try or a doubt to be settled.

Asked by monitors, so each answer takes a few steps in the indexes of the queue, however long that is.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection

_LANES = " UNION ALL ".join(
    f"SELECT * FROM (SELECT message_id FROM parts WHERE state = 'queued' AND deferred = 0 AND sim_id = :sim"
    f" AND pinned = {pinned} AND priority = {priority} ORDER BY message_id LIMIT 1)"
    for pinned in (0, 1)
    for priority in (0, 1, 2)
)
_OLDEST = (
    f"SELECT created_at FROM messages WHERE id = (SELECT min(message_id) FROM ({_LANES} UNION ALL"
    " SELECT message_id FROM parts WHERE deferred = 1 AND sim_id = :sim))"
)
_DEFERRED = "SELECT count(*) FROM parts WHERE deferred = 1 AND sim_id = :sim"
# With the words of the index `parts_open`: without them SQLite reads all parts there are.
_DOUBTFUL = "SELECT count(*) FROM parts WHERE state IN ('submitting', 'in_doubt') AND state = 'in_doubt' AND sim_id = :sim"


@dataclass(frozen=True, slots=True)
class SimQueue:
    """What waits for one SIM. `oldest_at`: when the oldest message of it was taken, in microseconds; None: nothing waits."""

    oldest_at: int | None
    deferred: int
    in_doubt: int


def of_sim(db: Connection, sim_id: int) -> SimQueue:
    """What waits for a SIM."""
    named = {"sim": sim_id}
    oldest = db.execute(_OLDEST, named).fetchone()
    deferred, doubtful = (db.execute(count, named).fetchone()[0] for count in (_DEFERRED, _DOUBTFUL))
    return SimQueue(None if oldest is None else oldest[0], deferred, doubtful)
