"""Scheduled messages: accepted, and to be sent at a later time. They have no parts until they are due and have a SIM."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection

# As in the index `messages_scheduled`.
SCHEDULED = "status = 'pending' AND day = '' AND sandbox = 0"


@dataclass(frozen=True, slots=True)
class Due:
    """A scheduled message whose time has come. `sim_id`: the SIM that its client named; None: any."""

    id: int
    send_at: int
    company_id: int
    sim_id: int | None


def due(db: Connection, now: int, after: tuple[int, int], limit: int) -> list[Due]:
    """Scheduled messages that are due, the earliest first, behind the one with this `send_at` and id."""
    found = db.execute(
        "SELECT id, send_at, company_id, iif(pinned = 1, sim_id, NULL) FROM messages"
        f" WHERE {SCHEDULED} AND send_at <= ? AND (send_at, id) > (?, ?) ORDER BY send_at, id LIMIT ?",
        (now, *after, limit),
    )
    return [Due(*row) for row in found]


def count(db: Connection) -> int:
    """The number of scheduled messages."""
    number: int = db.execute(f"SELECT count(*) FROM messages WHERE {SCHEDULED}").fetchone()[0]
    return number


def next_after(db: Connection, now: int) -> int | None:
    """The time at which the next scheduled message is due, after `now`."""
    found: int | None = db.execute(
        f"SELECT min(send_at) FROM messages WHERE {SCHEDULED} AND send_at > ?", (now,)
    ).fetchone()[0]
    return found


def first_due(db: Connection, now: int) -> int | None:
    """Since when the earliest message that is due waits for a SIM; None without any."""
    found: int | None = db.execute(
        f"SELECT min(send_at) FROM messages WHERE {SCHEDULED} AND send_at <= ?", (now,)
    ).fetchone()[0]
    return found
