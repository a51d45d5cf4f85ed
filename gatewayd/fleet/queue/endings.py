"""The ends of messages: each leaves the queue in the transaction that sets its status.

As `gatewayd.messages.lifecycle` and `gatewayd.accounts.quotas` do for one message, here for many with a few statements. The
caller holds the rows of the queue; of messages that have left it, `lock` holds the messages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatewayd.fleet.queue.changes import EVENT_COLUMNS, Changes
from gatewayd.fleet.queue.sets import as_rows, columns, fetch
from gatewayd.records import EventType
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Calendar, month_of

_SHOWN = ", ".join(f"m.{column}" for column in EVENT_COLUMNS.split(", "))

_SENT = f"""
    WITH gone AS (
        DELETE FROM queue WHERE message_id = ANY(:ids::bigint[]) RETURNING message_id, accepted_by
    ), done AS (
        UPDATE messages m SET status = 'sent', sent_at = e.at, unsent = 0, failure_reason = NULL,
            retry_count = greatest(m.retry_count, e.retries), events = m.events + 1
        FROM unnest(:ids::bigint[], :ats::bigint[], :retries::bigint[]) AS e (id, at, retries)
        WHERE m.id = e.id AND m.status = 'pending'
        RETURNING {_SHOWN}
    )
    {as_rows("SELECT done.*, gone.accepted_by FROM done LEFT JOIN gone ON gone.message_id = done.id ORDER BY done.id")}
"""

# The status before: only a message that is pending or sent can fail.
_FAILED = f"""
    WITH gone AS (
        DELETE FROM queue WHERE message_id = ANY(:ids::bigint[]) RETURNING message_id, accepted_by
    ), dropped AS (
        UPDATE parts SET state = 'failed', deferred = 0
        WHERE message_id = ANY(:ids::bigint[]) AND state IN ('queued', 'in_doubt')
    ), done AS (
        UPDATE messages m SET status = 'failed', failed_at = e.at, failure_reason = e.reason, events = m.events + 1
        FROM unnest(:ids::bigint[], :ats::bigint[], :reasons::text[]) AS e (id, at, reason)
        WHERE m.id = e.id AND m.status IN ('pending', 'sent')
        RETURNING {_SHOWN}, m.recipient, m.parts, m.unsent, m.day, m.taken_day
    )
    SELECT done.*, gone.accepted_by FROM done LEFT JOIN gone ON gone.message_id = done.id ORDER BY done.id
"""
_CANCELLED = f"""
    WITH gone AS (
        DELETE FROM queue WHERE message_id = ANY(:ids::bigint[]) RETURNING message_id, accepted_by
    ), dropped AS (
        UPDATE parts SET state = 'cancelled', deferred = 0 WHERE message_id = ANY(:ids::bigint[]) AND state = 'queued'
    ), done AS (
        UPDATE messages m SET status = 'cancelled', events = m.events + 1
        WHERE m.id = ANY(:ids::bigint[]) AND m.status = 'pending'
        RETURNING {_SHOWN}, m.recipient, m.parts, m.unsent, m.day, m.taken_day
    )
    SELECT done.*, gone.accepted_by FROM done LEFT JOIN gone ON gone.message_id = done.id ORDER BY done.id
"""

_IN_DOUBT = f"""
    UPDATE messages m SET failure_reason = :reason, events = m.events + 1
    WHERE m.id = ANY(:ids::bigint[]) AND m.status = 'pending' RETURNING {_SHOWN}
"""

_LOCK = (
    "SELECT id, status, sim_id, parts, unsent, undelivered FROM messages WHERE id = ANY(?::bigint[])"
    " ORDER BY id FOR UPDATE"
)

_DELIVERIES = """
    SELECT s.message_id, count(*) FROM sent_parts s JOIN messages m ON m.id = s.message_id AND m.sim_id = s.sim_id
    WHERE s.message_id = ANY(?::bigint[]) AND s.delivered_at IS NOT NULL GROUP BY s.message_id
"""
_UNDELIVERED = """
    UPDATE messages m SET undelivered = e.undelivered
    FROM unnest(?::bigint[], ?::bigint[]) AS e (id, undelivered) WHERE m.id = e.id
"""
_DELIVERED = f"""
    UPDATE messages m SET undelivered = 0, status = 'delivered', delivered_at = e.at, events = m.events + 1
    FROM unnest(?::bigint[], ?::bigint[]) AS e (id, at) WHERE m.id = e.id AND m.status = 'sent'
    RETURNING {_SHOWN}
"""


@dataclass(frozen=True, slots=True)
class End:
    """When and how a message ended. `reason`: of one that failed; `retries`: of one that was sent."""

    message_id: int
    at: int
    reason: str = ""
    retries: int = 0


def lock(db: Transaction, message_ids: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """Hold the rows of messages to the end of the transaction: id, status, sim_id, parts, unsent, undelivered."""
    return {row["id"]: row for row in db.execute(_LOCK, (sorted(message_ids),))}


def sent(db: Transaction, ends: Sequence[End], calendar: Calendar, changes: Changes) -> set[int]:
    """End messages as sent by the SIM that they have; those that were pending."""
    if not ends:
        return set()
    by_id = {end.message_id: end for end in ends}
    ids, ats, retries = columns(((end.message_id, end.at, end.retries) for end in ends), 3)
    rows = fetch(db, _SENT, {"ids": ids, "ats": ats, "retries": retries})
    for row in rows:
        at = by_id[row["id"]].at
        changes.use_sim(row["sim_id"], calendar.day(at), sent=1)
        _told(changes, EventType.MESSAGE_SENT, row, at)
    return {row["id"] for row in rows}


def failed(db: Transaction, ends: Sequence[End], calendar: Calendar, changes: Changes) -> set[int]:
    """End messages that are pending or sent as failed; those that were.

    What was not sent is given back, and the quota too if nothing was.
    """
    if not ends:
        return set()
    by_id = {end.message_id: end for end in ends}
    rows = db.execute(
        _FAILED,
        {
            "ids": [end.message_id for end in ends],
            "ats": [end.at for end in ends],
            "reasons": [end.reason for end in ends],
        },
    ).fetchall()
    for row in rows:
        at = by_id[row["id"]].at
        today = calendar.day(at)
        if row["sim_id"] and not row["sandbox"]:
            changes.use_sim(row["sim_id"], today, failed=1)
        _give_back(changes, row)
        if 0 < row["unsent"] < row["parts"]:
            changes.sent_in_part(row["id"], row["parts"] - row["unsent"], at, today)
        _told(changes, EventType.MESSAGE_FAILED, row, at)
    return {row["id"] for row in rows}


def cancelled(db: Transaction, message_ids: Collection[int], at: int, changes: Changes) -> set[int]:
    """End pending messages as cancelled; those that were. Their quota and limits are given back."""
    if not message_ids:
        return set()
    rows = db.execute(_CANCELLED, {"ids": sorted(message_ids)}).fetchall()
    for row in rows:
        _give_back(changes, row)
        _told(changes, EventType.MESSAGE_CANCELLED, row, at)
    return {row["id"] for row in rows}


def in_doubt(db: Transaction, message_ids: Collection[int], reason: str, at: int, changes: Changes) -> None:
    """Tell that messages are in doubt from now on, whose rows of the queue say so."""
    if message_ids:
        for row in db.execute(_IN_DOUBT, {"ids": sorted(message_ids), "reason": reason}).fetchall():
            changes.tell(EventType.MESSAGE_IN_DOUBT, row, at)


def delivered(db: Transaction, ats: Mapping[int, int], changes: Changes) -> None:
    """Count the parts of messages that were reported delivered; those of which all were are delivered, at these times."""
    if not ats:
        return
    found = lock(db, ats)
    counts = dict(db.execute(_DELIVERIES, (sorted(found),)).fetchall())
    left = {message_id: max(0, row["parts"] - counts.get(message_id, 0)) for message_id, row in found.items()}
    ended = [each for each, count in left.items() if count == 0 and found[each]["status"] == "sent"]
    partly = [
        (each, count)
        for each, count in left.items()
        if each not in ended and count != found[each]["undelivered"]
    ]
    if partly:
        db.execute(_UNDELIVERED, columns(partly, 2))
    if ended:
        for row in db.execute(_DELIVERED, columns(((each, ats[each]) for each in ended), 2)).fetchall():
            changes.tell(EventType.MESSAGE_DELIVERED, row, ats[row["id"]])


def rows_of(ids: Iterable[int]) -> list[int]:
    """Ids once each, in the order in which all transactions hold them."""
    return sorted(set(ids))


def _told(changes: Changes, type_: EventType, row: Mapping[str, Any], at: int) -> None:
    changes.tell(type_, row, at)
    if row["accepted_by"] is not None:
        changes.wake.add(row["accepted_by"])


def _give_back(changes: Changes, row: Mapping[str, Any]) -> None:
    """As `quotas.give_back`."""
    if row["sandbox"]:
        return
    whole = row["unsent"] == row["parts"]
    if whole:
        changes.use_company(row["company_id"], month_of(row["taken_day"]), -1)
    if row["unsent"] and row["day"]:
        changes.use_sim(row["sim_id"], row["day"], taken=-1 if whole else 0, parts=-row["unsent"])
        if whole:
            changes.leave_recipient(row["sim_id"], row["day"], row["recipient"])
