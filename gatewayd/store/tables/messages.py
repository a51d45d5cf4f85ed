"""Messages: what clients asked for and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.tables import event_counts, former_numbers

_HANDLED = "iif(m.status = 'pending', NULL, coalesce(m.sent_at, m.failed_at, m.created_at))"

_VIEW = f"""
    SELECT m.*, coalesce({former_numbers.of_message("m.sim_id", "m.id", _HANDLED)}, s.number, s.card_number, '') AS sim_number,
           m.status = 'pending' AND EXISTS (
               SELECT 1 FROM parts p WHERE p.message_id = m.id AND p.state = 'in_doubt') AS in_doubt
    FROM messages m LEFT JOIN sims s ON s.id = m.sim_id
"""

# The columns `insert` takes, in this order.
COLUMNS = (
    "sms_id",
    "task_id",
    "company_id",
    "recipient",
    "text",
    "priority",
    "pinned",
    "sim_id",
    "campaign_id",
    "parts",
    "unsent",
    "undelivered",
    "cost",
    "taken_day",
    "day",
    "created_at",
    "expires_at",
)
# A read transaction keeps the WAL from being emptied, so that none may look at a million messages: at so many at most.
_WINDOW = 20_000

_INSERT = f"INSERT INTO messages (id, {', '.join(COLUMNS)}) VALUES (?{', ?' * len(COLUMNS)})"

_SIM = COLUMNS.index("sim_id") + 1


def next_ids(db: Connection) -> tuple[int, int]:
    """The id that the next message gets, and the newest task id (0 where there is none)."""
    row = db.execute("SELECT id, task_id FROM messages ORDER BY id DESC LIMIT 1").fetchone()
    return (1, 0) if row is None else (row[0] + 1, row[1])


def newest(db: Connection) -> int | None:
    """When the newest message was taken."""
    row = db.execute("SELECT created_at FROM messages ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else row[0]


def insert(db: Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Keep messages: each row is an id and then `COLUMNS`."""
    db.executemany(_INSERT, rows)
    event_counts.accepted(db, (row[_SIM] for row in rows))


def insert_parts(db: Connection, rows: Iterable[Sequence[object]]) -> None:
    """Keep queued parts: message_id, seq, sim_id, pinned, priority."""
    db.executemany(
        "INSERT INTO parts (message_id, seq, sim_id, pinned, priority) VALUES (?, ?, ?, ?, ?)",
        rows,
    )


def by_sms_id(db: Connection, sms_id: str) -> Row | None:
    """One message as it is shown. The digits of its id may be capitals (RFC 9562, 4)."""
    row: Row | None = db.execute(f"{_VIEW} WHERE m.sms_id = ?", (sms_id.lower(),)).fetchone()
    return row


def by_id(db: Connection, message_id: int) -> Row:
    """One message, which must exist."""
    row: Row = db.execute("SELECT * FROM messages WHERE id = ?", (message_id,)).fetchone()
    return row


def to_send(db: Connection, message_id: int) -> Row | None:
    """Of one message what its parts are sent by, and what changes where another SIM takes them; None where it is missing."""
    row: Row | None = db.execute(
        "SELECT id, sim_id, recipient, text, parts, unsent, cost, day, created_at, expires_at"
        " FROM messages WHERE id = ?",
        (message_id,),
    ).fetchone()
    return row


def page(
    db: Connection,
    *,
    company_id: int | None,
    status: str | None,
    campaign_id: int | None,
    recipient: str | None,
    since: int | None,
    until: int | None,
    before_id: int | None,
    limit: int,
) -> list[Row]:
    """Messages as they are shown, newest first. Where few of many are wanted, in several short reads.

    `company_id` None: of all companies.
    """
    wanted: dict[str, object] = {
        "m.status = :status": status,
        "m.campaign_id = :campaign_id": campaign_id,
        "m.recipient = :recipient": recipient,
    }
    if company_id is None:
        wanted |= {"m.created_at >= :since": since, "m.created_at < :until": until}
    terms = [term for term, value in wanted.items() if value is not None]
    values: dict[str, object] = {term.rsplit(":", 1)[1]: value for term, value in wanted.items()}
    if company_id is None:
        return _page_of_all(db, terms, values, before_id, limit)
    values |= {"company": company_id, "since": _FIRST if since is None else since}
    before = _place(db, before_id)
    if until is not None and before is not None:
        before = min(before, (until, _FIRST))
    return _page_of_one(db, terms, values, before, limit)


def _page_of_all(
    db: Connection, terms: list[str], values: dict[str, object], before_id: int | None, limit: int
) -> list[Row]:
    where = " AND ".join(["m.id >= :first", "m.id < :end", *terms])
    statement = f"{_VIEW} WHERE {where} ORDER BY m.id DESC LIMIT :limit"
    lowest, newest = _ids(db)
    end = newest + 1 if before_id is None else min(before_id, newest + 1)
    found: list[Row] = []
    while end > lowest and len(found) < limit:
        first = max(lowest, end - _WINDOW)
        bounds = {"first": first, "end": end, "limit": limit - len(found)}
        found += db.execute(statement, {**values, **bounds}).fetchall()
        end = first
    return found


# A company's messages by the index of their time; what is as old as another comes before it if its id is higher.
_OF_COMPANY = (
    " FROM messages m WHERE m.company_id = :company AND m.created_at >= :since"
    " AND (m.created_at, m.id) < (:before_at, :before_id)"
)
_NEWEST = " ORDER BY m.created_at DESC, m.id DESC"
_WINDOW_END = f"SELECT m.created_at, m.id{_OF_COMPANY}{_NEWEST} LIMIT 1 OFFSET :window - 1"
_IN_WINDOW = f"SELECT m.id{_OF_COMPANY}{_NEWEST} LIMIT :window"

# Beyond all times and ids.
_FIRST, _LAST = -(2**63), 2**63 - 1


def _page_of_one(
    db: Connection, terms: list[str], values: dict[str, object], before: tuple[int, int] | None, limit: int
) -> list[Row]:
    where = " AND ".join([f"m.id IN ({_IN_WINDOW})", *terms])
    statement = f"{_VIEW} WHERE {where} ORDER BY m.created_at DESC, m.id DESC LIMIT :limit"
    found: list[Row] = []
    while before is not None and len(found) < limit:
        bounds = {
            **values,
            "before_at": before[0],
            "before_id": before[1],
            "window": _WINDOW if terms else limit - len(found),
        }
        found += db.execute(statement, {**bounds, "limit": limit - len(found)}).fetchall()
        end = db.execute(_WINDOW_END, bounds).fetchone() if len(found) < limit else None
        before = None if end is None else (end[0], end[1])
    return found


def _place(db: Connection, before_id: int | None) -> tuple[int, int] | None:
    """Where in the order of time a message is, or one that was deleted was; None before all there are."""
    if before_id is None:
        return _LAST, _LAST
    row = db.execute(
        "SELECT created_at FROM messages WHERE id <= ? ORDER BY id DESC LIMIT 1", (before_id,)
    ).fetchone()
    return None if row is None else (row[0], before_id)


def _ids(db: Connection) -> tuple[int, int]:
    """The lowest and the highest id; of no messages 1 and 0."""
    row = db.execute("SELECT (SELECT min(id) FROM messages), (SELECT max(id) FROM messages)").fetchone()
    return (1, 0) if row[0] is None else (row[0], row[1])


def part_taken(db: Connection, message_id: int, now: int) -> Row:
    """Count a part that the network took; `sms_id` and `sim_id` of the message, and its new `unsent` and `status`."""
    row: Row = db.execute(
        "UPDATE messages SET unsent = unsent - 1,"
        " status = iif(unsent = 1 AND status = 'pending', 'sent', status),"
        " sent_at = iif(unsent = 1, :now, sent_at),"
        " failure_reason = iif(status = 'pending', NULL, failure_reason)"
        " WHERE id = :id RETURNING sms_id, sim_id, unsent, status",
        {"id": message_id, "now": now},
    ).fetchone()
    return row


def part_delivered(db: Connection, message_id: int, now: int) -> Row:
    """Count a part that was reported delivered; `sms_id` of the message, and its new `undelivered` and `status`."""
    row: Row = db.execute(
        "UPDATE messages SET undelivered = undelivered - 1,"
        " status = iif(undelivered = 1 AND status = 'sent', 'delivered', status),"
        " delivered_at = iif(undelivered = 1 AND status = 'sent', :now, delivered_at)"
        " WHERE id = :id RETURNING sms_id, undelivered, status",
        {"id": message_id, "now": now},
    ).fetchone()
    return row


def failed(db: Connection, message_id: int, reason: str, now: int) -> Row | None:
    """End a message that is pending or sent as failed; None where it has ended already."""
    row: Row | None = db.execute(
        "UPDATE messages SET status = 'failed', failed_at = ?, failure_reason = ?"
        " WHERE id = ? AND status IN ('pending', 'sent') RETURNING *",
        (now, reason, message_id),
    ).fetchone()
    return row


def cancelled(db: Connection, message_id: int) -> None:
    """End a pending message as cancelled."""
    db.execute("UPDATE messages SET status = 'cancelled' WHERE id = ? AND status = 'pending'", (message_id,))


def waits_because(db: Connection, message_id: int, reason: str | None) -> None:
    """Say in words why a pending message is not sent yet."""
    db.execute(
        "UPDATE messages SET failure_reason = ? WHERE id = ? AND status = 'pending'", (reason, message_id)
    )


def rebind(db: Connection, message_id: int, sim_id: int, day: str, cost: float) -> None:
    """Give a message, and the parts of it that wait, to another SIM."""
    db.execute(
        "UPDATE messages SET sim_id = ?, day = ?, cost = ? WHERE id = ?", (sim_id, day, cost, message_id)
    )
    db.execute("UPDATE parts SET sim_id = ? WHERE message_id = ? AND state = 'queued'", (sim_id, message_id))


def due(db: Connection, now: int, after: tuple[int, int], limit: int) -> list[Row]:
    """Pending messages whose time is over, the longest over first, behind one that expired at `after` (time, id).

    Of each `id`, `expires_at`, and `open`: whether a part of it is in the air or in doubt.
    """
    return db.execute(
        "SELECT id, expires_at, EXISTS (SELECT 1 FROM parts p WHERE p.message_id = m.id"
        "  AND p.state IN ('submitting', 'in_doubt')) AS open"
        " FROM messages m WHERE status = 'pending' AND expires_at <= ? AND (expires_at, id) > (?, ?)"
        " ORDER BY expires_at, id LIMIT ?",
        (now, *after, limit),
    ).fetchall()


def next_expiry(db: Connection, now: int) -> int | None:
    """When the next of the pending messages expires, after now."""
    expires_at: int | None = db.execute(
        "SELECT min(expires_at) FROM messages WHERE status = 'pending' AND expires_at > ?", (now,)
    ).fetchone()[0]
    return expires_at


def restamp(db: Connection, since: int, jump: int) -> None:
    """The clock was set: move the times of pending messages that were taken at `since` or later.

    One statement for all that are pending: no other transaction may see some of them moved and some not.
    """
    db.execute(
        "UPDATE messages INDEXED BY messages_expiry SET created_at = created_at + :jump, expires_at = expires_at + :jump"
        " WHERE status = 'pending' AND created_at >= :since",
        {"since": since, "jump": jump},
    )


def newest_before(db: Connection, moment: int) -> int:
    """The id of the newest message taken before a moment, 0 without one: ids and times rise together."""
    low, high = 0, next_ids(db)[0] - 1
    while low < high:  # one look at the table for each halving
        middle = (low + high + 1) // 2
        row = db.execute(
            "SELECT id, created_at FROM messages WHERE id <= ? ORDER BY id DESC LIMIT 1", (middle,)
        ).fetchone()
        if row is None or row["created_at"] < moment:
            low = middle
        else:
            high = row["id"] - 1
    return max(low, 0)
