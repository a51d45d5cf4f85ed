"""Find rows that are old enough to be deleted, and delete them, some at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import engines

# Table → when a row began, when it ended, and which rows may be deleted.
_AGES = {
    "messages": (
        "created_at",
        "max(created_at, coalesce(sent_at, 0), coalesce(delivered_at, 0), coalesce(failed_at, 0))",
        "status <> 'pending' AND id < (SELECT max(id) FROM messages)",  # new ids continue after the newest
    ),
    "inbox": ("received_at", "received_at", "1"),
    "unreadable": ("received_at", "received_at", "1"),
    "reports": ("received_at", "received_at", "1"),
}

TABLES = tuple(_AGES)
"""The tables that have a retention."""

# Rows that are read, and at most deleted, at a time: some milliseconds.
_ROWS = 100

# A row with an earlier time (microseconds) was stored before the clock was set: it counts as old as the next row.
_SENSIBLE = 1_577_836_800_000_000  # 2020


@dataclass(frozen=True, slots=True)
class Found:
    """A result of `find`: the ids of old rows, the id of the last row read, and whether later rows may be old too."""

    old: list[int]
    last_id: int
    more: bool


def find(db: Connection, table: str, after_id: int, before: int) -> Found:
    """Read the next rows of one of `TABLES`, and find those that ended before a moment."""
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
    # Rows are in the order of their ids: behind rows that are all young there are no old ones.
    more = len(rows) == _ROWS and any(row["began"] < before for row in rows)
    return Found(old, rows[-1]["id"], more)


def drop(db: Connection, table: str, ids: Sequence[int]) -> None:
    """Delete rows of one of `TABLES`, and the rows of other tables that belong to them."""
    if not ids:
        return
    marks = ", ".join("?" * len(ids))
    if table == "messages":
        for name in engines.tables_of_messages(db):
            if name == "events":  # see `m019_events`
                continue
            db.execute(f"DELETE FROM {name} WHERE message_id IN ({marks})", ids)
    if table == "inbox":
        db.execute(f"DELETE FROM delivery_bodies WHERE inbox_id IN ({marks})", ids)
    db.execute(f"DELETE FROM {table} WHERE id IN ({marks})", ids)
