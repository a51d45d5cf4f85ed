"""Deliveries of events to webhooks. Times are microseconds since the epoch.

An event behind the position of its webhook has no row yet. So a million events that wait for a receiver cost nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from gatewayd.records import Audience, EventType
from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.tables import event_eras, events

# Attempts that are kept of one delivery: two rounds of the usual schedule.
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt that has ended."""

    at: int
    status_code: int | None  # None: no answer
    duration_ms: int
    error: str | None  # None: it succeeded


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of one event to one webhook, after its first attempt."""

    number: int  # of the event
    state: str  # pending, delivered or failed
    tries: int  # attempts since it was queued
    next_at: int | None  # of the next attempt, where it is pending
    attempts: tuple[PastAttempt, ...]  # oldest first


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    """A delivery with its event, for a list. Without a row in the table it waits for its first attempt."""

    number: int
    event_id: str
    type: EventType
    at: int  # of the event
    delivery: Delivery | None


# The events for an audience, from `_values`.
_AUDIENCE: Final = "e.sandbox = :sandbox AND (e.company_id = :company OR (:box = 1 AND e.company_id = 0))"

# SQLite can use the index `deliveries_open` only where the statement has this term too. It would still choose the primary key,
# and look at all that was delivered.
_OPEN: Final = "d.state <> 'delivered'"
_BY_STATE: Final = "deliveries d INDEXED BY deliveries_open"

_COLUMNS: Final = "d.event_id, d.state, d.tries, d.next_at, d.attempts"


def keep(db: Connection, webhook_id: int, delivery: Delivery) -> None:
    """Store a delivery after an attempt."""
    attempts = [
        [each.at, each.status_code, each.duration_ms, each.error] for each in delivery.attempts[-_ATTEMPTS:]
    ]
    db.execute(
        "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (webhook_id, event_id) DO UPDATE SET"
        " state = excluded.state, tries = excluded.tries, next_at = excluded.next_at, attempts = excluded.attempts",
        (
            webhook_id,
            delivery.number,
            delivery.state,
            delivery.tries,
            delivery.next_at,
            json.dumps(attempts, ensure_ascii=False, separators=(",", ":")),
        ),
    )


def keep_body(db: Connection, webhook_id: int, number: int, body: bytes) -> None:
    """Store the bytes of an event's first attempt, for the next ones. Bytes that are stored already stay."""
    db.execute(
        "INSERT INTO delivery_bodies SELECT ?, id, message_id, inbox_id, ? FROM events WHERE id = ? ON CONFLICT DO NOTHING",
        (webhook_id, body, number),
    )


def body(db: Connection, webhook_id: int, number: int) -> bytes | None:
    """The bytes of an event's first attempt, where that failed."""
    row = db.execute(
        "SELECT body FROM delivery_bodies WHERE webhook_id = ? AND event_id = ?", (webhook_id, number)
    ).fetchone()
    return None if row is None else bytes(row[0])


def drop_body(db: Connection, webhook_id: int, number: int) -> None:
    """Delete the stored bytes of a delivery that needs them no more."""
    db.execute("DELETE FROM delivery_bodies WHERE webhook_id = ? AND event_id = ?", (webhook_id, number))


def drop(db: Connection, webhook_id: int, number: int) -> None:
    """Delete a delivery, whose event was deleted."""
    db.execute("DELETE FROM deliveries WHERE webhook_id = ? AND event_id = ?", (webhook_id, number))
    drop_body(db, webhook_id, number)


def due(db: Connection, webhook_id: int, now: int, latest: int, limit: int) -> list[Delivery]:
    """The pending deliveries whose next attempt is due. One that is not due before `latest` was stamped by a wrong clock."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM deliveries d WHERE d.webhook_id = :webhook AND d.state = 'pending' AND d.next_at <= :now"
        " ORDER BY d.next_at LIMIT :limit",
        {"webhook": webhook_id, "now": now, "limit": limit},
    ).fetchall()
    found += db.execute(
        f"SELECT {_COLUMNS} FROM deliveries d WHERE d.webhook_id = :webhook AND d.state = 'pending' AND d.next_at > :latest"
        " ORDER BY d.next_at LIMIT :limit",
        {"webhook": webhook_id, "latest": latest, "limit": limit},
    ).fetchall()
    return [_delivery(row) for row in found[:limit]]


def next_due(db: Connection, webhook_id: int) -> int | None:
    """The time of the next attempt of a webhook's pending deliveries."""
    first: int | None = db.execute(
        "SELECT min(next_at) FROM deliveries WHERE webhook_id = ? AND state = 'pending'", (webhook_id,)
    ).fetchone()[0]
    return first


def oldest_pending(db: Connection, webhook_id: int) -> Delivery | None:
    """The pending delivery with the oldest event."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM {_BY_STATE} WHERE d.webhook_id = ? AND d.state = 'pending' AND {_OPEN}"
        " ORDER BY d.event_id LIMIT 1",
        (webhook_id,),
    ).fetchone()
    return None if row is None else _delivery(row)


def queue_missed(db: Connection, webhook_id: int, missed_from: int, now: int) -> None:
    """Queue every pending delivery at once, and again those that failed since an event."""
    db.execute(
        "UPDATE deliveries SET next_at = ? WHERE webhook_id = ? AND state = 'pending' AND next_at > ?",
        (now, webhook_id, now),
    )
    db.execute(
        "UPDATE deliveries INDEXED BY deliveries_open SET state = 'pending', tries = 0, next_at = ?"
        " WHERE webhook_id = ? AND state = 'failed' AND state <> 'delivered' AND event_id >= ?",
        (now, webhook_id, missed_from),
    )


def queue_failed(
    db: Connection, webhook_id: int, numbers: tuple[int, int], times: tuple[int, int], now: int
) -> int:
    """Queue again the failed deliveries of events with these numbers and times; how many. Ranges include their bounds."""
    return db.execute(
        "UPDATE deliveries SET state = 'pending', tries = 0, next_at = :now WHERE webhook_id = :webhook AND state = 'failed'"
        f" AND event_id IN (SELECT d.event_id FROM {_BY_STATE} JOIN events e ON e.id = d.event_id"
        f"  WHERE d.webhook_id = :webhook AND d.state = 'failed' AND {_OPEN} AND d.event_id BETWEEN :first AND :last"
        "  AND e.at BETWEEN :since AND :until)",
        {
            "webhook": webhook_id,
            "now": now,
            "first": numbers[0],
            "last": numbers[1],
            "since": times[0],
            "until": times[1],
        },
    ).rowcount


def queue_all(
    db: Connection,
    webhook_id: int,
    audience: Audience,
    types: Collection[EventType] | None,
    numbers: tuple[int, int],
    times: tuple[int, int],
    now: int,
) -> int:
    """Queue again all events for a webhook with these numbers and times; how many. Ranges include their bounds."""
    return db.execute(
        "INSERT INTO deliveries SELECT :webhook, e.id, 'pending', 0, :now, '[]' FROM events e"
        f" WHERE {_terms(types)} AND e.id BETWEEN :first AND :last AND e.at BETWEEN :since AND :until"
        " ON CONFLICT (webhook_id, event_id) DO UPDATE SET state = 'pending', tries = 0, next_at = excluded.next_at"
        " WHERE deliveries.state <> 'pending'",
        {
            **_values(audience),
            "webhook": webhook_id,
            "now": now,
            "first": numbers[0],
            "last": numbers[1],
            "since": times[0],
            "until": times[1],
        },
    ).rowcount


def page(
    db: Connection, webhook_id: int, state: str | None, before: int | None, limit: int
) -> list[ShownDelivery]:
    """The deliveries of a webhook that have a row, newest event first, with events below `before`."""
    table, terms = "deliveries d", ""
    if state is not None:
        terms = " AND d.state = :state"
        if state != "delivered":
            table, terms = _BY_STATE, f"{terms} AND {_OPEN}"
    rows = db.execute(
        f"SELECT {_COLUMNS}, e.type, e.at FROM {table} JOIN events e ON e.id = d.event_id"
        f" WHERE d.webhook_id = :webhook AND d.event_id < :before{terms}"
        + " ORDER BY d.event_id DESC LIMIT :limit",
        {
            "webhook": webhook_id,
            "before": 2**62 if before is None else before,
            "state": state,
            "limit": limit,
        },
    ).fetchall()
    eras = event_eras.read(db)
    return [
        ShownDelivery(
            row["event_id"],
            eras.public_id(row["event_id"]),
            events.type_of(row["type"]),
            row["at"],
            _delivery(row),
        )
        for row in rows
    ]


def waiting(
    db: Connection,
    audience: Audience,
    types: Collection[EventType] | None,
    position: int,
    before: int | None,
    limit: int,
) -> list[ShownDelivery]:
    """The events behind a webhook's position, which wait for their first attempt, newest first."""
    rows = db.execute(
        f"SELECT e.id, e.type, e.at FROM events e WHERE {_terms(types)}"
        " AND e.id > :position AND e.id < :before ORDER BY e.id DESC LIMIT :limit",
        {
            **_values(audience),
            "position": position,
            "before": 2**62 if before is None else before,
            "limit": limit,
        },
    ).fetchall()
    eras = event_eras.read(db)
    return [
        ShownDelivery(row["id"], eras.public_id(row["id"]), events.type_of(row["type"]), row["at"], None)
        for row in rows
    ]


def drop_old(db: Connection, webhook_id: int, delivered_before: int, limit: int) -> int:
    """Delete deliveries whose events were deleted, and delivered ones with events below a number; how many, at most `limit`."""
    oldest = events.oldest_id(db)
    old = db.execute(
        "SELECT event_id FROM deliveries WHERE webhook_id = :webhook AND event_id < :before"
        " AND (event_id < :oldest OR state = 'delivered') ORDER BY event_id LIMIT :limit",
        {
            "webhook": webhook_id,
            "oldest": oldest,
            "before": max(oldest, delivered_before),
            "limit": limit,
        },
    ).fetchall()
    _delete(db, webhook_id, [row[0] for row in old])
    return len(old)


def owners(db: Connection) -> list[int]:
    """The ids of the webhooks that have deliveries; they may have been deleted."""
    found, last = list[int](), -1
    while True:  # one look into the index for each
        row = db.execute("SELECT min(webhook_id) FROM deliveries WHERE webhook_id > ?", (last,)).fetchone()
        if row[0] is None:
            return found
        last = row[0]
        found.append(last)


def drop_all(db: Connection, webhook_id: int, limit: int) -> int:
    """Delete deliveries of a webhook that was deleted; how many, at most `limit`."""
    rows = db.execute(
        "SELECT event_id FROM deliveries WHERE webhook_id = ? LIMIT ?", (webhook_id, limit)
    ).fetchall()
    _delete(db, webhook_id, [row[0] for row in rows])
    return len(rows)


def _delete(db: Connection, webhook_id: int, numbers: Sequence[int]) -> None:
    for table in ("deliveries", "delivery_bodies"):
        db.executemany(
            f"DELETE FROM {table} WHERE webhook_id = ? AND event_id = ?",
            [(webhook_id, number) for number in numbers],
        )


def _delivery(row: Row) -> Delivery:
    attempts = tuple(PastAttempt(*each) for each in json.loads(row["attempts"]))
    return Delivery(row["event_id"], row["state"], row["tries"], row["next_at"], attempts)


def _terms(types: Collection[EventType] | None) -> str:
    if types is None:
        return _AUDIENCE
    return f"{_AUDIENCE} AND e.type IN ({events.codes_of(types)})"


def _values(audience: Audience) -> dict[str, object]:
    return {"company": audience.company_id, "box": audience.box, "sandbox": audience.sandbox}
