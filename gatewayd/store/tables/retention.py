"""What is old enough to be deleted, found and deleted a little at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection

# Table → when what a row tells of began, when it ended, and which rows may go.
_AGES = {
    "messages": (
        "created_at",
        "max(created_at, coalesce(sent_at, 0), coalesce(delivered_at, 0), coalesce(failed_at, 0))",
        "status <> 'pending' AND id < (SELECT max(id) FROM messages)",  # ids go on from the newest
    ),
    "inbox": ("received_at", "received_at", "1"),
    "unreadable": ("received_at", "received_at", "1"),
    "reports": ("received_at", "received_at", "1"),
}

TABLES = tuple(_AGES)
"""The tables that something is deleted from."""

# So many rows are looked at, and deleted at most, at a time: some milliseconds.
_ROWS = 100

# A row with an earlier time, in microseconds, was kept before the clock was set: it is as old as the next one.
_SENSIBLE = 1_577_836_800_000_000  # 2020


@dataclass(frozen=True, slots=True)
class Found:
    """What was found among some rows: ids of old ones, the last row's id, whether it makes sense to look beyond."""

    old: list[int]
    last_id: int
    more: bool


def find(db: Connection, table: str, after_id: int, before: int) -> Found:
    """Look at the next rows of one of `TABLES` for what ended before a moment."""
    began, ended, done = _AGES[table]
    rows = db.execute(
        f"SELECT id, {began} AS began, {ended} AS ended, {done} AS done FROM {table}"
        " WHERE id > ? ORDER BY id LIMIT ?",
        (after_id, _ROWS),
    ).fetchall()
    if not rows:
        return Found([], after_id, more=False)
    old: list[int] = []
    next_old = False
    for row in reversed(rows):
        next_old = next_old if row["ended"] < _SENSIBLE else row["ended"] < before
        if next_old and row["done"]:
            old.append(row["id"])
    # Rows lie in the order in which they came: behind some that are all young there are no old ones.
    more = len(rows) == _ROWS and any(row["began"] < before for row in rows)
    return Found(old, rows[-1]["id"], more)


def drop(db: Connection, table: str, ids: Sequence[int]) -> None:
    """Delete rows of one of `TABLES`, and what belongs to them."""
    marks = ", ".join("?" * len(ids))
    if table == "messages":
        owned = db.execute(
            "SELECT s.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c"
            " WHERE s.type = 'table' AND c.name = 'message_id'"
        ).fetchall()
        for (name,) in owned:
            db.execute(f"DELETE FROM {name} WHERE message_id IN ({marks})", ids)
    db.execute(f"DELETE FROM {table} WHERE id IN ({marks})", ids)
