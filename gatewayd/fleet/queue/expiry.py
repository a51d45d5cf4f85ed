"""Ends messages that expired before they were sent."""

from __future__ import annotations

from gatewayd.fleet.queue import endings
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.endings import End
from gatewayd.fleet.queue.sets import plan_by_index
from gatewayd.messages.reasons import EXPIRED, EXPIRED_PARTLY
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Calendar, Moment

# A row that another transaction holds is looked at again the next time.
_EXPIRED = """
    SELECT message_id, box FROM queue WHERE state IN ('waiting', 'claimed') AND expires_at <= ?
    ORDER BY expires_at LIMIT ? FOR UPDATE SKIP LOCKED
"""
_BEGUN = "SELECT DISTINCT message_id FROM sent_parts WHERE message_id = ANY(?::bigint[])"


def expire(db: Transaction, at: Moment, calendar: Calendar, limit: int) -> list[str]:
    """End at most `limit` messages that wait or are only claimed and have expired; their sms_ids.

    One of which a part was sent fails as partly sent. Nothing ends while the clock is not trusted.
    """
    if not at.trusted:
        return []
    plan_by_index(db)
    boxes = dict(db.execute(_EXPIRED, (at.now, limit)).fetchall())
    if not boxes:
        return []
    begun = {row[0] for row in db.execute(_BEGUN, (sorted(boxes),))}
    changes = Changes()
    changes.wake.update(box for box in boxes.values() if box is not None)
    ends = [End(each, at.now, (EXPIRED_PARTLY if each in begun else EXPIRED).text) for each in sorted(boxes)]
    endings.failed(db, ends, calendar, changes)
    changes.write(db)
    return changes.changed


def next_expiry(db: Transaction) -> int | None:
    """The time at which the next message that waits or is claimed expires; None: none does."""
    found: int | None = db.execute(
        "SELECT min(expires_at) FROM queue WHERE state IN ('waiting', 'claimed')"
    ).fetchone()[0]
    return found
