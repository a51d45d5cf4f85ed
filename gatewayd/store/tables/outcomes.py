"""Outcomes: what happened to messages of the shared queue at this box, and texts that came in, until the fleet keeps them.

Triggers of the writing connection note them in the transaction that makes the change, so no path of the code can forget one.
They are told in the order of their numbers. What was told is kept for a while: the fleet may have to be restored from a backup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatewayd.store.engine.connection import Connection, SqliteConnection

_PRUNED_AT_ONCE = 500

_IS_SHARED = "EXISTS (SELECT 1 FROM main.shared_messages WHERE message_id = {id})"

# The states of a part that are told, with the state before. A part that never reached a modem is queued again silently.
_TOLD_STATES = (
    "new.state = 'submitted' AND (old.state <> 'submitted' OR new.reference IS NOT old.reference)"
    " OR new.state = 'in_doubt' AND old.state <> 'in_doubt'"
    " OR new.state = 'queued' AND old.state = 'in_doubt'"
    " OR new.state = 'delivered' AND old.state <> 'delivered'"
    " OR new.state = 'failed' AND old.state IN ('submitting', 'in_doubt', 'submitted')"
)

_PART = (
    "json_object('state', new.state, 'sim_id', new.sim_id, 'token', new.token, 'port', new.port,"
    " 'reference', new.reference, 'attempts', new.attempts, 'started_at', new.started_at, 'ended_at', new.ended_at,"
    " 'service_centre_at', new.service_centre_at)"
)

_ATTEMPT = (
    "json_object('token', new.token, 'sim_id', new.sim_id, 'cause', new.cause, 'refused_at', new.refused_at,"
    " 'port', new.port, 'outcome', new.outcome, 'reason', new.reason, 'reason_fr', new.reason_fr)"
)

_TEXT = (
    "json_object('sim_id', new.sim_id, 'sender', new.sender, 'text', new.text, 'sent_at', new.sent_at,"
    " 'received_at', new.received_at, 'incomplete', new.incomplete, 'kind', new.kind, 'encoding', new.encoding,"
    " 'port_number', new.port_number, 'inbox_id', new.id, 'amends', {amends})"
)

_NOW = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000"  # SQLite has milliseconds at best


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outcome. `epoch`: under which this box has, or had, its message; None: of no message that it has."""

    number: int
    at: int
    kind: str
    message_id: int | None
    seq: int | None
    document: Mapping[str, Any]
    epoch: int | None


def install_outcomes(db: SqliteConnection) -> None:
    """Make the triggers that note outcomes. For the writing connection of a box of a fleet only."""
    part_is_shared, message_is_shared = _IS_SHARED.format(id="new.message_id"), _IS_SHARED.format(id="new.id")
    noted = "INSERT INTO outcomes (at, kind, message_id, seq, document) VALUES"
    db.executescript(f"""
        CREATE TEMP TRIGGER outcome_of_part AFTER UPDATE OF state, reference ON main.parts
            WHEN ({_TOLD_STATES}) AND {part_is_shared} BEGIN
            {noted} ({_NOW}, 'part', new.message_id, new.seq, {_PART});
        END;
        -- A message with a doubt is sent no further here: the fleet decides what becomes of it.
        CREATE TEMP TRIGGER doubt_of_part AFTER UPDATE OF state ON main.parts
            WHEN new.state IN ('in_doubt', 'queued') AND {part_is_shared} BEGIN
            UPDATE shared_messages SET state = 'out' WHERE message_id = new.message_id AND new.state = 'in_doubt';
            UPDATE parts SET deferred = 1 WHERE message_id = new.message_id AND state = 'queued' AND deferred = 0
                AND (SELECT state FROM main.shared_messages WHERE message_id = new.message_id) = 'out';
        END;
        CREATE TEMP TRIGGER outcome_of_attempt AFTER INSERT ON main.refusals WHEN {part_is_shared} BEGIN
            {noted} ({_NOW}, 'attempt', new.message_id, new.seq, {_ATTEMPT});
        END;
        CREATE TEMP TRIGGER outcome_of_message AFTER UPDATE OF status ON main.messages
            WHEN new.status <> old.status AND new.status <> 'pending' AND {message_is_shared} BEGIN
            INSERT INTO outcomes (at, kind, message_id, document)
                SELECT {_NOW}, 'failed', new.id, json_object('reason', new.failure_reason, 'failed_at', new.failed_at)
                WHERE new.status = 'failed' AND (SELECT state FROM main.shared_messages WHERE message_id = new.id) <> 'claimed';
            UPDATE shared_messages SET state = 'out' WHERE message_id = new.id AND state = 'started';
        END;
        CREATE TEMP TRIGGER end_of_message AFTER DELETE ON main.messages BEGIN
            DELETE FROM shared_messages WHERE message_id = old.id;
        END;
        CREATE TEMP TRIGGER outcome_of_text AFTER INSERT ON main.inbox WHEN new.sandbox = 0 BEGIN
            INSERT INTO outcomes (at, kind, document) VALUES ({_NOW}, 'text', {_TEXT.format(amends=0)});
        END;
        CREATE TEMP TRIGGER outcome_of_amended_text AFTER UPDATE OF text, incomplete ON main.inbox
            WHEN new.sandbox = 0 AND (new.text <> old.text OR new.incomplete <> old.incomplete) BEGIN
            INSERT INTO outcomes (at, kind, document) VALUES ({_NOW}, 'text', {_TEXT.format(amends=1)});
        END;
    """)


def note(db: Connection, kind: str, document: Mapping[str, Any], now: int) -> None:
    """Note an outcome that no trigger sees."""
    db.execute(
        "INSERT INTO outcomes (at, kind, document) VALUES (?, ?, ?)", (now, kind, json.dumps(document))
    )


def last_number(db: Connection) -> int:
    """The highest number that was ever given; 0 without any."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outcomes'").fetchone()
    return 0 if row is None else row[0]


def first_after(db: Connection, acknowledged: int, limit: int) -> list[Outcome]:
    """The first outcomes with higher numbers, in order."""
    rows = db.execute(
        "SELECT o.number, o.at, o.kind, o.message_id, o.seq, o.document, s.epoch FROM outcomes o"
        " LEFT JOIN shared_messages s ON s.message_id = o.message_id WHERE o.number > ? ORDER BY o.number LIMIT ?",
        (acknowledged, limit),
    )
    return [Outcome(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]), row[6]) for row in rows]


def untold_of(db: Connection, message_ids: list[int]) -> set[int]:
    """Those of these messages of which an outcome was not told yet."""
    rows = db.execute(
        "SELECT DISTINCT message_id FROM outcomes WHERE told_at IS NULL"
        " AND message_id IN (SELECT value FROM json_each(?))",
        (json.dumps(message_ids),),
    )
    return {row[0] for row in rows}


def tell_again(db: Connection, acknowledged: int) -> None:
    """The fleet has kept the outcomes up to this number only: the others count as not told."""
    db.execute("UPDATE outcomes SET told_at = NULL WHERE number > ?", (acknowledged,))


def told(db: Connection, first: int, last: int, now: int) -> None:
    """Note that the outcomes with these numbers were told."""
    db.execute(
        "UPDATE outcomes SET told_at = ? WHERE number BETWEEN ? AND ? AND told_at IS NULL", (now, first, last)
    )


def set_aside(db: Connection, number: int, reason: str) -> None:
    """Note why the fleet could not take an outcome."""
    db.execute("UPDATE outcomes SET rejected = ? WHERE number = ?", (reason, number))


def counts(db: Connection, acknowledged: int) -> tuple[int, int]:
    """How many outcomes are not told yet, and how many were set aside."""
    behind = max(0, last_number(db) - acknowledged)
    aside = db.execute("SELECT count(*) FROM outcomes WHERE rejected IS NOT NULL").fetchone()[0]
    return behind, aside


def forget(db: Connection, told_before: int) -> bool:
    """Forget some outcomes that were told before a moment. True: there may be more. Those that were set aside stay."""
    gone = db.execute(
        "DELETE FROM outcomes WHERE number IN (SELECT number FROM outcomes"
        "  WHERE told_at IS NOT NULL AND told_at < ? AND rejected IS NULL LIMIT ?)",
        (told_before, _PRUNED_AT_ONCE),
    ).rowcount
    return gone == _PRUNED_AT_ONCE
