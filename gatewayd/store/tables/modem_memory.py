"""Parts that are sent from the memory of a modem: their places, and what is known of modem models.

A row without a place belongs to a part that was claimed but not yet written: the network has not got it. A row is
deleted when its place is empty, or when another part is stored there.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables.part_filters import IN_DOUBT, SUBMITTING


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that was written to a modem's memory, or was to be written."""

    message_id: int
    seq: int
    token: int
    memory: str | None
    place: int | None  # None: the modem did not confirm that it was written
    said_at: float | None  # monotonic seconds of `boot`: when the modem was told to send it
    boot: str | None
    recipient: str
    text: str
    sim_id: int
    settled: int  # the outcome of the claim is known


def claimed(db: Connection, message_id: int, seq: int, token: int, modem: str, iccid: str) -> None:
    """Note that a part was claimed, to be written to the memory of a modem (by IMEI) with this card in it."""
    db.execute(
        "INSERT OR REPLACE INTO stored_parts (message_id, seq, token, modem, iccid) VALUES (?, ?, ?, ?, ?)",
        (message_id, seq, token, modem, iccid),
    )


def placed(
    db: Connection,
    message_id: int,
    seq: int,
    token: int,
    modem: str,
    memory: str,
    place: int,
    said_at: float,
    boot: str,
) -> None:
    """Note the place of a part in the memory of its modem. It is sent from there at `said_at`, a monotonic time of `boot`."""
    db.execute(
        "DELETE FROM stored_parts WHERE modem = ? AND memory = ? AND place = ?"
        " AND (memory <> 'SM' OR iccid = (SELECT iccid FROM stored_parts WHERE message_id = ? AND seq = ? AND token = ?))",
        (modem, memory, place, message_id, seq, token),
    )
    db.execute(
        "UPDATE stored_parts SET memory = ?, place = ?, said_at = ?, boot = ?"
        " WHERE message_id = ? AND seq = ? AND token = ?",
        (memory, place, said_at, boot, message_id, seq, token),
    )


def dropped(db: Connection, message_id: int, seq: int, token: int) -> None:
    """Note that a claim has no place in a modem, or that its place is not conclusive."""
    db.execute(
        "DELETE FROM stored_parts WHERE message_id = ? AND seq = ? AND token = ?", (message_id, seq, token)
    )


def lies(db: Connection, message_id: int, seq: int, token: int) -> bool:
    """Whether this claim has a place in a modem, so that the modem may know its outcome."""
    row = db.execute(
        "SELECT 1 FROM stored_parts WHERE message_id = ? AND seq = ? AND token = ? AND place IS NOT NULL",
        (message_id, seq, token),
    ).fetchone()
    return row is not None


def of_modem(db: Connection, modem: str, iccid: str) -> list[StoredPart]:
    """The parts that may be in a modem with this card in it, oldest first. Claims that have not ended are left out."""
    found = db.execute(
        "SELECT s.message_id, s.seq, s.token, s.memory, s.place, s.said_at, s.boot, m.recipient, m.text, p.sim_id,"
        " p.token <> s.token OR p.state <> 'in_doubt'"
        " FROM stored_parts s JOIN parts p USING (message_id, seq) JOIN messages m ON m.id = s.message_id"
        " WHERE s.modem = ? AND (s.memory IS NULL OR s.memory <> 'SM' OR s.iccid = ?)"
        " AND NOT (p.token = s.token AND p.state = 'submitting') ORDER BY s.message_id, s.seq, s.token",
        (modem, iccid),
    )
    return [StoredPart(*row) for row in found]


def requeue_unsaid(db: Connection) -> int:
    """At start: queue the claims again whose parts were not written to the modem yet; their number."""
    return db.execute(
        f"UPDATE parts SET state = 'queued', attempts = attempts - 1 WHERE {SUBMITTING} AND EXISTS"
        " (SELECT 1 FROM stored_parts s WHERE s.message_id = parts.message_id AND s.seq = parts.seq"
        "  AND s.token = parts.token AND s.place IS NULL)"
    ).rowcount


def never_sent(db: Connection, message_id: int, seq: int, token: int) -> bool:
    """Queue a part in doubt again that was not sent, without an attempt. False if this claim is not in doubt."""
    return (
        db.execute(
            "UPDATE parts SET state = 'queued', attempts = attempts - 1"
            " WHERE message_id = ? AND seq = ? AND token = ? AND state = 'in_doubt'",
            (message_id, seq, token),
        ).rowcount
        == 1
    )


def last_in_doubt(db: Connection, port: int) -> int | None:
    """The time of the newest claim in doubt, of the SIMs last seen in a port."""
    row = db.execute(
        "SELECT max(p.started_at) FROM sims s JOIN parts p"
        f" ON p.sim_id = s.id AND {IN_DOUBT} WHERE s.port = ?",
        (port,),
    ).fetchone()
    found: int | None = row[0]
    return found


def in_doubt_since(db: Connection, sim_id: int, since: int) -> list[tuple[int, int, int]]:
    """The claims (message id, part, token) of a SIM in doubt that began at `since` or later."""
    found = db.execute(
        f"SELECT message_id, seq, token FROM parts WHERE sim_id = ? AND {IN_DOUBT} AND started_at >= ?",
        (sim_id, since),
    )
    return [(row[0], row[1], row[2]) for row in found]


def learn(db: Connection, model: str, storage: str, now: int) -> None:
    """Note how a modem model handles parts in its memory."""
    db.execute("INSERT OR REPLACE INTO modem_models VALUES (?, ?, ?)", (model, storage, now))


def lesson(db: Connection, model: str) -> str | None:
    """How a modem model handles parts in its memory; None: not known."""
    row = db.execute("SELECT storage FROM modem_models WHERE model = ?", (model,)).fetchone()
    return None if row is None else row[0]
