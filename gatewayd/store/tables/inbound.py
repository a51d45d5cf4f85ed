"""Incoming texts, PDUs that could not be read, and status reports that came too early."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gatewayd.records import Caller, InboxFilter, InboxRecord
from gatewayd.store.engine.connection import Connection, Cursor, Row
from gatewayd.store.tables import former_numbers
from gatewayd.store.tables.pagination import newest_first

# The values that all parts of a long text have in common: SIM id, sender, width and value of the reference, total.
Series = tuple[int, str, int, int, int]

_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class Nature:
    """The nature of an incoming text: columns of `inbox` and `assemblies`."""

    kind: str = "text"  # or `data`: for a program
    encoding: str | None = None  # `gsm7`, `ucs2` or `8bit`; None: not known
    port_number: int | None = None  # of data: the application it is for


@dataclass(frozen=True, slots=True)
class Assembly:
    """A long text whose parts are gathered. Times are microseconds since the epoch."""

    id: int
    sim_id: int
    sender: str
    width: int  # of the concatenation reference, in bits
    reference: int
    total: int
    sent_at: int
    inbox_id: int | None  # the text that was kept of it; None: it still waits for parts
    kind: str
    encoding: str | None
    port_number: int | None

    @property
    def series(self) -> Series:
        """The values that all parts of the text have in common."""
        return self.sim_id, self.sender, self.width, self.reference, self.total

    @property
    def nature(self) -> Nature:
        """The nature of the text."""
        return Nature(self.kind, self.encoding, self.port_number)


@dataclass(frozen=True, slots=True)
class AssemblyPart:
    """One part of a long text. `text` is UTF-16BE: it may begin or end with half of a surrogate pair."""

    seq: int
    text: bytes
    sent_at: int | None


@dataclass(frozen=True, slots=True)
class EarlyReport:
    """A status report that came before the answer to its submission."""

    sim_id: int
    reference: int
    recipient: str
    service_centre_at: int | None
    status: int


@dataclass(frozen=True, slots=True)
class NewText:
    """A text that came in, for the administrator of the box."""

    id: int
    received_at: int
    sent_at: int | None
    sim_id: int
    port: int | None  # None: the SIM is not known any more
    sim_number: str
    company_id: int | None  # None: of no company
    sender: str
    incomplete: int
    kind: str
    encoding: str | None
    port_number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class UnreadablePdu:
    """A PDU that could not be read, and was set aside."""

    id: int
    received_at: int
    sim_id: int
    port: int | None  # None: the SIM is not known any more
    slot: int | None
    sim_number: str
    reason: str
    pdu: str


# The company that a text belongs to: the one whose SIM it came in on. A text that came in while the SIM belonged to no
# company goes with the SIM.
_OWNER = "coalesce(i.company_id, s.company_id)"

# The columns of `InboxRecord`, in its order.
_SHOWN = f"""
    SELECT i.id, i.sender, i.text, i.received_at, i.sent_at,
           coalesce({former_numbers.of_text("i.sim_id", "i.id")}, s.number, s.card_number, ''),
           i.sim_id, i.incomplete, i.kind, i.encoding, i.port_number, i.read
    FROM inbox i LEFT JOIN sims s ON s.id = i.sim_id
"""

# The texts that a company reads.
_OF_COMPANY = f"""{_SHOWN}
    WHERE ({_OWNER} = :company OR (:of_none = 1 AND {_OWNER} IS NULL)) AND i.sandbox = :sandbox
"""

_ASSEMBLY = "id, sim_id, sender, width, reference, total, sent_at, inbox_id, kind, encoding, port_number"
_WAITING_FOR_PARTS = f"SELECT {_ASSEMBLY} FROM assemblies WHERE inbox_id IS NULL"
_OVERDUE = (
    f"SELECT * FROM ({_WAITING_FOR_PARTS} AND began_at < :since ORDER BY began_at LIMIT :limit)"
    f" UNION ALL SELECT * FROM ({_WAITING_FOR_PARTS} AND began_at > :until ORDER BY began_at LIMIT :limit) LIMIT :limit"
)

_EARLY_REPORT = "SELECT sim_id, reference, recipient, service_centre_at, status FROM reports"


def first_time(db: Connection, digest: bytes, now: int) -> bool:
    """Note a digest. True: it was not known before."""
    again = db.execute("UPDATE inbound_seen SET seen_at = ? WHERE digest = ?", (now, digest)).rowcount
    if not again:
        db.execute("INSERT INTO inbound_seen VALUES (?, ?)", (digest, now))
    return not again


def forget_seen(db: Connection, digest: bytes) -> None:
    """Forget one digest, so that `first_time` returns True for it once more."""
    db.execute("DELETE FROM inbound_seen WHERE digest = ?", (digest,))


def forget_seen_but(db: Connection, lately: tuple[int, int]) -> bool:
    """Forget the digests that were not seen between these moments, some at a time. True: there may be more."""
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
    """Keep a text for the company of the SIM; its id."""
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


def keep_sandbox_text(
    db: Connection, company_id: int, sender: str, text: str, *, nature: Nature, now: int
) -> int:
    """Keep a text for the sandbox keys of a company; its id."""
    row = db.execute(
        "INSERT INTO inbox (sim_id, sender, text, sent_at, received_at, incomplete, company_id, kind, encoding,"
        " port_number, sandbox) VALUES (0, ?, ?, ?, ?, 0, ?, ?, ?, ?, 1) RETURNING id",
        (sender, text, now, now, company_id, nature.kind, nature.encoding, nature.port_number),
    ).fetchone()
    inbox_id: int = row[0]
    return inbox_id


def amend_text(db: Connection, inbox_id: int, text: str, *, sent_at: int | None, incomplete: bool) -> None:
    """Replace a text that was kept with holes, after more of its parts came."""
    db.execute(
        "UPDATE inbox SET text = ?, sent_at = ?, incomplete = ? WHERE id = ?",
        (text, sent_at, incomplete, inbox_id),
    )


def page(db: Connection, reader: Caller, wanted: InboxFilter, limit: int) -> list[InboxRecord]:
    """Texts that a caller may read, newest first: with an administration key also those on SIMs of no company."""
    terms: dict[str, object] = {
        "i.sender = :sender": wanted.sender,
        "i.received_at >= :since": wanted.since,
        "i.received_at < :until": wanted.until,
        "i.read = :read": None if wanted.unread is None else not wanted.unread,
        "i.sim_id = :sim_id": wanted.sim_id,
    }
    given = {term: value for term, value in terms.items() if value is not None}
    where = "".join(f" AND {term}" for term in given)
    statement = f"{_OF_COMPANY}{where} AND i.id >= :first AND i.id < :end ORDER BY i.id DESC LIMIT :limit"
    values = _reader(reader) | {term.rsplit(":", 1)[1]: value for term, value in given.items()}

    def find(first: int, end: int, limit: int) -> list[Row]:
        return db.execute(statement, {**values, "first": first, "end": end, "limit": limit}).fetchall()

    return [record_of(row) for row in newest_first(db, "inbox", wanted.cursor, limit, find)]


def text_of(db: Connection, reader: Caller, text_id: int) -> InboxRecord | None:
    """One text that a caller may read; None: there is none with this id."""
    row = db.execute(f"{_OF_COMPANY} AND i.id = :id", _reader(reader) | {"id": text_id}).fetchone()
    return None if row is None else record_of(row)


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text with its sender as the network told it, and the SIM that received it."""

    sim_id: int
    sender: str
    text: str


def plain_text(db: Connection, text_id: int) -> PlainText | None:
    """A complete text of words; None: it is gone, has holes, or is data for a program."""
    row = db.execute(
        "SELECT sim_id, sender, text FROM inbox WHERE id = ? AND kind = 'text' AND incomplete = 0", (text_id,)
    ).fetchone()
    return None if row is None else PlainText(*row)


def mark_read(db: Connection, text_id: int, *, read: bool) -> None:
    """Mark a text as read, or as unread."""
    db.execute("UPDATE inbox SET read = ? WHERE id = ? AND read <> ?", (read, text_id, read))


def _reader(reader: Caller) -> dict[str, object]:
    of_none = reader.admin and not reader.sandbox
    return {"company": reader.company_id, "of_none": of_none, "sandbox": reader.sandbox}


def shown_by_ids(db: Connection, text_ids: Iterable[int]) -> dict[int, InboxRecord]:
    """Texts by their ids; a deleted one is missing."""
    # One statement for any number of ids: SQLite's cache would keep one for each number of marks.
    rows = db.execute(
        f"{_SHOWN} WHERE i.id IN (SELECT value FROM json_each(?))", (json.dumps(list(text_ids)),)
    ).fetchall()
    return {row["id"]: record_of(row) for row in rows}


def record_of(columns: Sequence[Any]) -> InboxRecord:
    """The record of a text, of its columns in the record's order."""
    found = InboxRecord(*columns)
    return replace(found, incomplete=bool(found.incomplete), read=bool(found.read))


def begin_assembly(db: Connection, series: Series, nature: Nature, sent_at: int, now: int) -> Assembly:
    """Begin to gather the parts of a long text."""
    row = db.execute(
        "INSERT INTO assemblies (sim_id, sender, width, reference, total, sent_at, began_at, kind, encoding, port_number)"
        f" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_ASSEMBLY}",
        (*series, sent_at, now, nature.kind, nature.encoding, nature.port_number),
    ).fetchone()
    return Assembly(*row)


def assemblies_of(db: Connection, series: Series) -> list[Assembly]:
    """The assemblies of a series that are remembered, newest first."""
    found = db.execute(
        f"SELECT {_ASSEMBLY} FROM assemblies"
        " WHERE sim_id = ? AND sender = ? AND width = ? AND reference = ? AND total = ? ORDER BY id DESC",
        series,
    )
    return [Assembly(*row) for row in found]


def overdue_assemblies(db: Connection, lately: tuple[int, int], limit: int) -> list[Assembly]:
    """The oldest assemblies that still wait for parts and did not begin between these moments."""
    found = db.execute(_OVERDUE, {"since": lately[0], "until": lately[1], "limit": limit})
    return [Assembly(*row) for row in found]


def assembled(db: Connection, assembly_id: int, inbox_id: int) -> None:
    """Note the text that was made of an assembly."""
    db.execute("UPDATE assemblies SET inbox_id = ? WHERE id = ?", (inbox_id, assembly_id))


def drop_assembly(db: Connection, assembly_id: int) -> None:
    """Forget an assembly and its parts."""
    db.execute("DELETE FROM assembly_parts WHERE assembly_id = ?", (assembly_id,))
    db.execute("DELETE FROM assemblies WHERE id = ?", (assembly_id,))


def drop_assembled_but(db: Connection, lately: tuple[int, int]) -> bool:
    """Forget assemblies that became texts and did not begin between these moments, some at a time.

    True: there may be more.
    """
    old = db.execute(
        "SELECT id FROM assemblies WHERE inbox_id IS NOT NULL AND (began_at < ? OR began_at > ?) LIMIT ?",
        (*lately, _AT_A_TIME),
    ).fetchall()
    for row in old:
        drop_assembly(db, row[0])
    return len(old) == _AT_A_TIME


def keep_part(db: Connection, assembly_id: int, seq: int, text: bytes, sent_at: int | None, now: int) -> None:
    """Keep a part of an assembly that has no part with this number."""
    db.execute("INSERT INTO assembly_parts VALUES (?, ?, ?, ?, ?)", (assembly_id, seq, text, sent_at, now))


def parts_of(db: Connection, assembly_id: int) -> list[AssemblyPart]:
    """The parts of an assembly that have come so far, in order."""
    found = db.execute(
        "SELECT seq, text, sent_at FROM assembly_parts WHERE assembly_id = ? ORDER BY seq", (assembly_id,)
    )
    return [AssemblyPart(*row) for row in found]


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
    """Keep a status report that may have come before the answer to its submission, until that has ended."""
    db.execute(
        "INSERT INTO reports (sim_id, reference, recipient, service_centre_at, status, received_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (sim_id, reference, recipient, service_centre_at, status, now),
    )


def take_early_reports(db: Connection, sim_id: int) -> list[EarlyReport]:
    """The reports kept for the submission that a SIM has under way, oldest first. They are deleted."""
    return _taken(db, db.execute(f"{_EARLY_REPORT} WHERE sim_id = ? ORDER BY id", (sim_id,)))


def take_early_reports_of(db: Connection, message_id: int, seq: int) -> list[EarlyReport]:
    """As `take_early_reports`, of the SIM of a part."""
    of_its_sim = f"{_EARLY_REPORT} WHERE sim_id = (SELECT sim_id FROM parts WHERE message_id = ? AND seq = ?) ORDER BY id"
    return _taken(db, db.execute(of_its_sim, (message_id, seq)))


def _taken(db: Connection, found: Cursor) -> list[EarlyReport]:
    early = [EarlyReport(*row) for row in found.fetchall()]
    if early:
        db.execute("DELETE FROM reports WHERE sim_id = ?", (early[0].sim_id,))
    return early


def sims_with_early_reports(db: Connection) -> list[int]:
    """Ids of the SIMs for which reports are kept."""
    return [row[0] for row in db.execute("SELECT DISTINCT sim_id FROM reports ORDER BY sim_id")]


@dataclass(frozen=True, slots=True)
class NewestFilter:
    """A filter for the texts of all companies. Times in microseconds since the epoch: since ≤ received < until."""

    sender: str | None = None
    sim_id: int | None = None
    company_id: int | None = None
    since: int | None = None
    until: int | None = None
    contains: str | None = None  # in the text; A and a are the same


def newest(db: Connection, wanted: NewestFilter, limit: int) -> list[NewText]:
    """The newest texts of all companies that fit a filter, newest first."""
    terms: dict[str, object] = {
        "i.sender = :sender": wanted.sender,
        "i.sim_id = :sim_id": wanted.sim_id,
        f"{_OWNER} = :company_id": wanted.company_id,
        "i.received_at >= :since": wanted.since,
        "i.received_at < :until": wanted.until,
        "instr(lower(i.text), :contains) > 0": wanted.contains,
    }
    where = "".join(f" AND {term}" for term, value in terms.items() if value is not None)
    statement = (
        "SELECT i.id, i.received_at, i.sent_at, i.sim_id, s.port, coalesce(s.number, s.card_number, ''),"
        f" {_OWNER}, i.sender, i.incomplete, i.kind, i.encoding, i.port_number, i.text"
        f" FROM inbox i LEFT JOIN sims s ON s.id = i.sim_id WHERE i.sandbox = 0{where}"
        " AND i.id >= :first AND i.id < :end ORDER BY i.id DESC LIMIT :limit"
    )
    values = asdict(wanted)
    if wanted.contains is not None:
        values["contains"] = _lower(wanted.contains)

    def find(first: int, end: int, limit: int) -> list[Row]:
        return db.execute(statement, {**values, "first": first, "end": end, "limit": limit}).fetchall()

    return [NewText(*row) for row in newest_first(db, "inbox", None, limit, find)]


def _lower(text: str) -> str:
    """A text as `lower` of the database changes it: in ASCII letters only."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def newest_unreadable(db: Connection, limit: int) -> list[UnreadablePdu]:
    """The newest PDUs that were set aside, newest first."""
    found = db.execute(
        "SELECT u.id, u.received_at, u.sim_id, s.port, s.slot, coalesce(s.number, s.card_number, ''), u.reason, u.pdu"
        " FROM unreadable u LEFT JOIN sims s ON s.id = u.sim_id ORDER BY u.id DESC LIMIT ?",
        (limit,),
    )
    return [UnreadablePdu(*row) for row in found]
