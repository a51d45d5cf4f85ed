"""What the network sends of its own accord: texts, what could not be read, and reports that came too early."""

from __future__ import annotations

from gatewayd.store.database import Connection, Row

# The parts of one long text have these in common: SIM id, sender, width and value of the reference, total.
Series = tuple[int, str, int, int, int]


def first_time(db: Connection, digest: bytes, now: int) -> bool:
    """Whether something with this digest comes in for the first time; from now on it does not."""
    return db.execute("INSERT OR IGNORE INTO inbound_seen VALUES (?, ?)", (digest, now)).rowcount == 1


def forget_seen_before(db: Connection, moment: int) -> None:
    """Forget the digests of what came in before `moment`."""
    db.execute("DELETE FROM inbound_seen WHERE seen_at < ?", (moment,))


def keep_text(
    db: Connection, sim_id: int, sender: str, text: str, *, sent_at: int | None, now: int, incomplete: bool
) -> None:
    """Keep a whole text."""
    db.execute(
        "INSERT INTO inbox (sim_id, sender, text, sent_at, received_at, incomplete) VALUES (?, ?, ?, ?, ?, ?)",
        (sim_id, sender, text, sent_at, now, incomplete),
    )


def keep_part(db: Connection, series: Series, seq: int, text: bytes, sent_at: int | None, now: int) -> None:
    """Keep a part of a long text until the others are there. One that came before is kept once."""
    db.execute(
        "INSERT OR IGNORE INTO inbox_parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*series, seq, text, sent_at, now),
    )


def parts_of(db: Connection, series: Series) -> list[Row]:
    """The parts of a long text that have come so far, in order."""
    return db.execute(
        "SELECT * FROM inbox_parts WHERE sim_id = ? AND sender = ? AND width = ? AND reference = ? AND total = ?"
        " ORDER BY seq",
        series,
    ).fetchall()


def drop_parts(db: Connection, series: Series) -> None:
    """Forget the parts of a long text, once the whole is kept."""
    db.execute(
        "DELETE FROM inbox_parts WHERE sim_id = ? AND sender = ? AND width = ? AND reference = ? AND total = ?",
        series,
    )


def keep_unreadable(db: Connection, sim_id: int, pdu: str, reason: str, now: int) -> None:
    """Set a PDU aside that could not be read."""
    db.execute(
        "INSERT INTO unreadable (sim_id, pdu, reason, received_at) VALUES (?, ?, ?, ?)",
        (sim_id, pdu, reason, now),
    )


def keep_report(
    db: Connection,
    sim_id: int,
    reference: int,
    recipient: str,
    service_centre_at: int | None,
    status: int,
    now: int,
) -> None:
    """Keep a status report that no part claims yet: it may have come before the answer to its submission."""
    db.execute(
        "INSERT INTO reports (sim_id, reference, recipient, service_centre_at, status, received_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (sim_id, reference, recipient, service_centre_at, status, now),
    )


def early_reports(db: Connection, sim_id: int, reference: int) -> list[Row]:
    """The reports kept for a TP-MR, oldest first."""
    return db.execute(
        "SELECT * FROM reports WHERE sim_id = ? AND reference = ? ORDER BY id", (sim_id, reference)
    ).fetchall()


def drop_report(db: Connection, report_id: int) -> None:
    """Forget an early report, once its part has taken it."""
    db.execute("DELETE FROM reports WHERE id = ?", (report_id,))


def drop_reports_before(db: Connection, moment: int) -> None:
    """Forget early reports that no part has claimed since `moment`."""
    db.execute("DELETE FROM reports WHERE received_at < ?", (moment,))
