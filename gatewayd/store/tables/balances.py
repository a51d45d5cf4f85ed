"""Bundles of SIMs as their operators told them by USSD, the newest answers, and the codes and patterns that were learned.

A code is the USSD code and the replies to its menus, separated by spaces.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection

# Answers may contain names and numbers: only enough of them are kept to try a pattern on.
KEPT_ANSWERS = 5
"""How many answers are kept for each SIM."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A code and the pattern for its answers, for one SIM or for all SIMs of an operator (the other is None)."""

    id: int
    sim_id: int | None
    operator: str | None
    code: str
    pattern: str
    learned_at: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the network to a code."""

    text: str
    read_at: int


def learned(db: Connection) -> list[Learned]:
    """All that was learned: for single SIMs first, then the newest first."""
    rows = db.execute(
        "SELECT id, sim_id, operator, code, pattern, learned_at FROM learned_balances ORDER BY sim_id IS NULL, id DESC"
    )
    return [Learned(*row) for row in rows]


def learn(db: Connection, sim_id: int | None, operator: str | None, code: str, pattern: str, now: int) -> int:
    """Keep a code and its pattern in place of the last one for this SIM or operator; its id."""
    db.execute(
        "DELETE FROM learned_balances WHERE sim_id IS ? AND lower(operator) IS lower(?)", (sim_id, operator)
    )
    row = db.execute(
        "INSERT INTO learned_balances (sim_id, operator, code, pattern, learned_at) VALUES (?, ?, ?, ?, ?)"
        " RETURNING id",
        (sim_id, operator, code, pattern, now),
    ).fetchone()
    found: int = row[0]
    return found


def unlearn(db: Connection, learned_id: int) -> bool:
    """Delete what was learned; False where there is no such row."""
    return db.execute("DELETE FROM learned_balances WHERE id = ?", (learned_id,)).rowcount == 1


def keep_answer(db: Connection, sim_id: int, code: str, text: str, now: int) -> None:
    """Keep an answer, and only the newest ones of the SIM."""
    db.execute(
        "INSERT INTO ussd_answers (sim_id, code, answer, read_at) VALUES (?, ?, ?, ?)",
        (sim_id, code, text, now),
    )
    db.execute(
        "DELETE FROM ussd_answers WHERE sim_id = ? AND id NOT IN"
        " (SELECT id FROM ussd_answers WHERE sim_id = ? ORDER BY id DESC LIMIT ?)",
        (sim_id, sim_id, KEPT_ANSWERS),
    )


def answers(db: Connection, sim_id: int, code: str) -> list[Answer]:
    """The kept answers of a SIM to a code, the newest first."""
    rows = db.execute(
        "SELECT answer, read_at FROM ussd_answers WHERE sim_id = ? AND code = ? ORDER BY id DESC",
        (sim_id, code),
    )
    return [Answer(*row) for row in rows]


def set_bundle(db: Connection, sim_id: int, units: int | None, end: int | None, now: int) -> None:
    """Note what a readable answer told about the bundle of a SIM."""
    db.execute(
        "INSERT INTO sim_balances (sim_id, read_at, units, bundle_end) VALUES (:sim, :now, :units, :end)"
        " ON CONFLICT (sim_id) DO UPDATE SET read_at = :now, units = :units, bundle_end = :end, unreadable_since = NULL",
        {"sim": sim_id, "now": now, "units": units, "end": end},
    )


def set_unreadable(db: Connection, sim_id: int, now: int) -> None:
    """Note that the pattern did not fit an answer. Values that were read before stay."""
    db.execute(
        "INSERT INTO sim_balances (sim_id, unreadable_since) VALUES (:sim, :now)"
        " ON CONFLICT (sim_id) DO UPDATE SET unreadable_since = coalesce(sim_balances.unreadable_since, :now)",
        {"sim": sim_id, "now": now},
    )


def unreadable(db: Connection) -> list[int]:
    """The SIMs whose last answer could not be read."""
    rows = db.execute("SELECT sim_id FROM sim_balances WHERE unreadable_since IS NOT NULL ORDER BY sim_id")
    return [row[0] for row in rows]


def begin_renewal(db: Connection, sim_id: int, now: int) -> None:
    """Note that the code that renews a bundle is about to be sent. Only a new answer tells the bundle after that."""
    db.execute(
        "INSERT INTO sim_balances (sim_id, renewed_at) VALUES (:sim, :now)"
        " ON CONFLICT (sim_id) DO UPDATE SET renewed_at = :now, units = NULL, bundle_end = NULL",
        {"sim": sim_id, "now": now},
    )
