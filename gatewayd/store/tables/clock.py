"""The state of the clock, from which a box without a battery-backed clock continues at its next start."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection


@dataclass(frozen=True, slots=True)
class ClockState:
    """The row of the table `clock`."""

    trusted_at: int | None
    counted_at: int
    unbroken_since: int
    untrusted_since: int | None


def load(db: Connection) -> ClockState | None:
    """The stored state; None in a new store."""
    row = db.execute("SELECT trusted_at, counted_at, unbroken_since, untrusted_since FROM clock").fetchone()
    return None if row is None else ClockState(*row)


def keep(db: Connection, counted: ClockState) -> None:
    """Replace the stored state."""
    db.execute(
        "INSERT OR REPLACE INTO clock (id, trusted_at, counted_at, unbroken_since, untrusted_since)"
        " VALUES (1, ?, ?, ?, ?)",
        (counted.trusted_at, counted.counted_at, counted.unbroken_since, counted.untrusted_since),
    )
