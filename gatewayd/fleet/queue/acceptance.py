"""New messages enter the queue, in the transaction that accepts them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.names import Box, EpochOldError, Seen
from gatewayd.fleet.queue.sets import as_rows, fetch
from gatewayd.store import Transaction

# The parts of the answer are found in their order, so all take locks in the same order.
_BEGIN = """
    WITH locked_companies AS MATERIALIZED (
        SELECT id FROM companies WHERE id = ANY(:companies::bigint[]) ORDER BY id FOR UPDATE
    ), locked_sims AS MATERIALIZED (
        SELECT id FROM sims WHERE enabled = 1 AND (daily_limit IS NOT NULL OR monthly_limit IS NOT NULL OR daily_parts IS NOT NULL
                OR monthly_parts IS NOT NULL OR daily_recipients IS NOT NULL OR monthly_recipients IS NOT NULL)
            AND (company_id = ANY(:companies::bigint[]) OR company_id IS NULL AND cardinality(:companies::bigint[]) > 0)
        ORDER BY id FOR NO KEY UPDATE
    )
    SELECT (SELECT count(*) FROM locked_companies) AS companies, (SELECT count(*) FROM locked_sims) AS sims,
        ARRAY(SELECT nextval('message_ids') FROM generate_series(1, :count::bigint)) AS ids,
        (SELECT (epoch, beat) >= (:epoch::bigint, :beat::bigint) FROM boxes WHERE name = :box) AS known
"""

_COLUMNS = "message_id, state, box, epoch, incarnation, sim_id, pinned, priority, company_id, transactional, parts, expires_at, accepted_by"
_ACCEPTED = "m.id = ANY(:ids::bigint[]) AND m.status = 'pending' AND m.sandbox = 0"

_ENQUEUE = f"""
    INSERT INTO queue ({_COLUMNS})
    SELECT m.id, 'waiting', NULL, NULL, NULL, m.sim_id, m.pinned, m.priority, m.company_id, m.transactional, m.parts, m.expires_at,
        :accepted_by
    FROM messages m WHERE {_ACCEPTED} ORDER BY m.id
    RETURNING sim_id
"""

# The epoch of the box is held to the end of the transaction.
_ENQUEUE_STARTED = f"""
    WITH own AS MATERIALIZED (
        SELECT b.name, b.epoch, b.incarnation FROM boxes b CROSS JOIN fleet f
        WHERE b.name = :box AND b.epoch = :epoch AND b.incarnation = :incarnation AND b.state = 'member' AND f.recovering = 0
        FOR KEY SHARE OF b
    ), started AS (
        INSERT INTO queue ({_COLUMNS})
        SELECT m.id, 'started', o.name, o.epoch, o.incarnation, m.sim_id, m.pinned, m.priority, m.company_id, m.transactional, m.parts,
            m.expires_at, o.name
        FROM own o CROSS JOIN messages m WHERE {_ACCEPTED} ORDER BY m.id
        RETURNING message_id
    )
    {as_rows("SELECT m.* FROM messages m JOIN started s ON s.message_id = m.id ORDER BY m.id")}
"""


def begin(
    db: Transaction, company_ids: Collection[int], count: int, *, seen: Seen | None = None
) -> list[int]:
    """Lock these companies, then the SIMs with limits that they may use, then draw `count` ids of new messages, in rising order.

    So the messages of a company have their ids in the order of their acceptance, at whatever boxes. `seen`: of the box that accepts.
    Raises EpochOldError where PostgreSQL knows less of it: it was restored, and would give ids that were given before.
    """
    if not company_ids and not count:
        return []
    own = seen or Seen("", 0, 0)
    values = {
        "companies": sorted(company_ids),
        "count": count,
        "box": own.name,
        "epoch": own.epoch,
        "beat": own.beat,
    }
    found = db.execute(_BEGIN, values).fetchone()
    if seen is not None and not found["known"]:
        raise EpochOldError
    return sorted(found["ids"])


def enqueue(db: Transaction, message_ids: Collection[int], *, accepted_by: str | None) -> None:
    """Let messages that were inserted, with their SIM, wait in the queue; the boxes that have their SIMs are woken.

    `accepted_by`: the box whose client may wait for the result. Scheduled and sandbox messages are not put here before they are due.
    """
    if not message_ids:
        return
    changes = Changes()
    values = {"ids": sorted(message_ids), "accepted_by": accepted_by}
    changes.wake_sims |= {row[0] for row in db.execute(_ENQUEUE, values)}
    changes.write(db)


def enqueue_started(db: Transaction, message_ids: Collection[int], box: Box) -> dict[int, Mapping[str, Any]]:
    """As `enqueue`, for messages that a box accepts and starts at once, because it has a free port for each; their rows by id.

    Raises EpochOldError, also while the fleet is recovering; nothing was changed then.
    """
    values = {
        "ids": sorted(message_ids),
        "box": box.name,
        "epoch": box.epoch,
        "incarnation": box.incarnation,
    }
    rows = fetch(db, _ENQUEUE_STARTED, values)
    if not rows:
        raise EpochOldError
    return {row["id"]: row for row in rows}
