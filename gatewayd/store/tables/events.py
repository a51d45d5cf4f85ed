"""Events: what clients are told. Each is written in the transaction of what it tells, by any floor."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from gatewayd.records import (
    NO_COMPANY,
    Audience,
    EventRecord,
    EventType,
    InboxRecord,
    MessageRecord,
    Status,
)
from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.tables import event_eras, former_numbers, inbound, messages
from gatewayd.store.tables.event_eras import Eras
from gatewayd.store.tables.messages import ShownMessage

# The numbers of the types in the database. They never change; a new type gets a new number.
_CODES: Final = {
    EventType.MESSAGE_SENT: 1,
    EventType.MESSAGE_DELIVERED: 2,
    EventType.MESSAGE_FAILED: 3,
    EventType.MESSAGE_CANCELLED: 4,
    EventType.MESSAGE_IN_DOUBT: 5,
    EventType.MESSAGE_RECEIVED: 6,
    EventType.OPT_OUT_CHANGED: 7,
    EventType.QUOTA_THRESHOLD: 8,
    EventType.WEBHOOK_PAUSED: 9,
    EventType.PORT_DOWN: 20,
    EventType.PORT_UP: 21,
    EventType.SIM_LOW_BALANCE: 22,
    EventType.SIM_BUNDLE_ENDING: 23,
    EventType.SIM_SUSPECTED_BLOCKED: 24,
    EventType.DISK_STATE: 25,
    EventType.CLOCK_UNTRUSTED: 26,
}
_TYPES = {code: type_ for type_, code in _CODES.items()}

# The status of a message after an event of it.
_STATUS = {
    EventType.MESSAGE_SENT: Status.SENT,
    EventType.MESSAGE_DELIVERED: Status.DELIVERED,
    EventType.MESSAGE_FAILED: Status.FAILED,
    EventType.MESSAGE_CANCELLED: Status.CANCELLED,
    EventType.MESSAGE_IN_DOUBT: Status.PENDING,
}

# The gateway's own messages (of no company) have no events.
_EACH_MESSAGE = f"""
    INSERT INTO events
        (type, at, company_id, sandbox, message_id, sequence, sim_id, cost, retry_count, sent_at, failure_reason)
    SELECT :type, :at, company_id, sandbox, id, events + 1, sim_id, cost, retry_count,
           iif(:type = {_CODES[EventType.MESSAGE_SENT]}, NULL, sent_at), failure_reason
    FROM messages WHERE company_id <> {NO_COMPANY} AND {{}}
"""
_ONE_MESSAGE = _EACH_MESSAGE.format("id = :message")
_COUNT = "UPDATE messages SET events = events + 1 WHERE id = ?"

_INSERT_OF_TEXT = f"""
    INSERT INTO events (type, at, company_id, sandbox, inbox_id)
    SELECT {_CODES[EventType.MESSAGE_RECEIVED]}, :at, coalesce(company_id, {NO_COMPANY}), sandbox, id FROM inbox WHERE id = :inbox
"""

_INSERT = "INSERT INTO events (type, at, company_id, sandbox, data) VALUES (?, ?, ?, ?, ?)"

_READ = f"""
    SELECT e.id, e.type, e.at, e.company_id, e.sandbox, e.message_id, e.sequence, e.cost, e.retry_count, e.sent_at,
           e.failure_reason, e.inbox_id, e.data,
           coalesce({former_numbers.of_message("e.sim_id", "e.message_id", "e.at")}, s.number, s.card_number, '')
               AS sim_number
    FROM events e LEFT JOIN sims s ON s.id = e.sim_id
"""


def write_of_message(db: Connection, type_: EventType, message_id: int, at: int) -> None:
    """Write an event of a message, with the values that the message has now. Times are microseconds since the epoch."""
    written = db.execute(_ONE_MESSAGE, {"type": _CODES[type_], "at": at, "message": message_id}).rowcount
    if written:
        db.execute(_COUNT, (message_id,))


def write_of_held(db: Connection) -> None:
    """Write that each message of a restored backup that waited in it is in doubt."""
    pending = "status = 'pending' AND EXISTS (SELECT 1 FROM parts p WHERE p.message_id = messages.id AND p.held = 1)"
    db.execute(
        _EACH_MESSAGE.format(pending),
        {"type": _CODES[EventType.MESSAGE_IN_DOUBT], "at": time.time_ns() // 1000},
    )
    db.execute(f"UPDATE messages SET events = events + 1 WHERE {pending}")


def write_of_text(db: Connection, inbox_id: int, at: int) -> None:
    """Write that a text came in, for the company that owns it; for the box where it belongs to no company."""
    db.execute(_INSERT_OF_TEXT, {"at": at, "inbox": inbox_id})


def write(
    db: Connection,
    type_: EventType,
    company_id: int | None,
    at: int,
    *,
    data: Mapping[str, object] | None = None,
    sandbox: bool = False,
) -> None:
    """Write another event of a company, or of the box (None). `data`: small, for JSON."""
    content = None if data is None else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    db.execute(_INSERT, (_CODES[type_], at, company_id or NO_COMPANY, sandbox, content))


def state_changed(db: Connection, subject: str, state: str) -> bool:
    """Note the state of a subject that an event is about to tell. False: the same state was told last."""
    changed = db.execute(
        "INSERT INTO told_states VALUES (?, ?)"
        " ON CONFLICT (subject) DO UPDATE SET state = excluded.state WHERE told_states.state <> excluded.state",
        (subject, state),
    ).rowcount
    return changed == 1


def told_state(db: Connection, subject: str) -> str | None:
    """The state of a subject that was told last (see `state_changed`); None: none was."""
    row = db.execute("SELECT state FROM told_states WHERE subject = ?", (subject,)).fetchone()
    return None if row is None else row[0]


def last_id(db: Connection) -> int:
    """The id of the newest event; 0 without any."""
    newest: int = db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]
    return newest


def oldest_id(db: Connection) -> int:
    """The id of the oldest event that is kept; of the next one where none is kept."""
    oldest: int = db.execute("SELECT coalesce(min(id), 1) FROM events").fetchone()[0]
    return oldest


def kept(db: Connection) -> int:
    """The number of events that are kept. Only the oldest are ever deleted, so there are no gaps."""
    first, last = db.execute("SELECT (SELECT min(id) FROM events), (SELECT max(id) FROM events)").fetchone()
    return 0 if first is None else last - first + 1


def after(
    db: Connection,
    audience: Audience,
    after_id: int,
    until_id: int,
    types: Collection[EventType] | None,
    limit: int,
) -> tuple[list[EventRecord], int]:
    """The events for an audience with ids above `after_id`, up to `until_id`, oldest first, and where to go on.

    `types` None: all. Events whose message or text was deleted are left out.
    """
    terms = ["e.id > :after", "e.id <= :until", "e.sandbox = :sandbox"]
    terms.append("(e.company_id = :company OR (:box = 1 AND e.company_id = 0))")
    if types is not None:
        terms.append(f"e.type IN ({codes_of(types)})")
    rows = db.execute(
        f"{_READ} WHERE {' AND '.join(terms)} ORDER BY e.id LIMIT :limit",
        {
            "after": after_id,
            "until": until_id,
            "sandbox": audience.sandbox,
            "company": audience.company_id,
            "box": audience.box,
            "limit": limit,
        },
    ).fetchall()
    return _records(db, rows), rows[-1]["id"] if len(rows) == limit else until_id


def by_number(db: Connection, number: int) -> EventRecord | None:
    """One event; None: it, its message or its text was deleted."""
    return next(iter(_records(db, db.execute(f"{_READ} WHERE e.id = ?", (number,)).fetchall())), None)


def _records(db: Connection, rows: list[Row]) -> list[EventRecord]:
    eras = event_eras.read(db)
    shown = messages.shown_by_ids(db, ids) if (ids := _ids(rows, "message_id")) else {}
    texts = inbound.shown_by_ids(db, ids) if (ids := _ids(rows, "inbox_id")) else {}
    found = [_record(row, eras, shown, texts) for row in rows]
    return [record for record in found if record is not None]


def _ids(rows: list[Row], column: str) -> set[int]:
    return {row[column] for row in rows if row[column] is not None}


def _record(
    row: Row, eras: Eras, shown: Mapping[int, ShownMessage], texts: Mapping[int, InboxRecord]
) -> EventRecord | None:
    type_ = _TYPES[row["type"]]
    record = EventRecord(
        row["id"], eras.public_id(row["id"]), type_, row["at"], row["company_id"], bool(row["sandbox"])
    )
    if row["message_id"] is not None:
        message = shown.get(row["message_id"])
        if message is None:
            return None
        return replace(record, message=_at_that_moment(message, type_, row), sequence=row["sequence"])
    if row["inbox_id"] is not None:
        text = texts.get(row["inbox_id"])
        return None if text is None else replace(record, text=text)
    return replace(record, data=json.loads(row["data"] or "{}"))


def _at_that_moment(message: ShownMessage, type_: EventType, row: Row) -> MessageRecord:
    return replace(
        message.record,
        status=_STATUS[type_],
        sim_number=row["sim_number"],
        sent_at=row["at"] if type_ is EventType.MESSAGE_SENT else row["sent_at"],
        delivered_at=row["at"] if type_ is EventType.MESSAGE_DELIVERED else None,
        failed_at=row["at"] if type_ is EventType.MESSAGE_FAILED else None,
        failure_reason=row["failure_reason"],
        cost=round(row["cost"], 9),
        retry_count=row["retry_count"],
        in_doubt=type_ is EventType.MESSAGE_IN_DOUBT,
    )


def code_of(type_: EventType) -> int:
    """The number of a type in the database."""
    return _CODES[type_]


def codes_of(types: Collection[EventType]) -> str:
    """The numbers of types in the database, for `IN (…)`; of none, a number that no type has."""
    return ", ".join(str(_CODES[each]) for each in types) or "-1"


def type_of(code: int) -> EventType:
    """The type with a number in the database."""
    return _TYPES[code]
