"""Statements about what boxes tell each other beside the queue: places of SIMs, duties, requests that are being answered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass

from gatewayd.fleet.queue.names import Box
from gatewayd.store import Transaction
from gatewayd.store.tables import scheduled as scheduled_table

# Boxes may be told of 10^6 messages: how many tasks of the newest ones are looked at for the last task id of a box.
_NEWEST = 100_000


@dataclass(frozen=True, slots=True)
class BoxState:
    """A box, as all see it."""

    name: str
    number: int
    state: str
    epoch: int
    beat: int
    alive: bool


@dataclass(frozen=True, slots=True)
class SimPlace:
    """Where a SIM is, and whether it can send, as its box last told."""

    sim_id: int
    box: str
    port: int
    slot: int
    up: bool
    registered: bool
    active: bool
    busy: bool
    dead: bool
    there: bool
    rests_s: float


@dataclass(frozen=True, slots=True)
class Share:
    """The messages of one SIM, company and kind that are not final. `waiting`: no box has them."""

    sim_id: int
    company_id: int
    priority: int
    transactional: bool
    waiting: bool
    messages: int
    parts: int
    first_id: int


def boxes(db: Transaction) -> list[BoxState]:
    """All boxes that ever joined."""
    rows = db.execute("SELECT name, number, state, epoch, beat, alive FROM boxes ORDER BY number")
    return [BoxState(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in rows]


def places(db: Transaction) -> list[SimPlace]:
    """The places of all SIMs."""
    rows = db.execute(
        "SELECT sim_id, box, port, slot, up, registered, active, busy, dead, there, rests_s FROM sim_places"
    )
    return [
        SimPlace(
            row[0],
            row[1],
            row[2],
            row[3],
            bool(row[4]),
            bool(row[5]),
            bool(row[6]),
            bool(row[7]),
            bool(row[8]),
            bool(row[9]),
            row[10],
        )
        for row in rows
    ]


def tell_places(db: Transaction, box: Box, told: Sequence[SimPlace]) -> None:
    """Tell the places of all SIMs of a box. Those that another box told since stay its own."""
    db.execute(
        "DELETE FROM sim_places WHERE box = ? AND NOT (sim_id = ANY(?::bigint[]))",
        (box.name, [place.sim_id for place in told]),
    )
    db.executemany(
        "INSERT INTO sim_places (sim_id, box, port, slot, up, registered, active, busy, dead, there, rests_s, load_parts)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (sim_id) DO UPDATE SET box = excluded.box,"
        " port = excluded.port, slot = excluded.slot, up = excluded.up, registered = excluded.registered,"
        " active = excluded.active, busy = excluded.busy, dead = excluded.dead, there = excluded.there,"
        " rests_s = excluded.rests_s WHERE sim_places.box = excluded.box OR excluded.there = 1",
        [astuple(place) for place in told],
    )


def shares(db: Transaction) -> list[Share]:
    """The messages of the queue, counted."""
    rows = db.execute(
        "SELECT sim_id, company_id, priority, transactional, CASE WHEN state = 'waiting' THEN 1 ELSE 0 END AS waits,"
        " count(*), sum(parts), min(message_id) FROM queue GROUP BY 1, 2, 3, 4, 5"
    )
    return [Share(row[0], row[1], row[2], bool(row[3]), bool(row[4]), *row[5:]) for row in rows]


def scheduled(db: Transaction) -> int:
    """The number of scheduled messages."""
    return scheduled_table.count(db)


def newest_event(db: Transaction) -> int:
    """The id of the newest event; 0 without any."""
    newest: int = db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]
    return newest


def copy_versions(db: Transaction) -> dict[str, int]:
    """The versions of the tables that boxes copy."""
    return {row[0]: row[1] for row in db.execute("SELECT table_name, version FROM copies")}


def ended(db: Transaction, sms_ids: Collection[str]) -> list[str]:
    """Those of these messages that are not pending any more."""
    rows = db.execute(
        "SELECT sms_id FROM messages WHERE sms_id = ANY(?::text[]) AND status <> 'pending'", (list(sms_ids),)
    )
    return [row[0] for row in rows]


def lock_keys(db: Transaction, hashes: Sequence[int]) -> None:
    """Wait for transactions that hold one of these numbers, and hold them until this one ends."""
    for each in sorted(set(hashes)):
        db.execute("SELECT pg_advisory_xact_lock(?)", (each,))


def last_task_id(db: Transaction, number: int, of: int) -> int:
    """The highest of the newest task ids that a box gave, which leave its number when divided by `of`; 0 without any."""
    found: int | None = db.execute(
        "SELECT max(task_id) FROM messages WHERE id > (SELECT coalesce(max(id), 0) FROM messages) - ? AND task_id % ? = ?",
        (_NEWEST, of, number),
    ).fetchone()[0]
    return found or 0


def drop_ended_requests(db: Transaction) -> None:
    """Forget requests whose box does not answer them any more: it began anew."""
    db.execute(
        "DELETE FROM in_flight WHERE NOT EXISTS (SELECT 1 FROM boxes b WHERE b.name = in_flight.box AND b.epoch = in_flight.epoch)"
    )


def take_duties(db: Transaction, names: Collection[str], box: Box) -> set[str]:
    """Take those of these duties that no living box has; those that this box has now. It writes only where one is free."""
    holders = _holders_of_duties(db)
    free = sorted(set(names) - holders.keys())
    if free:
        db.executemany(
            "INSERT INTO duties (name, box, epoch) SELECT ?, b.name, b.epoch FROM boxes b WHERE b.name = ? AND b.epoch = ?"
            " ON CONFLICT (name) DO UPDATE SET box = excluded.box, epoch = excluded.epoch WHERE NOT EXISTS ("
            "  SELECT 1 FROM boxes o"
            "  WHERE o.name = duties.box AND o.epoch = duties.epoch AND o.state = 'member' AND o.alive = 1)",
            [(name, box.name, box.epoch) for name in free],
        )
        holders = _holders_of_duties(db)
    return {name for name in names if holders.get(name) == (box.name, box.epoch)}


def _holders_of_duties(db: Transaction) -> dict[str, tuple[str, int]]:
    """The living boxes that have duties, with their epochs, by the names of the duties."""
    rows = db.execute(
        "SELECT d.name, d.box, d.epoch FROM duties d JOIN boxes b ON b.name = d.box AND b.epoch = d.epoch"
        " WHERE b.state = 'member' AND b.alive = 1"
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def has_duty(db: Transaction, name: str, box: Box) -> bool:
    """Whether a box has a duty, under this epoch; within a transaction it keeps it until the end."""
    row = db.execute(
        "SELECT 1 FROM duties d JOIN boxes b ON b.name = d.box AND b.epoch = d.epoch"
        " WHERE d.name = ? AND d.box = ? AND d.epoch = ? FOR SHARE OF d",
        (name, box.name, box.epoch),
    ).fetchone()
    return row is not None


def give_up_duties(db: Transaction, names: Iterable[str], box: Box) -> None:
    """Leave duties to other boxes."""
    db.executemany(
        "DELETE FROM duties WHERE name = ? AND box = ? AND epoch = ?",
        [(name, box.name, box.epoch) for name in names],
    )


def renumbered_sims(db: Transaction) -> dict[int, dict[int, int]]:
    """For each key that a box made before it joined: the ids that its SIMs had there, with those that they have in the fleet."""
    new_ids: dict[str, dict[int, int]] = {}
    for box, old, new in db.execute(
        "SELECT box, old_id, new_id FROM renumbered WHERE kind = 'sim'"
    ).fetchall():
        new_ids.setdefault(box, {})[old] = new
    origins = db.execute("SELECT key_id, box FROM key_origins").fetchall()
    return {row[0]: new_ids[row[1]] for row in origins if row[1] in new_ids}


def since(db: Transaction, message_ids: Sequence[int]) -> dict[int, int]:
    """Since when these messages wait, by their ids, in microseconds since the epoch; an ended one is missing."""
    rows = db.execute(
        "SELECT id, CASE WHEN send_at > created_at THEN send_at ELSE created_at END FROM messages"
        " WHERE id = ANY(?::bigint[]) AND status = 'pending'",
        (list(message_ids),),
    ).fetchall()
    return {row[0]: row[1] for row in rows}


def number_of_box(db: Transaction, name: str) -> int | None:
    """The number of a box; None: it never joined."""
    row = db.execute("SELECT number FROM boxes WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]
