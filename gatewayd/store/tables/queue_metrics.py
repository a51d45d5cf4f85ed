"""For each SIM: the longest waiting message, the deferred parts and the parts in doubt.

Monitors ask often, so each answer takes a few steps in the indexes of the queue for each company, however long the queue is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from gatewayd.records import Priority
from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables.part_filters import IN_DOUBT, OPEN, QUEUED
from gatewayd.store.tables.queue_counts import Lane

_LANE = "sim_id, pinned, priority, company_id, transactional"
# `>=` and the next whole number: with `>`, SQLite would read all rows of the lane before to pass them.
_NEXT_LANE = (
    f"SELECT {_LANE}, message_id FROM parts WHERE {QUEUED} AND sim_id = ?"
    f" AND (pinned, priority, company_id, transactional) >= (?, ?, ?, ? + 1)"
    f" ORDER BY {_LANE}, place, message_id, seq LIMIT 1"
)
_BEFORE_ALL = (-1, -1, -1, -1)
# From the acceptance of a message, or from the time at which it was to be sent.
_SINCE = "SELECT max(created_at, coalesce(send_at, created_at)) FROM messages WHERE id = ?"
_FIRST_DEFERRED = "SELECT min(message_id) FROM parts WHERE deferred = 1 AND sim_id = ?"
_DEFERRED = "SELECT count(*) FROM parts WHERE deferred = 1 AND sim_id = ?"
_DOUBTFUL = f"SELECT count(*) FROM parts WHERE {IN_DOUBT} AND sim_id = ?"


@dataclass(frozen=True, slots=True)
class SimQueue:
    """The queue of one SIM. `oldest_at`: since when its first message waits, in microseconds; None: it is empty."""

    oldest_at: int | None
    deferred: int
    in_doubt: int


def of_sim(db: Connection, sim_id: int, held: Collection[int] = ()) -> SimQueue:
    """The queue of a SIM. `held`: companies whose bulk messages wait for their sending window; these do not count."""
    first = [*_first_in_lanes(db, sim_id, held), db.execute(_FIRST_DEFERRED, (sim_id,)).fetchone()[0]]
    deferred, doubtful = (db.execute(count, (sim_id,)).fetchone()[0] for count in (_DEFERRED, _DOUBTFUL))
    return SimQueue(_since(db, first), deferred, doubtful)


def oldest_at(db: Connection, sim_ids: Iterable[int], held: Collection[int] = ()) -> int | None:
    """Since when the first message in these SIMs' queues, in a back-off or in the air waits; None without any.

    `held`: as in `of_sim`.
    """
    first: list[int | None] = [found for sim_id in sim_ids for found in _first_in_lanes(db, sim_id, held)]
    # Without INDEXED BY, SQLite reads the table in its own order for a minimum, past all rows that do not fit.
    for few in ("parts_deferred WHERE deferred = 1", f"parts_open WHERE {OPEN}"):
        first.append(db.execute(f"SELECT min(message_id) FROM parts INDEXED BY {few}").fetchone()[0])
    return _since(db, first)


def oldest_by_company(db: Connection, sim_ids: Iterable[int]) -> dict[tuple[int, int], int]:
    """Since when the first message of each company and priority waits in these SIMs' queues, in microseconds."""
    found: dict[tuple[int, int], int] = {}
    for sim_id in sim_ids:
        for lane, message_id in _heads(db, sim_id):
            key = (lane.company_id, lane.priority)
            since = _since(db, [message_id])
            if since is not None:
                found[key] = min(since, found.get(key, since))
    return found


def _first_in_lanes(db: Connection, sim_id: int, held: Collection[int]) -> Iterator[int]:
    for lane, message_id in _heads(db, sim_id):
        if not (lane.priority == Priority.BULK and not lane.transactional and lane.company_id in held):
            yield message_id


def _heads(db: Connection, sim_id: int) -> Iterator[tuple[Lane, int]]:
    """The lanes of a SIM and the first message of each: one look into the index for each, also on a reading connection."""
    last = _BEFORE_ALL
    while (row := db.execute(_NEXT_LANE, (sim_id, *last)).fetchone()) is not None:
        lane, message_id = Lane(*row[:5]), row[5]
        last = (lane.pinned, lane.priority, lane.company_id, lane.transactional)
        yield lane, message_id


def _since(db: Connection, message_ids: Iterable[int | None]) -> int | None:
    found = (db.execute(_SINCE, (one,)).fetchone() for one in message_ids if one is not None)
    return min((row[0] for row in found if row is not None), default=None)
