"""The recipients of SIMs that limit them, by day and by month, with the number of messages to each.

A period is a day (`YYYY-MM-DD`) or a month (`YYYY-MM`) of the SIM. A SIM without such a limit has no rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables import messages

# The statement reads this far back: the messages of the longest month, and some days for clocks and hours.
_MONTH = 33 * 86_400 * 1_000_000

# Rows that one sweep deletes at most: some milliseconds.
_ROWS = 1000


def limited(db: Connection, sim_id: int) -> bool:
    """Whether a SIM limits its recipients, so that they are counted."""
    row = db.execute(
        "SELECT daily_recipients IS NOT NULL OR monthly_recipients IS NOT NULL FROM sims WHERE id = ?",
        (sim_id,),
    ).fetchone()
    return row is not None and bool(row[0])


def count(db: Connection, sim_id: int, period: str) -> int:
    """The number of different recipients in a period."""
    row = db.execute(
        "SELECT recipients FROM sim_recipient_counts WHERE sim_id = ? AND period = ?", (sim_id, period)
    ).fetchone()
    return 0 if row is None else row[0]


def is_known(db: Connection, sim_id: int, period: str, recipient: str) -> bool:
    """Whether a recipient is counted in a period."""
    row = db.execute(
        "SELECT 1 FROM sim_recipients WHERE sim_id = ? AND period = ? AND recipient = ?",
        (sim_id, period, recipient),
    ).fetchone()
    return row is not None


def add(db: Connection, sim_id: int, day: str, recipients: Mapping[str, int]) -> None:
    """Count messages to recipients, on a day and in its month."""
    for period in (day, day[:7]):
        new = 0
        for recipient, number in recipients.items():
            total: int = db.execute(
                "INSERT INTO sim_recipients VALUES (?, ?, ?, ?)"
                " ON CONFLICT (sim_id, period, recipient)"
                " DO UPDATE SET messages = sim_recipients.messages + excluded.messages RETURNING messages",
                (sim_id, period, recipient, number),
            ).fetchone()[0]
            new += total == number
        _change_count(db, sim_id, period, new)


def remove(db: Connection, sim_id: int, day: str, recipient: str) -> None:
    """Take back one message to a recipient; nothing where it is not counted."""
    for period in (day, day[:7]):
        row = db.execute(
            "UPDATE sim_recipients SET messages = messages - 1 WHERE sim_id = ? AND period = ? AND recipient = ?"
            " RETURNING messages",
            (sim_id, period, recipient),
        ).fetchone()
        if row is not None and row[0] <= 0:
            db.execute(
                "DELETE FROM sim_recipients WHERE sim_id = ? AND period = ? AND recipient = ?",
                (sim_id, period, recipient),
            )
            _change_count(db, sim_id, period, -1)


def refill(db: Connection, sim_id: int, day: str, now: int) -> None:
    """Count the recipients of a day of the SIM and of its month again, from the messages. `now`: microseconds."""
    forget(db, sim_id)
    first = messages.newest_before(db, now - _MONTH)
    for period, low, high in ((day, day, day), (day[:7], f"{day[:7]}-00", f"{day[:7]}-99")):
        db.execute(
            "INSERT INTO sim_recipients SELECT sim_id, ?, recipient, count(*) FROM messages"
            " WHERE id > ? AND sim_id = ? AND day BETWEEN ? AND ?"
            " AND NOT (status IN ('failed', 'cancelled') AND unsent = parts) GROUP BY sim_id, recipient",
            (period, first, sim_id, low, high),
        )
        db.execute(
            "INSERT INTO sim_recipient_counts"
            " SELECT sim_id, period, count(*) FROM sim_recipients WHERE sim_id = ? AND period = ? GROUP BY 1, 2",
            (sim_id, period),
        )


def forget(db: Connection, sim_id: int) -> None:
    """Delete all rows of a SIM, which does not limit its recipients any more."""
    db.execute("DELETE FROM sim_recipients WHERE sim_id = ?", (sim_id,))
    db.execute("DELETE FROM sim_recipient_counts WHERE sim_id = ?", (sim_id,))


def forget_before(db: Connection, day: str) -> bool:
    """Delete some rows of days before a day, and of months before its month. Whether more may be left.

    All rows of a later day stay, whatever the clock said when they were made.
    """
    old = "period < iif(length(period) = 7, :month, :day)"
    values = {"day": day, "month": day[:7], "rows": _ROWS}
    periods = db.execute(
        f"SELECT sim_id, period FROM sim_recipient_counts WHERE {old} LIMIT 1", values
    ).fetchone()
    if periods is None:
        return False
    sim_id, period = periods
    gone = db.execute(
        "DELETE FROM sim_recipients WHERE sim_id = :sim AND period = :period AND recipient IN (SELECT recipient"
        " FROM sim_recipients WHERE sim_id = :sim AND period = :period LIMIT :rows)",
        {**values, "sim": sim_id, "period": period},
    ).rowcount
    if gone < _ROWS:
        db.execute("DELETE FROM sim_recipient_counts WHERE sim_id = ? AND period = ?", (sim_id, period))
    return True


def _change_count(db: Connection, sim_id: int, period: str, by: int) -> None:
    if by:
        db.execute(
            "INSERT INTO sim_recipient_counts VALUES (?, ?, ?)"
            " ON CONFLICT (sim_id, period)"
            " DO UPDATE SET recipients = sim_recipient_counts.recipients + excluded.recipients",
            (sim_id, period, by),
        )
