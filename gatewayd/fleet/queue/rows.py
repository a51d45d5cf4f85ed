"""The rows of the queue, to read."""

from __future__ import annotations

from collections.abc import Collection

from gatewayd.fleet.queue import picks
from gatewayd.fleet.queue.names import OwnRow
from gatewayd.store import Transaction

_OWN = "SELECT message_id, sim_id, state, epoch, incarnation, told, retried FROM queue WHERE box = ? ORDER BY message_id"


def own(db: Transaction, name: str) -> list[OwnRow]:
    """The rows that a box has, by message id."""
    return [
        OwnRow(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6])
        for row in db.execute(_OWN, (name,))
    ]


def waiting(db: Transaction, sim_ids: Collection[int], limit: int) -> dict[int, int]:
    """How many messages that are not pinned wait for each of these SIMs, counted up to a limit."""
    return picks.lengths(db, sim_ids, limit)
