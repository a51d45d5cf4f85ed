"""Starts and stamps: a message is given to modems only after its start, under the epoch of the box, is committed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from gatewayd.fleet.queue import boxes, parts_known
from gatewayd.fleet.queue.names import Box, ListedRow, Stamped, Started
from gatewayd.fleet.queue.sets import as_rows, columns, fetch, numbers
from gatewayd.store import Transaction

# The rows are held first, in the order in which all transactions hold them.
_START = f"""
    WITH held AS (
        SELECT message_id FROM queue
        WHERE message_id = ANY(:ids::bigint[]) AND state = 'claimed' AND box = :box AND epoch = :epoch
        ORDER BY message_id FOR UPDATE
    ), started AS (
        UPDATE queue q SET state = 'started', incarnation = :incarnation FROM held
        WHERE q.message_id = held.message_id RETURNING q.message_id, q.sim_id
    )
    {as_rows("SELECT * FROM started")}
"""
_STAMP = """
    WITH held AS (
        SELECT q.message_id FROM queue q
        JOIN unnest(:ids::bigint[], :states::text[], :epochs::bigint[]) AS l (message_id, state, epoch)
            ON l.message_id = q.message_id AND l.state = q.state AND l.epoch = q.epoch
        WHERE q.box = :box AND (q.state = 'claimed' OR q.state = 'started' AND q.incarnation = :incarnation)
        ORDER BY q.message_id FOR UPDATE OF q
    )
    UPDATE queue q SET epoch = :epoch FROM held
    WHERE q.message_id = held.message_id RETURNING q.message_id, q.state, q.sim_id
"""


def start(db: Transaction, box: Box, message_ids: Collection[int]) -> dict[int, Started]:
    """Start messages that this box claimed under its epoch; a missing one was lost: it is dropped. Raises EpochOldError.

    While the fleet is recovering nothing is started.
    """
    if boxes.require(db, box) or not message_ids:
        return {}
    values = {"box": box.name, "epoch": box.epoch, "incarnation": box.incarnation}
    rows = fetch(db, _START, {"ids": numbers(sorted(message_ids)), **values})
    sims = {row["message_id"]: row["sim_id"] for row in rows}
    parts = parts_known.of(db, sims)
    return {message_id: Started(message_id, sim_id, parts[message_id]) for message_id, sim_id in sims.items()}


def stamp(db: Transaction, box: Box, rows: Sequence[ListedRow]) -> dict[int, Stamped]:
    """Give claimed and started rows of an older epoch of this box its present one. Raises EpochOldError.

    A missing one is not so any more, or was started by another incarnation. While the fleet is recovering nothing is stamped.
    """
    if boxes.require(db, box) or not rows:
        return {}
    found = db.execute(
        _STAMP,
        {**listed(rows), "box": box.name, "epoch": box.epoch, "incarnation": box.incarnation},
    ).fetchall()
    sims = {row["message_id"]: row["sim_id"] for row in found}
    parts = parts_known.of(db, sims)
    return {
        row["message_id"]: Stamped(row["message_id"], row["state"], row["sim_id"], parts[row["message_id"]])
        for row in found
    }


def listed(rows: Iterable[ListedRow]) -> Mapping[str, object]:
    """Listed rows as parameters `ids`, `states` and `epochs`."""
    ids, states, epochs = columns(((row.message_id, row.state, row.epoch) for row in rows), 3)
    return {"ids": ids, "states": states, "epochs": epochs}
