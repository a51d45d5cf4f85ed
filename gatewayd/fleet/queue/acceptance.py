"""New messages enter the queue, in the transaction that accepts them."""

from __future__ import annotations

from collections.abc import Collection

from gatewayd.fleet.queue import boxes
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.names import Box, EpochOldError
from gatewayd.store import Transaction

_ENQUEUE = """
    INSERT INTO queue (message_id, state, box, epoch, incarnation, sim_id, pinned, priority, company_id, transactional, parts,
        expires_at, accepted_by)
    SELECT id, :state, :box, :epoch, :incarnation, sim_id, pinned, priority, company_id, transactional, parts, expires_at,
        :accepted_by
    FROM messages WHERE id = ANY(:ids::bigint[]) AND status = 'pending' AND sandbox = 0 ORDER BY id
    RETURNING sim_id
"""


def next_ids(db: Transaction, count: int) -> list[int]:
    """Ids of new messages, in rising order."""
    rows = db.execute("SELECT nextval('message_ids') FROM generate_series(1, ?::bigint)", (count,))
    return sorted(row[0] for row in rows)


def enqueue(
    db: Transaction,
    message_ids: Collection[int],
    *,
    accepted_by: str | None,
    started_by: Box | None = None,
) -> None:
    """Put messages that were inserted, with their SIM, into the queue; the boxes that have their SIMs are woken.

    `accepted_by`: the box whose client may wait for the result. `started_by`: they are started by this box at once, which has
    a free port for each: raises EpochOldError, also while the fleet is recovering. Scheduled and sandbox messages are not put here
    before they are due.
    """
    if not message_ids:
        return
    if started_by is not None and boxes.require(db, started_by):
        raise EpochOldError
    values = {
        "ids": sorted(message_ids),
        "state": "waiting" if started_by is None else "started",
        "box": None if started_by is None else started_by.name,
        "epoch": None if started_by is None else started_by.epoch,
        "incarnation": None if started_by is None else started_by.incarnation,
        "accepted_by": accepted_by,
    }
    sims = {row[0] for row in db.execute(_ENQUEUE, values)}
    if started_by is None:
        changes = Changes()
        changes.wake_sims |= sims
        changes.write(db)
