"""Doubts: messages of which nobody can tell whether the network took them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gatewayd.fleet.queue import endings, settling
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.endings import End
from gatewayd.fleet.queue.names import Decided, Doubt
from gatewayd.fleet.queue.sets import columns, plan_by_index
from gatewayd.messages.reasons import EXPIRED_IN_DOUBT, HELD, NOT_KNOWN, SETTLED_FAILED
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Calendar, Moment

log = logging.getLogger(__name__)

_OPEN = """
    SELECT message_id, box, epoch, retried, told FROM queue
    WHERE state = 'in_doubt' AND (:all = 1 OR box = ANY(:boxes::text[])) ORDER BY message_id
"""
_HOLD = """
    SELECT q.message_id, q.parts, q.told, q.expires_at FROM queue q
    JOIN unnest(?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::bigint[]) AS d (message_id, box, epoch, retried, told)
        ON d.message_id = q.message_id AND d.box = q.box AND d.epoch = q.epoch AND d.retried = q.retried AND d.told = q.told
    WHERE q.state = 'in_doubt' ORDER BY q.message_id FOR UPDATE OF q
"""
_RECOVERING = "SELECT recovering FROM fleet"
# Of each message: whether any part is known as sent, whether any but the first was begun, and the most attempts of a part.
_PROGRESS = """
    SELECT p.message_id, EXISTS (SELECT 1 FROM sent_parts s WHERE s.message_id = p.message_id) AS known,
        max(CASE WHEN p.seq > 1 AND p.state NOT IN ('queued', 'cancelled') THEN 1 ELSE 0 END) AS further,
        max(p.attempts) AS attempts
    FROM parts p WHERE p.message_id = ANY(?::bigint[]) GROUP BY p.message_id
"""
_HELD = """
    UPDATE messages SET failure_reason = ? WHERE id = ANY(?::bigint[]) AND status = 'pending'
        AND failure_reason IS DISTINCT FROM ?
"""
_HOLD_ONE = "SELECT message_id, sim_id, box FROM queue WHERE message_id = ? AND state = 'in_doubt' FOR UPDATE"
_TAKEN = """
    WITH taken AS (
        UPDATE parts SET state = 'submitted', sim_id = :sim, reference = NULL, held = 0, ended_at = coalesce(ended_at, started_at, :now)
        WHERE message_id = :id AND state = 'in_doubt' RETURNING seq, ended_at
    )
    INSERT INTO sent_parts (message_id, seq, sim_id, box, sent_at)
    SELECT :id, seq, :sim, :box, :now FROM taken ORDER BY seq ON CONFLICT (message_id, seq, sim_id) DO NOTHING
"""


def open_doubts(db: Transaction, names: Collection[str] | None = None) -> list[Doubt]:
    """The messages in doubt of these boxes (None: of all), by id."""
    values = {"all": int(names is None), "boxes": sorted(names or ())}
    return [Doubt(row[0], row[1], row[2], row[3], bool(row[4])) for row in db.execute(_OPEN, values)]


def decide(
    db: Transaction,
    doubts: Sequence[Doubt],
    policy: str,
    *,
    max_attempts: int,
    at: Moment,
    calendar: Calendar,
) -> Decided:
    """Apply `dispatch.in_doubt` (retry, hold or fail) to doubts that waited long enough.

    A doubt that changed since it was seen is left alone, and all are while the fleet is recovering. Only a doubt of the first part alone is retried; of several parts only
    if the journal of its box told it. What may not be retried is held.
    """
    plan_by_index(db)
    seen = [(each.message_id, each.box, each.epoch, each.retried, int(each.told)) for each in doubts]
    rows = db.execute(_HOLD, columns(seen, 5)).fetchall() if seen else []
    if not rows or db.execute(_RECOVERING).fetchone()[0]:
        return Decided()
    progress = _progress(db, [row["message_id"] for row in rows])
    held: list[int] = []
    again: list[int] = []
    ends: list[End] = []
    for row in rows:
        message_id = row["message_id"]
        of_parts = progress.get(message_id, {"known": 0, "further": 0, "attempts": 0})
        expired = at.trusted and row["expires_at"] is not None and row["expires_at"] <= at.now
        single = row["parts"] == 1 or (row["told"] and not of_parts["further"])
        if policy == "hold" or (policy == "retry" and not expired and (of_parts["known"] or not single)):
            held.append(message_id)
        elif policy == "retry" and not expired and of_parts["attempts"] < max_attempts:
            again.append(message_id)
        else:
            ends.append(End(message_id, at.now, (EXPIRED_IN_DOUBT if expired else NOT_KNOWN).text))
    changes = Changes()
    if held:
        db.execute(_HELD, (HELD.text, held, HELD.text))
    if again:
        log.warning("%d messages are sent again: no report came", len(again))
        settling.to_waiting(db, again, at, calendar, changes, retried=True, from_doubt=True)
    endings.failed(db, ends, calendar, changes)
    changes.write(db)
    return Decided(
        frozenset(again), frozenset(held), frozenset(end.message_id for end in ends), changes.changed
    )


def settle_by_hand(
    db: Transaction, message_id: int, verdict: str, at: Moment, calendar: Calendar
) -> list[str] | None:
    """Apply a person's decision (sent, failed, retry) to a message in doubt; the sms_ids whose status changed.

    None: it is not in doubt.
    """
    plan_by_index(db)
    row = db.execute(_HOLD_ONE, (message_id,)).fetchone()
    if row is None:
        return None
    changes = Changes()
    if verdict == "failed":
        endings.failed(db, [End(message_id, at.now, SETTLED_FAILED.text)], calendar, changes)
    else:
        if verdict == "sent":
            # The TP-MR stays unknown: a report finds the part by recipient and time, like a part in doubt.
            db.execute(_TAKEN, {"id": message_id, "sim": row["sim_id"], "box": row["box"], "now": at.now})
            settling.count_unsent(db, [message_id])
        settling.to_waiting(
            db, [message_id], at, calendar, changes, retried=verdict == "retry", from_doubt=True
        )
    changes.write(db)
    return changes.changed


def _progress(db: Transaction, message_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    return {row["message_id"]: row for row in db.execute(_PROGRESS, (list(message_ids),))}
