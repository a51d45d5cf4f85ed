"""Messages: the requests of clients and their outcome."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gatewayd.records import MessageRecord, Priority, Status
from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.tables import former_numbers, pagination
from gatewayd.store.tables.pagination import newest_first
from gatewayd.store.tables.part_filters import OPEN

_HANDLED = "iif(m.status = 'pending', NULL, coalesce(m.sent_at, m.failed_at, m.created_at))"

# The columns of `ShownMessage` and of its `MessageRecord`, in their order.
_SHOWN = f"""
    SELECT m.id, m.company_id, m.sms_id, m.task_id, m.recipient,
           coalesce({former_numbers.of_message("m.sim_id", "m.id", _HANDLED)}, s.number, s.card_number, ''),
           m.text, m.status, m.created_at, m.sent_at, m.delivered_at, m.failed_at, m.failure_reason, m.cost,
           m.retry_count, m.campaign_id, m.priority, m.parts,
           m.status = 'pending' AND EXISTS (
               SELECT 1 FROM parts p WHERE p.message_id = m.id AND p.state = 'in_doubt')
           OR m.sandbox = 1 AND m.status = 'pending' AND m.failure_reason IS NOT NULL,
           m.reference, m.send_at, m.expires_at, m.sandbox, m.transactional, m.day, c.sending_window
    FROM messages m LEFT JOIN sims s ON s.id = m.sim_id LEFT JOIN companies c ON c.id = m.company_id
"""

# The columns of `Message`, in its order.
_MESSAGE = (
    "id, sms_id, company_id, recipient, text, status, pinned, sim_id, parts, unsent, cost, taken_day, day,"
    " created_at, expires_at, failure_reason, priority, send_at, stoppable, sandbox"
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as sending needs it. Times are microseconds since the epoch, days `YYYY-MM-DD`."""

    id: int
    sms_id: str
    company_id: int
    recipient: str
    text: str
    status: str
    pinned: int
    sim_id: int
    parts: int
    unsent: int
    cost: float
    taken_day: str
    day: str  # of the limits of its SIM that it takes from; "": it is scheduled, and no SIM was chosen yet
    created_at: int
    expires_at: int | None
    failure_reason: str | None
    priority: int
    send_at: int | None
    stoppable: int  # an opt-out of its recipient stops it
    sandbox: int  # it has no parts, no SIM and no quota

    @property
    def begins_at(self) -> int:
        """The time from which its life counts: of its acceptance, or `send_at` where that is later."""
        return self.created_at if self.send_at is None else max(self.created_at, self.send_at)


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message as it is shown, with its row id and its company."""

    id: int
    company_id: int
    record: MessageRecord
    transactional: bool
    scheduled: bool  # no SIM was chosen yet
    sending_window: str | None  # of its company

    @property
    def sandbox(self) -> bool:
        """Whether a sandbox key sent it."""
        return self.record.sandbox


@dataclass(frozen=True, slots=True)
class Progress:
    """A message after one of its parts was counted. `left`: parts that are not sent, or not delivered, yet."""

    sms_id: str
    sim_id: int
    status: str
    left: int


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A pending message that has expired. `is_open`: a part of it is being submitted or in doubt."""

    id: int
    expires_at: int
    is_open: int


# The columns that `insert` takes, in this order.
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
    "reference",
    "send_at",
    "transactional",
    "sandbox",
    "stoppable",
)

_INSERT = f"INSERT INTO messages (id, {', '.join(COLUMNS)}) VALUES (?{', ?' * len(COLUMNS)})"


FIRST_SHARED = 10**12
"""Ids of messages that several boxes share begin here, far above those that one box gives."""


def next_ids(db: Connection) -> tuple[int, int]:
    """The id of the next message, and the newest task id (0 without any)."""
    row = db.execute("SELECT id, task_id FROM messages ORDER BY id DESC LIMIT 1").fetchone()
    return (1, 0) if row is None else (row[0] + 1, row[1])


def next_own_ids(db: Connection) -> tuple[int, int]:
    """As `next_ids`, for a message of this box's own where it also keeps messages that several boxes share."""
    row = db.execute(
        "SELECT id, task_id FROM messages WHERE id < ? ORDER BY id DESC LIMIT 1", (FIRST_SHARED,)
    ).fetchone()
    return (1, 0) if row is None else (row[0] + 1, row[1])


def id_range(db: Connection) -> tuple[int, int]:
    """The id of the oldest message, and the one behind the newest; both are 1 without any."""
    behind, _ = next_ids(db)
    oldest: int | None = db.execute("SELECT min(id) FROM messages").fetchone()[0]
    return (behind if oldest is None else oldest), behind


def newest(db: Connection) -> int | None:
    """The time at which the newest message was accepted; None without any."""
    row = db.execute("SELECT created_at FROM messages ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else row[0]


def insert(db: Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Insert messages: each row is an id followed by `COLUMNS`."""
    db.executemany(_INSERT, rows)


def insert_parts(db: Connection, rows: Iterable[Sequence[object]], place: int | None = None) -> None:
    """Insert queued parts of messages that were inserted: message_id, seq, sim_id, pinned, priority.

    `place`: their place in the queue; None: that of their message's acceptance.
    """
    db.executemany(
        "INSERT INTO parts (message_id, seq, sim_id, pinned, priority, company_id, transactional, place)"
        f" SELECT ?, ?, ?, ?, ?, company_id, transactional, {'id' if place is None else int(place)}"
        " FROM messages WHERE id = ?",
        ((*row, row[0]) for row in rows),
    )


def shown(db: Connection, sms_id: str) -> ShownMessage | None:
    """One message as it is shown. The hexadecimal digits of its id may be capitals (RFC 9562, 4)."""
    row = db.execute(f"{_SHOWN} WHERE m.sms_id = ?", (sms_id.lower(),)).fetchone()
    return None if row is None else _shown(row)


def shown_by_ids(db: Connection, message_ids: Iterable[int]) -> dict[int, ShownMessage]:
    """Messages as they are shown, by their row ids; a deleted one is missing."""
    # One statement for any number of ids: SQLite's cache would keep one for each number of marks.
    rows = db.execute(
        f"{_SHOWN} WHERE m.id IN (SELECT value FROM json_each(?))", (json.dumps(list(message_ids)),)
    ).fetchall()
    return {row["id"]: _shown(row) for row in rows}


def by_sms_id(db: Connection, sms_id: str) -> Message | None:
    """One message. The hexadecimal digits of its id may be capitals (RFC 9562, 4)."""
    row = db.execute(f"SELECT {_MESSAGE} FROM messages WHERE sms_id = ?", (sms_id.lower(),)).fetchone()
    return None if row is None else Message(*row)


def by_id(db: Connection, message_id: int) -> Message:
    """One message, which must exist."""
    return Message(*db.execute(f"SELECT {_MESSAGE} FROM messages WHERE id = ?", (message_id,)).fetchone())


def of_sandbox(db: Connection, message_ids: Iterable[int]) -> list[int]:
    """Those of these messages that sandbox keys sent."""
    rows = db.execute(
        "SELECT m.id FROM messages m WHERE m.id IN (SELECT value FROM json_each(?)) AND m.sandbox = 1 ORDER BY m.id",
        (json.dumps(list(message_ids)),),
    ).fetchall()
    return [row[0] for row in rows]


def find(db: Connection, message_id: int) -> Message | None:
    """One message; None where it is missing."""
    row = db.execute(f"SELECT {_MESSAGE} FROM messages WHERE id = ?", (message_id,)).fetchone()
    return None if row is None else Message(*row)


def _shown(row: Row) -> ShownMessage:
    (
        message_id,
        company_id,
        sms_id,
        task_id,
        recipient,
        sim_number,
        text,
        status,
        created_at,
        sent_at,
        delivered_at,
        failed_at,
        failure_reason,
        cost,
        retry_count,
        campaign_id,
        priority,
        parts,
        in_doubt,
        reference,
        send_at,
        expires_at,
        sandbox,
        transactional,
        day,
        sending_window,
    ) = row
    record = MessageRecord(
        sms_id,
        str(task_id),
        recipient,
        sim_number,
        text,
        Status(status),
        created_at,
        sent_at,
        delivered_at,
        failed_at,
        failure_reason,
        round(cost, 9),  # 3 × 0.05 is 0.15, not what binary fractions make of it
        retry_count,
        campaign_id,
        Priority(priority),
        parts,
        bool(in_doubt),
        reference,
        send_at,
        expires_at,
        bool(sandbox),
    )
    scheduled = send_at is not None and day == "" and status == Status.PENDING.value
    return ShownMessage(message_id, company_id, record, bool(transactional), scheduled, sending_window)


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
    reference: str | None = None,
    sim_id: int | None = None,
    priority: int | None = None,
    sandbox: bool | None = None,
) -> list[ShownMessage]:
    """Messages as they are shown, newest first, found in several short reads.

    `company_id` None: of all companies.
    """
    wanted: dict[str, object] = {
        "m.status = :status": status,
        "m.campaign_id = :campaign_id": campaign_id,
        "m.recipient = :recipient": recipient,
        "m.reference = :reference": reference,
        "m.sim_id = :sim_id": sim_id,
        "m.priority = :priority": priority,
        "m.sandbox = :sandbox": sandbox,
    }
    if company_id is None:
        wanted |= {"m.created_at >= :since": since, "m.created_at < :until": until}
    terms = [term for term, value in wanted.items() if value is not None]
    values: dict[str, object] = {term.rsplit(":", 1)[1]: value for term, value in wanted.items()}
    if company_id is None:
        return _page_of_all(db, terms, values, before_id, limit)
    values |= {"company": company_id, "since": _FIRST if since is None else since}
    before = place(db, before_id)
    if until is not None and before is not None:
        before = min(before, (until, _FIRST))
    return _page_of_one(db, terms, values, before, limit)


def _page_of_all(
    db: Connection, terms: list[str], values: dict[str, object], before_id: int | None, limit: int
) -> list[ShownMessage]:
    where = " AND ".join(["m.id >= :first", "m.id < :end", *terms])
    statement = f"{_SHOWN} WHERE {where} ORDER BY m.id DESC LIMIT :limit"

    def find_some(first: int, end: int, limit: int) -> list[Row]:
        return db.execute(statement, {**values, "first": first, "end": end, "limit": limit}).fetchall()

    return [_shown(row) for row in newest_first(db, "messages", before_id, limit, find_some)]


# The messages of a company by the index of their time, newest first; of equal times the higher id comes first.
_OF_COMPANY = (
    " FROM messages m WHERE m.company_id = :company AND m.created_at >= :since"
    " AND (m.created_at, m.id) < (:before_at, :before_id)"
)
_NEWEST = " ORDER BY m.created_at DESC, m.id DESC"
_WINDOW_END = f"SELECT m.created_at, m.id{_OF_COMPANY}{_NEWEST} LIMIT 1 OFFSET :window - 1"
_IN_WINDOW = f"SELECT m.id{_OF_COMPANY}{_NEWEST} LIMIT :window"

# Before and behind all times and ids.
_FIRST, _LAST = -(2**63), 2**63 - 1


def _page_of_one(
    db: Connection, terms: list[str], values: dict[str, object], before: tuple[int, int] | None, limit: int
) -> list[ShownMessage]:
    where = " AND ".join([f"m.id IN ({_IN_WINDOW})", *terms])
    statement = f"{_SHOWN} WHERE {where} ORDER BY m.created_at DESC, m.id DESC LIMIT :limit"
    found: list[Row] = []
    while before is not None and len(found) < limit:
        bounds = {
            **values,
            "before_at": before[0],
            "before_id": before[1],
            "window": pagination.WINDOW if terms else limit - len(found),
        }
        found += db.execute(statement, {**bounds, "limit": limit - len(found)}).fetchall()
        end = db.execute(_WINDOW_END, bounds).fetchone() if len(found) < limit else None
        before = None if end is None else (end[0], end[1])
    return [_shown(row) for row in found]


def place(db: Connection, before_id: int | None) -> tuple[int, int] | None:
    """The place (time, id) of a message in the order of time, also of a deleted one; None: it was before all others."""
    if before_id is None:
        return _LAST, _LAST
    row = db.execute(
        "SELECT created_at FROM messages WHERE id <= ? ORDER BY id DESC LIMIT 1", (before_id,)
    ).fetchone()
    return None if row is None else (row[0], before_id)


def part_taken(db: Connection, message_id: int, now: int) -> Progress:
    """Count a part that the network took; the message after that, with the parts that are not sent yet."""
    row = db.execute(
        "UPDATE messages SET unsent = unsent - 1,"
        " status = iif(unsent = 1 AND status = 'pending', 'sent', status),"
        " sent_at = iif(unsent = 1, :now, sent_at),"
        " failure_reason = iif(status = 'pending', NULL, failure_reason)"
        " WHERE id = :id RETURNING sms_id, sim_id, status, unsent",
        {"id": message_id, "now": now},
    ).fetchone()
    return Progress(*row)


def part_delivered(db: Connection, message_id: int, now: int) -> Progress:
    """Count a part that was reported delivered; the message after that, with the parts that are not delivered yet."""
    row = db.execute(
        "UPDATE messages SET undelivered = undelivered - 1,"
        " status = iif(undelivered = 1 AND status = 'sent', 'delivered', status),"
        " delivered_at = iif(undelivered = 1 AND status = 'sent', :now, delivered_at)"
        " WHERE id = :id RETURNING sms_id, sim_id, status, undelivered",
        {"id": message_id, "now": now},
    ).fetchone()
    return Progress(*row)


def failed(db: Connection, message_id: int, reason: str, now: int) -> Message | None:
    """End a message that is pending or sent as failed; None where it has ended already."""
    row = db.execute(
        "UPDATE messages SET status = 'failed', failed_at = ?, failure_reason = ?"
        f" WHERE id = ? AND status IN ('pending', 'sent') RETURNING {_MESSAGE}",
        (now, reason, message_id),
    ).fetchone()
    return None if row is None else Message(*row)


def cancelled(db: Connection, message_id: int) -> None:
    """End a pending message as cancelled."""
    db.execute("UPDATE messages SET status = 'cancelled' WHERE id = ? AND status = 'pending'", (message_id,))


def waits_because(db: Connection, message_id: int, reason: str | None) -> None:
    """Set the reason why a pending message is not sent yet; None removes it."""
    db.execute(
        "UPDATE messages SET failure_reason = ? WHERE id = ? AND status = 'pending'", (reason, message_id)
    )


def rebind(db: Connection, message_id: int, sim_id: int, day: str, cost: float) -> None:
    """Give a message and its queued parts to another SIM."""
    db.execute(
        "UPDATE messages SET sim_id = ?, day = ?, cost = ? WHERE id = ?", (sim_id, day, cost, message_id)
    )
    db.execute("UPDATE parts SET sim_id = ? WHERE message_id = ? AND state = 'queued'", (sim_id, message_id))


def due(db: Connection, now: int, after: tuple[int, int], limit: int) -> list[DueMessage]:
    """Pending messages that have expired, the earliest first, behind the one that expired at `after` (time, id)."""
    found = db.execute(
        "SELECT id, expires_at, EXISTS (SELECT 1 FROM parts p WHERE p.message_id = m.id"
        f"  AND p.{OPEN})"
        " FROM messages m WHERE status = 'pending' AND expires_at <= ? AND (expires_at, id) > (?, ?)"
        " ORDER BY expires_at, id LIMIT ?",
        (now, *after, limit),
    )
    return [DueMessage(*row) for row in found]


def next_expiry(db: Connection, now: int) -> int | None:
    """The time at which the next pending message expires, after `now`."""
    expires_at: int | None = db.execute(
        "SELECT min(expires_at) FROM messages WHERE status = 'pending' AND expires_at > ?", (now,)
    ).fetchone()[0]
    return expires_at


def restamp(db: Connection, since: int, jump: int) -> None:
    """Shift the times of pending messages that were accepted at `since` or later, because the clock was set.

    The life of a scheduled message counts from `send_at`, a time that its client named, where that is later than its
    acceptance. One statement for all of them: no other transaction may see only a part of them shifted.
    """
    began, begins = (
        f"max({accepted}, coalesce(send_at, {accepted}))" for accepted in ("created_at", "created_at + :jump")
    )
    db.execute(
        "UPDATE messages INDEXED BY messages_expiry SET created_at = created_at + :jump,"
        f" expires_at = expires_at - {began} + {begins} WHERE status = 'pending' AND created_at >= :since",
        {"since": since, "jump": jump},
    )


def newest_before(db: Connection, moment: int) -> int:
    """The id of the newest message accepted before a moment, 0 without one. Ids and times rise together."""
    low, high = 0, next_ids(db)[0] - 1
    while low < high:  # one look at the table for each step of the bisection
        middle = (low + high + 1) // 2
        row = db.execute(
            "SELECT id, created_at FROM messages WHERE id <= ? ORDER BY id DESC LIMIT 1", (middle,)
        ).fetchone()
        if row is None or row["created_at"] < moment:
            low = middle
        else:
            high = row["id"] - 1
    return max(low, 0)
