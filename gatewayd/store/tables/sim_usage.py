"""The messages and parts that SIMs took against their limits, and the messages that they sent, by day.

Reservations count on the SIM's own day, which begins at its `reset_hour`; messages that were sent or failed on the calendar's.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import messages


@dataclass(frozen=True, slots=True)
class Usage:
    """The reservations of a SIM against its limits in a time."""

    messages: int
    parts: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A message, and its share in the limits of its SIM: parts that ended without being sent were given back."""

    id: int
    created_at: int
    day: str
    messages: int
    parts: int


def month_sent(db: Connection, sim_id: int, month: str) -> int:
    """The messages that a SIM sent in a month (`YYYY-MM`)."""
    sent: int = db.execute(
        "SELECT coalesce(sum(sent), 0) FROM sim_usage WHERE sim_id = ? AND day BETWEEN ? AND ?",
        (sim_id, f"{month}-00", f"{month}-99"),
    ).fetchone()[0]
    return sent


def on_day(db: Connection, sim_id: int, day: str) -> Usage:
    """The reservations of a SIM on a day of its own (`YYYY-MM-DD`)."""
    row = db.execute(
        "SELECT taken, taken_parts FROM sim_usage WHERE sim_id = ? AND day = ?", (sim_id, day)
    ).fetchone()
    return Usage(0, 0) if row is None else Usage(*row)


def in_month(db: Connection, sim_id: int, month: str) -> Usage:
    """The reservations of a SIM in a month of its own (`YYYY-MM`)."""
    row = db.execute(
        "SELECT coalesce(sum(taken), 0), coalesce(sum(taken_parts), 0) FROM sim_usage"
        " WHERE sim_id = ? AND day BETWEEN ? AND ?",
        (sim_id, f"{month}-00", f"{month}-99"),
    ).fetchone()
    return Usage(*row)


def take(db: Connection, sim_id: int, day: str, messages: int, parts: int) -> None:
    """Add messages and their parts to what a SIM took on a day of its own; negative numbers give them back."""
    db.execute(
        "INSERT INTO sim_usage (sim_id, day, taken, taken_parts) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (sim_id, day) DO UPDATE SET"
        " taken = sim_usage.taken + excluded.taken, taken_parts = sim_usage.taken_parts + excluded.taken_parts",
        (sim_id, day, messages, parts),
    )


def count_ended(db: Connection, sim_id: int, day: str, *, sent: int = 0, failed: int = 0) -> None:
    """Add messages that were sent or failed on a calendar day."""
    db.execute(
        "INSERT INTO sim_usage (sim_id, day, sent, failed) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (sim_id, day) DO UPDATE SET"
        " sent = sim_usage.sent + excluded.sent, failed = sim_usage.failed + excluded.failed",
        (sim_id, day, sent, failed),
    )


def counted_since(db: Connection, sim_id: int, moment: int) -> list[Counted]:
    """The messages of a SIM that were accepted at a moment or later."""
    rows = db.execute(
        "SELECT id, created_at, day, NOT (ended AND unsent = parts), iif(ended, parts - unsent, parts) FROM ("
        " SELECT *, status IN ('failed', 'cancelled') AS ended FROM messages WHERE id > ? AND sim_id = ?) AS counted ORDER BY id",
        (messages.newest_before(db, moment), sim_id),
    )
    return [Counted(*row) for row in rows]


def move_to_day(db: Connection, sim_id: int, message: Counted, day: str) -> None:
    """Count a message on another day of its SIM."""
    take(db, sim_id, message.day, -message.messages, -message.parts)
    take(db, sim_id, day, message.messages, message.parts)
    db.execute("UPDATE messages SET day = ? WHERE id = ?", (day, message.id))
