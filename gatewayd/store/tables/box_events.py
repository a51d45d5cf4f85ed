"""Events of a box, from its own database to the one that several boxes share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from gatewayd.records import NO_COMPANY
from gatewayd.store.engine.connection import Connection

_STATES = "INSERT INTO told_states (subject, state) VALUES (?, ?) ON CONFLICT (subject) DO UPDATE SET state = excluded.state"


@dataclass(frozen=True, slots=True)
class BoxEvent:
    """An event of the box itself."""

    number: int
    type: int
    at: int
    data: str  # JSON


def newest(db: Connection) -> int:
    """The number of the newest event of any kind; 0 without any."""
    found: int = db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]
    return found


def after(db: Connection, number: int, limit: int) -> list[BoxEvent]:
    """The events of the box behind a number, in order."""
    rows = db.execute(
        "SELECT id, type, at, data FROM events WHERE id > ? AND company_id = ? AND data IS NOT NULL AND sandbox = 0"
        " ORDER BY id LIMIT ?",
        (number, NO_COMPANY, limit),
    ).fetchall()
    return [BoxEvent(*row) for row in rows]


def told_up_to(db: Connection, box: str, restored: str, newest_here: int) -> int:
    """The number up to which a box told its events. A box that tells for the first time, or whose database is a backup, begins now."""
    row = db.execute("SELECT state FROM told_states WHERE subject = ?", (f"events of {box}",)).fetchone()
    before, _, number = ("", "", "") if row is None else row[0].partition(" ")
    if before == restored:
        return int(number)
    db.execute(_STATES, (f"events of {box}", f"{restored} {newest_here}"))
    return newest_here


def tell(db: Connection, told: Sequence[BoxEvent], box: str, restored: str, up_to: int) -> None:
    """Tell events of a box, with its name in their data."""
    db.execute(_STATES, (f"events of {box}", f"{restored} {up_to}"))
    for each in told:
        data = json.dumps({"box": box, **json.loads(each.data)}, ensure_ascii=False, separators=(",", ":"))
        db.execute(
            "INSERT INTO events (type, at, company_id, sandbox, data) VALUES (?, ?, ?, 0, ?)",
            (each.type, each.at, NO_COMPANY, data),
        )
