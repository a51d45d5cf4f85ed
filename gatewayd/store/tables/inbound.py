"""What the network sends of its own accord: texts, what could not be read, and reports that came too early."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.tables import former_numbers

# What the parts of one long text have in common: SIM id, sender, width and value of the reference, total.
Series = tuple[int, str, int, int, int]

_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class Nature:
    """What an inbound text is: columns of `inbox` and `assemblies`."""

    kind: str = "text"  # or `data`, which is for a program
    encoding: str | None = None  # `gsm7`, `ucs2` or `8bit`; None: not known
    port_number: int | None = None  # of data: the application it is for


_SHOWN = f"""
    SELECT i.*, coalesce({former_numbers.of_text("i.sim_id", "i.id")}, s.number, s.card_number, '') AS sim_number
    FROM inbox i LEFT JOIN sims s ON s.id = i.sim_id
"""


def first_time(db: Connection, digest: bytes, now: int) -> bool:
    """Whether something with this digest comes in for the first time; from now on it does not."""
    again = db.execute("UPDATE inbound_seen SET seen_at = ? WHERE digest = ?", (now, digest)).rowcount
    if not again:
        db.execute("INSERT INTO inbound_seen VALUES (?, ?)", (digest, now))
    return not again


def forget_seen(db: Connection, digest: bytes) -> None:
    """Forget one digest: what has it comes in for the first time once more."""
    db.execute("DELETE FROM inbound_seen WHERE digest = ?", (digest,))


def forget_seen_but(db: Connection, lately: tuple[int, int]) -> bool:
    """Forget the digests of what did not come in between these moments, some at a time. Whether there may be more."""
    others = "SELECT digest FROM inbound_seen WHERE seen_at < ? OR seen_at > ? LIMIT ?"
    gone = db.execute(f"DELETE FROM inbound_seen WHERE digest IN ({others})", (*lately, _AT_A_TIME)).rowcount
    return gone == _AT_A_TIME


def keep_text(
    db: Connection,
    sim_id: int,
    sender: str,
    text: str,
    *,
    nature: Nature,
    sent_at: int | None,
    now: int,
    incomplete: bool,
) -> int:
    """Keep a text for the company whose SIM this is; its id."""
    row = db.execute(
        "INSERT INTO inbox (sim_id, sender, text, sent_at, received_at, incomplete, company_id, kind, encoding, port_number)"
        " VALUES (?, ?, ?, ?, ?, ?, (SELECT company_id FROM sims WHERE id = ?), ?, ?, ?) RETURNING id",
        (
            sim_id,
            sender,
            text,
            sent_at,
            now,
            incomplete,
            sim_id,
            nature.kind,
            nature.encoding,
            nature.port_number,
        ),
    ).fetchone()
    inbox_id: int = row[0]
    return inbox_id


def amend_text(db: Connection, inbox_id: int, text: str, *, sent_at: int | None, incomplete: bool) -> None:
    """Put what has come since into a text that was kept with holes."""
    db.execute(
        "UPDATE inbox SET text = ?, sent_at = ?, incomplete = ? WHERE id = ?",
        (text, sent_at, incomplete, inbox_id),
    )


def page(
    db: Connection, from_id: int, before_id: int, limit: int, *, company_id: int, of_none: bool
) -> list[Row]:
    """Texts for a company with their `sim_number`, newest first, of a stretch of ids (see `pages`).

    `of_none`: those on SIMs of no company too.

    A text belongs to the company whose SIM it came in on; one that came in while the SIM was nobody's goes with the SIM.
    """
    owner = "coalesce(i.company_id, s.company_id)"
    return db.execute(
        f"{_SHOWN} WHERE ({owner} = :company OR (:of_none AND {owner} IS NULL))"
        " AND i.id >= :start AND i.id < :before ORDER BY i.id DESC LIMIT :limit",
        {
            "company": company_id,
            "of_none": of_none,
            "start": from_id,
            "before": before_id,
            "limit": limit,
        },
    ).fetchall()


def begin_assembly(db: Connection, series: Series, nature: Nature, sent_at: int, now: int) -> Row:
    """Begin to gather the parts of a long text; the assembly."""
    row: Row = db.execute(
        "INSERT INTO assemblies (sim_id, sender, width, reference, total, sent_at, began_at, kind, encoding, port_number)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        (*series, sent_at, now, nature.kind, nature.encoding, nature.port_number),
    ).fetchone()
    return row


def assemblies_of(db: Connection, series: Series) -> list[Row]:
    """The assemblies of a series that are remembered, newest first."""
    return db.execute(
        "SELECT * FROM assemblies WHERE sim_id = ? AND sender = ? AND width = ? AND reference = ? AND total = ?"
        " ORDER BY id DESC",
        series,
    ).fetchall()


def overdue_assemblies(db: Connection, lately: tuple[int, int], limit: int) -> list[Row]:
    """The oldest assemblies that still wait for parts and did not begin between these moments."""
    waiting = "SELECT * FROM (SELECT * FROM assemblies WHERE inbox_id IS NULL AND began_at {} ORDER BY began_at LIMIT :limit)"
    return db.execute(
        f"{waiting.format('< :since')} UNION ALL {waiting.format('> :until')} LIMIT :limit",
        {"since": lately[0], "until": lately[1], "limit": limit},
    ).fetchall()


def assembled(db: Connection, assembly_id: int, inbox_id: int) -> None:
    """Note which text was kept of an assembly."""
    db.execute("UPDATE assemblies SET inbox_id = ? WHERE id = ?", (inbox_id, assembly_id))


def drop_assembly(db: Connection, assembly_id: int) -> None:
    """Forget an assembly and its parts."""
    db.execute("DELETE FROM assembly_parts WHERE assembly_id = ?", (assembly_id,))
    db.execute("DELETE FROM assemblies WHERE id = ?", (assembly_id,))


def drop_assembled_but(db: Connection, lately: tuple[int, int]) -> bool:
    """Forget the parts of texts that were kept and whose first part did not come between these moments, some at a time.

    Whether there may be more.
    """
    old = db.execute(
        "SELECT id FROM assemblies WHERE inbox_id IS NOT NULL AND (began_at < ? OR began_at > ?) LIMIT ?",
        (*lately, _AT_A_TIME),
    ).fetchall()
    for row in old:
        drop_assembly(db, row["id"])
    return len(old) == _AT_A_TIME


def keep_part(db: Connection, assembly_id: int, seq: int, text: bytes, sent_at: int | None, now: int) -> None:
    """Keep a part of an assembly that has none with this number."""
    db.execute("INSERT INTO assembly_parts VALUES (?, ?, ?, ?, ?)", (assembly_id, seq, text, sent_at, now))


def parts_of(db: Connection, assembly_id: int) -> list[Row]:
    """The parts of an assembly that have come so far, in order."""
    return db.execute(
        "SELECT * FROM assembly_parts WHERE assembly_id = ? ORDER BY seq", (assembly_id,)
    ).fetchall()


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
    """Keep a status report that may have come before the answer to its submission, until that is settled."""
    db.execute(
        "INSERT INTO reports (sim_id, reference, recipient, service_centre_at, status, received_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (sim_id, reference, recipient, service_centre_at, status, now),
    )


def take_early_reports(db: Connection, sim_id: int) -> list[Row]:
    """The reports kept for a SIM's submission in the air, oldest first. They are kept no longer."""
    return _taken(db, db.execute("SELECT * FROM reports WHERE sim_id = ? ORDER BY id", (sim_id,)).fetchall())


def take_early_reports_of(db: Connection, message_id: int, seq: int) -> list[Row]:
    """The same, of the SIM of a part."""
    of_its_sim = (
        "SELECT * FROM reports WHERE sim_id ="
        " (SELECT sim_id FROM parts WHERE message_id = ? AND seq = ?) ORDER BY id"
    )
    return _taken(db, db.execute(of_its_sim, (message_id, seq)).fetchall())


def _taken(db: Connection, early: list[Row]) -> list[Row]:
    if early:
        db.execute("DELETE FROM reports WHERE sim_id = ?", (early[0]["sim_id"],))
    return early


def sims_with_early_reports(db: Connection) -> list[int]:
    """Ids of the SIMs for which reports are kept."""
    return [row[0] for row in db.execute("SELECT DISTINCT sim_id FROM reports")]


def newest(db: Connection, limit: int) -> list[Row]:
    """The newest texts of all companies, newest first, with `sim_number`, `port` and `owner_id`: the company, or None."""
    return db.execute(
        "SELECT i.*, coalesce(s.number, s.card_number, '') AS sim_number, s.port,"
        " coalesce(i.company_id, s.company_id) AS owner_id"
        " FROM inbox i LEFT JOIN sims s ON s.id = i.sim_id ORDER BY i.id DESC LIMIT ?",
        (limit,),
    ).fetchall()


def newest_unreadable(db: Connection, limit: int) -> list[Row]:
    """The newest PDUs that were set aside, newest first, with `sim_number`, `port` and `slot` of their SIMs."""
    return db.execute(
        "SELECT u.*, coalesce(s.number, s.card_number, '') AS sim_number, s.port, s.slot"
        " FROM unreadable u LEFT JOIN sims s ON s.id = u.sim_id ORDER BY u.id DESC LIMIT ?",
        (limit,),
    ).fetchall()
