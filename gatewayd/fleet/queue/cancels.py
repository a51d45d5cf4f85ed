"""Cancels of messages that no box has started."""

from __future__ import annotations

from collections.abc import Collection

from gatewayd.fleet.queue import endings
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.sets import plan_by_index
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Moment

# Held whatever their state: a message that is just being started is seen as started when it is.
_HOLD = """
    SELECT message_id, state, retried, box FROM queue WHERE message_id = ANY(?::bigint[]) ORDER BY message_id FOR UPDATE
"""
_BEGUN = "SELECT DISTINCT message_id FROM sent_parts WHERE message_id = ANY(?::bigint[])"
_SCHEDULED = """
    SELECT id FROM messages WHERE id = ANY(?::bigint[]) AND status = 'pending' AND sandbox = 0 AND day = ''
    ORDER BY id FOR UPDATE
"""


def cancel(db: Transaction, message_ids: Collection[int], at: Moment) -> list[str]:
    """Cancel those of these messages that wait or are only claimed, or that are scheduled and not due; their sms_ids.

    A message stays that was started, of which a doubt was retried, or of which a part is known as sent. Sandbox messages are
    not cancelled here.
    """
    if not message_ids:
        return []
    plan_by_index(db)
    ids = sorted(message_ids)
    rows = db.execute(_HOLD, (ids,)).fetchall()
    begun = {row[0] for row in db.execute(_BEGUN, (ids,))}  # as it is now that the rows are held
    found = {row["message_id"] for row in rows}
    free = {
        row["message_id"]
        for row in rows
        if row["state"] in ("waiting", "claimed") and not row["retried"] and row["message_id"] not in begun
    }
    others = [each for each in ids if each not in found]
    if others:
        free |= {row[0] for row in db.execute(_SCHEDULED, (others,))}
    changes = Changes()
    changes.wake.update(row["box"] for row in rows if row["box"] and row["message_id"] in free)
    endings.cancelled(db, free, at.now, changes)
    changes.write(db)
    return changes.changed
