"""The audit log: the changes that persons made, and when."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. `outcome` None: the daemon ended before the change did. Time in microseconds since the epoch."""

    id: int
    at: int
    person_id: int | None  # None: the command line
    person: str  # the login then
    action: str  # the name of the administration command
    details: str  # its arguments without secrets, as JSON
    outcome: str | None  # "done", or the reason why it was refused


def add(db: Connection, at: int, person_id: int | None, person: str, action: str, details: str) -> int:
    """Note that a change begins; the id of the entry."""
    row = db.execute(
        "INSERT INTO audit_log (at, person_id, person, action, details) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (at, person_id, person, action, details),
    ).fetchone()
    return int(row[0])


def end(db: Connection, entry_id: int, outcome: str) -> None:
    """Note how a change ended."""
    db.execute("UPDATE audit_log SET outcome = ? WHERE id = ?", (outcome, entry_id))


def page(
    db: Connection,
    limit: int,
    before: int | None = None,
    *,
    person: str | None = None,
    action: str | None = None,
) -> list[AuditEntry]:
    """The newest entries first, those with ids below `before`. `person`: the login then."""
    conditions, values = ["id < ?"], [2**63 - 1 if before is None else before]
    texts: list[object] = []
    if person is not None:
        conditions.append("person = ?")
        texts.append(person)
    if action is not None:
        conditions.append("action = ?")
        texts.append(action)
    rows = db.execute(
        "SELECT id, at, person_id, person, action, details, outcome FROM audit_log"
        f" WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?",
        (*values, *texts, limit),
    )
    return [AuditEntry(*row) for row in rows]


def forget_before(db: Connection, at: int, limit: int) -> bool:
    """Delete those of the `limit` oldest entries that are from before this time. True: there may be more."""
    return (
        db.execute(
            "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log ORDER BY id LIMIT ?) AND at < ?",
            (limit, at),
        ).rowcount
        == limit
    )
