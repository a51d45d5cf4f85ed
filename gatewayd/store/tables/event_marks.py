"""Deletes old events, by marks that tell how far the events went at a trusted time.

The times of the events themselves do not decide: a box without a clock stamps too early times, and a wrong source too late
ones. A mark is written at a trusted time only, and all events with ids up to it had been written by then.
"""

from __future__ import annotations

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import event_eras

# Events deleted at a time: some milliseconds.
_AT_ONCE = 500


def mark(db: Connection, now: int, every: int) -> None:
    """Note the newest event, where the newest mark is older than `every`. Times are microseconds since the epoch."""
    # A mark of a time that is still to come was made while a source was wrong.
    db.execute("DELETE FROM event_marks WHERE at > ?", (now,))
    db.execute(
        "INSERT INTO event_marks SELECT max(id), :now FROM events HAVING max(id) IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM event_marks WHERE at > :now - :every) ON CONFLICT DO NOTHING",
        {"now": now, "every": every},
    )


def prune(db: Connection, before: int) -> bool:
    """Delete events that had been written before a moment, some at a time. True: there may be more.

    The newest event stays, because ids go on from it.
    """
    last: int | None = db.execute("SELECT max(last_id) FROM event_marks WHERE at < ?", (before,)).fetchone()[
        0
    ]
    if last is None:
        return False
    gone = db.execute(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id <= ? ORDER BY id LIMIT ?)"
        " AND id < (SELECT max(id) FROM events)",
        (last, _AT_ONCE),
    ).rowcount
    if gone == _AT_ONCE:
        return True
    db.execute("DELETE FROM event_marks WHERE last_id <= ?", (last,))
    oldest = db.execute("SELECT min(id) FROM events").fetchone()[0]
    event_eras.drop_before(db, oldest)
    return False
