"""The rows that a box reads beside the queue when it takes messages or gives them back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from gatewayd.fleet.queue.names import Box
from gatewayd.store import Transaction

_ELSEWHERE = """
    SELECT p.sim_id FROM sim_places p JOIN boxes b ON b.name = p.box
    WHERE p.box <> ? AND b.alive = 1 AND p.registered = 1 AND p.there = 1 AND p.rests_s = 0
"""


def sims_elsewhere(db: Transaction, box: Box) -> frozenset[int]:
    """The SIMs of other boxes that can send now."""
    return frozenset(row[0] for row in db.execute(_ELSEWHERE, (box.name,)))


def message_rows(db: Transaction, message_ids: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """The rows of these messages by id, each by column name."""
    if not message_ids:
        return {}
    found = db.execute(
        "SELECT * FROM messages WHERE id = ANY(?::bigint[])", (sorted(message_ids),)
    ).fetchall()
    return {row["id"]: {name: row[name] for name in row.keys()} for row in found}  # noqa: SIM118 - a row of columns
