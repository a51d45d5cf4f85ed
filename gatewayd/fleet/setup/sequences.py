"""Sequences of ids, which set-up raises above ids that were given elsewhere."""

from __future__ import annotations

from typing import Final

from gatewayd.store import Transaction

_BY_ONE: Final = 1_000_000
"""A sequence is raised by so many steps at most; further, it is set."""


def raise_sequence(db: Transaction, name: str, above: int) -> None:
    """See to it that the sequence gives only ids above this one from now on.

    Other boxes may take ids meanwhile: none of theirs is given a second time.
    """
    last = last_of(db, name)
    if last >= above:
        return
    if above - last <= _BY_ONE:
        db.execute(
            "SELECT max(nextval(CAST(? AS regclass))) FROM generate_series(1, CAST(? AS bigint))", (name, above - last)
        ).fetchone()
    else:  # nobody takes so many meanwhile that this would set it back
        db.execute("SELECT setval(CAST(? AS regclass), ?)", (name, above)).fetchone()


def last_of(db: Transaction, name: str) -> int:
    """The newest id that the sequence gave; 0: none yet."""
    found = db.execute("SELECT pg_sequence_last_value(CAST(? AS regclass))", (name,)).fetchone()[0]
    return 0 if found is None else int(found)


def of_table(db: Transaction, table: str) -> str | None:
    """The name of the sequence that gives the ids of a table; None: none does."""
    found = db.execute("SELECT pg_get_serial_sequence(?, 'id')", (table,)).fetchone()[0]
    return None if found is None else str(found)
