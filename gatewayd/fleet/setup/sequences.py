"""Sequences of ids, which set-up raises above ids that were given elsewhere."""

from __future__ import annotations

from typing import Final

from gatewayd.store import Transaction

_AT_A_TIME: Final = 1_000_000
"""Steps of one statement: half a second."""


def raise_sequence(db: Transaction, name: str, above: int) -> None:
    """See to it that the sequence gives only ids above this one from now on.

    It is raised step by step, not set: others take ids meanwhile, and none is given a second time.
    """
    while (steps := min(above - last_of(db, name), _AT_A_TIME)) > 0:
        db.execute(
            "SELECT count(nextval(CAST(? AS regclass))) FROM generate_series(1, ?)", (name, steps)
        ).fetchone()


def last_of(db: Transaction, name: str) -> int:
    """The newest id that the sequence gave; 0: none yet."""
    found = db.execute("SELECT pg_sequence_last_value(CAST(? AS regclass))", (name,)).fetchone()[0]
    return 0 if found is None else int(found)


def of_table(db: Transaction, table: str) -> str | None:
    """The name of the sequence that gives the ids of a table; None: none does."""
    found = db.execute("SELECT pg_get_serial_sequence(?, 'id')", (table,)).fetchone()[0]
    return None if found is None else str(found)
