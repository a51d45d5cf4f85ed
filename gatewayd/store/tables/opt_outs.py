"""Opt-outs: numbers that want no such messages from a company, with the evidence. Ended ones are kept."""

from __future__ import annotations

from collections.abc import Iterable

from gatewayd.records import Caller, OptOutRecord
from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.tables.pagination import newest_first

_COLUMNS = "id, company_id, recipient, opted_out_at, source, reason, text, inbox_id, ended_at, ended_source, ended_text"

_SEARCH = f"""
    SELECT {_COLUMNS} FROM opt_outs
    WHERE id >= :first AND id < :end AND sandbox = 0 AND (company_id = :company OR :company IS NULL)
          AND recipient LIKE :number ESCAPE '\\' AND (:in_force = iif(ended_at IS NULL, 1, 0) OR :in_force IS NULL)
    ORDER BY id DESC LIMIT :limit
"""

# The last message to a number from a SIM, looked for in steps so that each read is short.
_STEP = 2_000
_LAST_SENDER = (
    "SELECT company_id FROM messages WHERE id > :after AND id <= :last AND sim_id = :sim AND recipient = :recipient"
    " AND company_id <> 0 AND sent_at >= :since ORDER BY id DESC LIMIT 1"
)


def add(
    db: Connection,
    company_id: int,
    recipient: str,
    now: int,
    *,
    source: str,
    sandbox: bool = False,
    reason: str | None = None,
    text: str | None = None,
    inbox_id: int | None = None,
) -> bool:
    """Note that a number opts out. False: it had opted out already, and nothing changed."""
    return (
        db.execute(
            "INSERT INTO opt_outs (company_id, recipient, sandbox, opted_out_at, source, reason, text, inbox_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (company_id, recipient, sandbox, now, source, reason, text, inbox_id),
        ).rowcount
        == 1
    )


def end(
    db: Connection,
    company_id: int,
    recipient: str,
    now: int,
    *,
    source: str,
    sandbox: bool = False,
    text: str | None = None,
) -> bool:
    """Note that a number takes messages again. False: it had not opted out."""
    return (
        db.execute(
            "UPDATE opt_outs SET ended_at = ?, ended_source = ?, ended_text = ?"
            " WHERE company_id = ? AND sandbox = ? AND recipient = ? AND ended_at IS NULL",
            (now, source, text, company_id, sandbox, recipient),
        ).rowcount
        == 1
    )


def current(db: Connection, company_id: int, recipient: str, *, sandbox: bool = False) -> OptOutRecord | None:
    """The opt-out of a number that is in force; None: it takes messages."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM opt_outs"
        " WHERE company_id = ? AND sandbox = ? AND recipient = ? AND ended_at IS NULL",
        (company_id, sandbox, recipient),
    ).fetchone()
    return None if row is None else _record(row)


def among(db: Connection, caller: Caller, recipients: Iterable[str]) -> set[str]:
    """Those of the numbers that have opted out of messages from the caller's company."""
    return {
        recipient
        for recipient in set(recipients)
        if is_opted_out(db, caller.company_id, recipient, sandbox=caller.sandbox)
    }


def is_opted_out(db: Connection, company_id: int, recipient: str, *, sandbox: bool = False) -> bool:
    """Whether a number has opted out of messages from a company."""
    row = db.execute(
        "SELECT 1 FROM opt_outs WHERE company_id = ? AND sandbox = ? AND recipient = ? AND ended_at IS NULL",
        (company_id, sandbox, recipient),
    ).fetchone()
    return row is not None


def page(db: Connection, caller: Caller, before_id: int | None, limit: int) -> list[OptOutRecord]:
    """The opt-outs of the caller's company that are in force, newest first."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM opt_outs WHERE company_id = ? AND sandbox = ? AND ended_at IS NULL AND id < ?"
        " ORDER BY id DESC LIMIT ?",
        (caller.company_id, caller.sandbox, 2**63 - 1 if before_id is None else before_id, limit),
    )
    return [_record(row) for row in found]


def every(db: Connection, company_id: int | None, after_id: int, limit: int) -> list[OptOutRecord]:
    """All opt-outs of a company (None: of all), the ended ones too, oldest first, behind the one with this id."""
    found = db.execute(
        f"SELECT {_COLUMNS} FROM opt_outs WHERE (company_id = :company OR :company IS NULL) AND sandbox = 0 AND id > :after"
        " ORDER BY id LIMIT :limit",
        {"company": company_id, "after": after_id, "limit": limit},
    )
    return [_record(row) for row in found]


def search(
    db: Connection,
    company_id: int | None,
    number: str,
    before_id: int | None,
    limit: int,
    *,
    in_force: bool | None = None,
) -> list[OptOutRecord]:
    """Opt-outs of a company (None: of all) whose number contains `number`, newest first. `in_force` None: also ended ones."""
    escaped = number.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    values: dict[str, object] = {"company": company_id, "number": f"%{escaped}%", "in_force": in_force}

    def find(first: int, end: int, limit: int) -> list[Row]:
        return db.execute(_SEARCH, {**values, "first": first, "end": end, "limit": limit}).fetchall()

    return [_record(row) for row in newest_first(db, "opt_outs", before_id, limit, find)]


def confirmed_since(db: Connection, company_id: int, recipient: str, since: int) -> bool:
    """Whether a change of this number was confirmed to it since then."""
    row = db.execute(
        "SELECT 1 FROM opt_outs WHERE company_id = ? AND recipient = ? AND confirmed_at >= ? LIMIT 1",
        (company_id, recipient, since),
    ).fetchone()
    return row is not None


def confirmed(db: Connection, company_id: int, recipient: str, now: int) -> None:
    """Note that the newest change of this number was confirmed to it."""
    db.execute(
        "UPDATE opt_outs SET confirmed_at = ? WHERE id = ("
        " SELECT max(id) FROM opt_outs WHERE company_id = ? AND recipient = ? AND sandbox = 0)",
        (now, company_id, recipient),
    )


def last_sender(db: Connection, sim_id: int, recipient: str, since: int) -> int | None:
    """The company that last sent to a number from a SIM since then; None: there is none.

    Reads the messages of that time, newest first. Give it a reading connection.
    """
    row = db.execute("SELECT max(id) FROM messages").fetchone()
    last: int = row[0] or 0
    while last > 0:
        values = {"after": last - _STEP, "last": last, "sim": sim_id, "recipient": recipient, "since": since}
        found = db.execute(_LAST_SENDER, values).fetchone()
        if found is not None:
            company_id: int = found[0]
            return company_id
        newest = db.execute(
            "SELECT id, created_at FROM messages WHERE id <= ? ORDER BY id DESC LIMIT 1", (last - _STEP,)
        ).fetchone()
        if newest is None or newest[1] < since:
            return None
        last = newest[0]
    return None


def _record(row: Row) -> OptOutRecord:
    return OptOutRecord(*row)
