"""Fills a store quickly with very many waiting messages, with the rows that `gatewayd/sending/intake.py` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gatewayd.ids import new_sms_id
from gatewayd.store.engine.connection import Connection
from gatewayd.store.store import Store
from gatewayd.store.tables import accounts, messages

CHUNK = 20_000
DAY = "2026-01-01"
BEGAN = 1_767_225_600_000_000  # when the first message was accepted, in microseconds


def fill(path: Path, count: int, sim_ids: list[int], company: int, *, pinned: bool) -> None:
    """Add `count` waiting messages of one part, for these SIMs in turn. No daemon may have the store open."""
    store = Store(path)
    store.open()
    try:
        for first in range(0, count, CHUNK):
            chunk = range(first, min(first + CHUNK, count))
            store.write(lambda db, chunk=chunk: _insert(db, chunk, sim_ids, company, pinned=pinned))  # type: ignore[misc]
    finally:
        store.close()


def _insert(db: Connection, chunk: range, sim_ids: list[int], company: int, *, pinned: bool) -> None:
    message_id, _ = messages.next_ids(db)
    rows = list(_rows(message_id, chunk, sim_ids, company, pinned=pinned))
    messages.insert(db, rows)
    messages.insert_parts(db, ((row[0], 1, row[8], pinned, 1) for row in rows))
    accounts.use(db, company, DAY[:7], len(rows))


def _rows(
    message_id: int, chunk: range, sim_ids: list[int], company: int, *, pinned: bool
) -> Iterator[tuple[object, ...]]:
    for place, number in enumerate(chunk):
        sim_id = sim_ids[number % len(sim_ids)]
        at = BEGAN + number
        yield (
            *(message_id + place, new_sms_id(at), 17_000_000_000_000 + number, company),
            *(
                f"+2237{number:07d}",
                f"Message {number} of very many, as long as they are on the whole: that is all.",
            ),
            *(1, pinned, sim_id, None, 1, 1, 1, 0.0, DAY, DAY, at, None, None, None, 0, 0, 0),
        )
