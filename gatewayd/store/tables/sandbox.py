"""Sandbox messages: the steps that are still to come, and what each does to its message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step whose time has come."""

    due_at: int  # microseconds since the epoch
    message_id: int
    place: int  # among the steps of its message
    step: str


def plan(db: Connection, rows: Iterable[tuple[int, int, int, str]]) -> None:
    """Keep steps: due_at, message_id, place, step."""
    db.executemany("INSERT INTO sandbox_steps VALUES (?, ?, ?, ?)", rows)


def due(db: Connection, now: int, limit: int) -> list[DueStep]:
    """The steps whose time has come, the earliest first."""
    found = db.execute(
        "SELECT due_at, message_id, place, step FROM sandbox_steps WHERE due_at <= ?"
        " ORDER BY due_at, message_id, place LIMIT ?",
        (now, limit),
    )
    return [DueStep(*row) for row in found]


def next_due(db: Connection) -> int | None:
    """The time of the earliest step; None without any."""
    found: int | None = db.execute("SELECT min(due_at) FROM sandbox_steps").fetchone()[0]
    return found


def done(db: Connection, step: DueStep) -> bool:
    """Remove a step that happens now. False: it happened already."""
    return (
        db.execute(
            "DELETE FROM sandbox_steps WHERE due_at = ? AND message_id = ? AND place = ?",
            (step.due_at, step.message_id, step.place),
        ).rowcount
        == 1
    )


def restamp(db: Connection, since: int, jump: int) -> None:
    """Shift the times that were stamped at `since` or later, because the clock was set."""
    db.execute("UPDATE sandbox_steps SET due_at = due_at + ? WHERE due_at >= ?", (jump, since))


def sent(db: Connection, message_id: int, now: int) -> bool:
    """All parts of a message were taken. False: it is not pending."""
    return (
        db.execute(
            "UPDATE messages SET status = 'sent', unsent = 0, sent_at = ?, failure_reason = NULL"
            " WHERE id = ? AND status = 'pending' AND sandbox = 1",
            (now, message_id),
        ).rowcount
        == 1
    )


def delivered(db: Connection, message_id: int, now: int) -> bool:
    """All parts of a message were delivered. False: it was not sent, or has ended."""
    return (
        db.execute(
            "UPDATE messages SET status = 'delivered', undelivered = 0, delivered_at = ?"
            " WHERE id = ? AND status = 'sent' AND sandbox = 1",
            (now, message_id),
        ).rowcount
        == 1
    )


def in_doubt(db: Connection, message_id: int, reason: str) -> bool:
    """A sandbox message has no parts: it is in doubt while it is pending and has a reason. False: it is not pending."""
    return (
        db.execute(
            "UPDATE messages SET failure_reason = ? WHERE id = ? AND status = 'pending' AND sandbox = 1",
            (reason, message_id),
        ).rowcount
        == 1
    )
