"""Messages: what clients asked for and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gatewayd.store.database import Connection, Row

_VIEW = """
    SELECT m.*, coalesce(s.number, s.card_number, '') AS sim_number,
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
_INSERT = f"INSERT INTO messages (id, {', '.join(COLUMNS)}) VALUES (?{', ?' * len(COLUMNS)})"


def next_ids(db: Connection) -> tuple[int, int]:
    """The id that the next message gets, and the newest task id (0 where there is none)."""
    row = db.execute("SELECT id, task_id FROM messages ORDER BY id DESC LIMIT 1").fetchone()
    return (1, 0) if row is None else (row[0] + 1, row[1])


def newest(db: Connection) -> int | None:
    """When the newest message was taken."""
    row = db.execute("SELECT created_at FROM messages ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else row[0]


def insert(db: Connection, rows: Iterable[Sequence[object]]) -> None:
    """Keep messages: each row is an id and then `COLUMNS`."""
    db.executemany(_INSERT, rows)


def insert_parts(db: Connection, rows: Iterable[Sequence[object]]) -> None:
    """Keep queued parts: message_id, seq, sim_id, pinned, priority."""
    db.executemany(
        "INSERT INTO parts (message_id, seq, sim_id, pinned, priority) VALUES (?, ?, ?, ?, ?)",
        rows,
    )


def by_sms_id(db: Connection, sms_id: str) -> Row | None:
    """One message as it is shown."""
    row: Row | None = db.execute(f"{_VIEW} WHERE m.sms_id = ?", (sms_id,)).fetchone()
    return row


def by_id(db: Connection, message_id: int) -> Row:
    """One message, which must exist."""
    row: Row = db.execute("SELECT * FROM messages WHERE id = ?", (message_id,)).fetchone()
    return row


def page(
    db: Connection,
    from_id: int,
    before_id: int,
    limit: int,
    *,
    company_id: int | None,
    status: str | None,
    campaign_id: int | None,
    recipient: str | None,
    since: int | None,
    until: int | None,
) -> list[Row]:
    """Messages as they are shown, newest first, of a stretch of ids (see `pages`)."""
    wanted = {
        "m.company_id = :company_id": company_id,
        "m.status = :status": status,
        "m.campaign_id = :campaign_id": campaign_id,
        "m.recipient = :recipient": recipient,
        "m.created_at >= :since": since,
        "m.created_at < :until": until,
        "m.id >= :from_id": from_id,
        "m.id < :before_id": before_id,
    }
    terms = [term for term, value in wanted.items() if value is not None]
    values = {term.rsplit(":", 1)[1]: value for term, value in wanted.items()}
    where = f"WHERE {' AND '.join(terms)}" if terms else ""
    return db.execute(
        f"{_VIEW} {where} ORDER BY m.id DESC LIMIT :limit", {**values, "limit": limit}
    ).fetchall()


def part_taken(db: Connection, message_id: int, now: int) -> Row:
    """Count a part that the network took; the message with its new `unsent` and `status`."""
    row: Row = db.execute(
        "UPDATE messages SET unsent = unsent - 1,"
        " status = iif(unsent = 1 AND status = 'pending', 'sent', status),"
        " sent_at = iif(unsent = 1, :now, sent_at),"
        " failure_reason = iif(status = 'pending', NULL, failure_reason)"
        " WHERE id = :id RETURNING *",
        {"id": message_id, "now": now},
    ).fetchone()
    return row


def part_delivered(db: Connection, message_id: int, now: int) -> Row:
    """Count a part that was reported delivered; the message with its new `undelivered` and `status`."""
    row: Row = db.execute(
        "UPDATE messages SET undelivered = undelivered - 1,"
        " status = iif(undelivered = 1 AND status = 'sent', 'delivered', status),"
        " delivered_at = iif(undelivered = 1 AND status = 'sent', :now, delivered_at)"
        " WHERE id = :id RETURNING *",
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
    """Give a message of which nothing was sent, and its parts, to another SIM."""
    db.execute(
        "UPDATE messages SET sim_id = ?, day = ?, cost = ? WHERE id = ?", (sim_id, day, cost, message_id)
    )
    db.execute("UPDATE parts SET sim_id = ? WHERE message_id = ?", (sim_id, message_id))


def counts(db: Connection) -> dict[str, int]:
    """Messages that have not ended, by status."""
    rows = db.execute(
        "SELECT status, count(*) FROM messages WHERE status IN ('pending', 'sent') GROUP BY status"
    )
    return dict(rows.fetchall())
