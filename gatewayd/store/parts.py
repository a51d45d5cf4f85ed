"""Parts: the queue, the claims, and what became of each submission.

States and what leads from one to the next:

    queued → submitting      claimed for a port, durably, before the modem hears of it
    submitting → submitted   the network took it
    submitting → queued      refused for a reason that passes (`deferred` until its back-off is over)
    submitting → in_doubt    nobody knows; also whatever was submitting when the process ended
    submitting → failed
    in_doubt → submitted | queued | failed
    submitted → delivered | failed, by a status report
    queued → cancelled | failed, with its message
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.database import Connection, Row

_LANE = (
    "SELECT message_id, seq, priority FROM parts"
    " WHERE state = 'queued' AND deferred = 0 AND sim_id = :sim AND pinned = {pinned}"
    " ORDER BY priority, message_id, seq LIMIT 1"
)
# Unpinned and pinned work lie apart in the index, so that idle SIMs find what they may take without a search.
_HEAD = (
    f"SELECT * FROM ({_LANE.format(pinned=0)}) UNION ALL SELECT * FROM ({_LANE.format(pinned=1)})"
    " ORDER BY priority, message_id, seq LIMIT 1"
)

# How far into another SIM's queue an idle SIM looks for something it may carry.
_LOOK = 64
_MOVABLE = (
    "SELECT p.message_id, p.seq, p.priority FROM"
    " (SELECT message_id, seq, priority FROM parts WHERE state = 'queued' AND deferred = 0 AND sim_id = :sim AND pinned = 0"
    "  ORDER BY priority, message_id, seq LIMIT :look) p"
    " JOIN messages m ON m.id = p.message_id"
    " WHERE m.unsent = m.parts AND (:company IS NULL OR m.company_id = :company) AND NOT EXISTS"
    "  (SELECT 1 FROM parts q WHERE q.message_id = p.message_id AND q.state NOT IN ('queued'))"
    " ORDER BY p.priority, p.message_id, p.seq LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A part that is a port's now. A later claim has a higher token; attempts count submissions."""

    token: int
    attempts: int


def head(db: Connection, sim_id: int) -> Row | None:
    """The next part of a SIM's queue: `message_id`, `seq`, `priority`."""
    row: Row | None = db.execute(_HEAD, {"sim": sim_id}).fetchone()
    return row


def movable_head(db: Connection, sim_id: int, company_id: int | None) -> Row | None:
    """The first part in a SIM's queue that another SIM, of this company or of none, may carry instead.

    Only messages of which nothing was ever handed over can move: the parts of one message share a sender.
    """
    row: Row | None = db.execute(_MOVABLE, {"sim": sim_id, "company": company_id, "look": _LOOK}).fetchone()
    return row


def claim(db: Connection, message_id: int, seq: int, now: int) -> Claim | None:
    """Mark a queued part as submitting; None where it is not queued any more."""
    row = db.execute(
        "UPDATE parts SET state = 'submitting', token = token + 1, attempts = attempts + 1, started_at = ?,"
        " ended_at = NULL, reference = NULL, service_centre_at = NULL"
        " WHERE message_id = ? AND seq = ? AND state = 'queued' RETURNING token, attempts",
        (now, message_id, seq),
    ).fetchone()
    if row is None:
        return None
    token, attempts = row
    if attempts > 1:
        db.execute(
            "UPDATE messages SET retry_count = max(retry_count, ?) WHERE id = ?", (attempts - 1, message_id)
        )
    return Claim(token, attempts)


def submitted(db: Connection, message_id: int, seq: int, token: int, reference: int | None, now: int) -> bool:
    """The network took a part. False: this claim does not hold any more, and nothing was changed."""
    return _leave_submitting(db, message_id, seq, token, "submitted", now, reference=reference)


def in_doubt(db: Connection, message_id: int, seq: int, token: int, now: int) -> bool:
    """Nobody knows what became of a part. False as in `submitted`."""
    return _leave_submitting(db, message_id, seq, token, "in_doubt", now)


def refused(
    db: Connection,
    message_id: int,
    seq: int,
    token: int,
    *,
    again: bool,
    deferred: bool,
    now: int,
) -> bool:
    """A part was refused: `again` queues it once more, after its back-off if `deferred`. False as in `submitted`."""
    state = "queued" if again else "failed"
    return _leave_submitting(db, message_id, seq, token, state, now, deferred=deferred)


def note_refusal(
    db: Connection, message_id: int, seq: int, token: int, *, sim_id: int, cause: str, now: int
) -> None:
    """Remember who refused a part, and with which code."""
    db.execute("INSERT INTO refusals VALUES (?, ?, ?, ?, ?, ?)", (message_id, seq, token, sim_id, cause, now))


def refused_by(db: Connection, message_id: int) -> set[int]:
    """The SIMs that refused a part of this message."""
    return {row[0] for row in db.execute("SELECT sim_id FROM refusals WHERE message_id = ?", (message_id,))}


def never_begun(db: Connection, message_id: int, seq: int, token: int, now: int) -> bool:
    """A claimed part never reached the modem: queued again, and no attempt counted. False as in `submitted`."""
    if not _leave_submitting(db, message_id, seq, token, "queued", now):
        return False
    db.execute("UPDATE parts SET attempts = attempts - 1 WHERE message_id = ? AND seq = ?", (message_id, seq))
    return True


def attempts(db: Connection, message_id: int, seq: int) -> int:
    """How often a part was handed to a modem."""
    count: int = db.execute(
        "SELECT attempts FROM parts WHERE message_id = ? AND seq = ?", (message_id, seq)
    ).fetchone()[0]
    return count


def _leave_submitting(
    db: Connection,
    message_id: int,
    seq: int,
    token: int,
    state: str,
    now: int,
    *,
    reference: int | None = None,
    deferred: bool = False,
) -> bool:
    return (
        db.execute(
            "UPDATE parts SET state = ?, reference = ?, deferred = ?, ended_at = ?"
            " WHERE message_id = ? AND seq = ? AND token = ? AND state = 'submitting'",
            (state, reference, deferred, now, message_id, seq, token),
        ).rowcount
        == 1
    )


def settle_doubt(
    db: Connection, message_id: int, seq: int, token: int, state: str, reference: int | None = None
) -> bool:
    """Make a part in doubt `submitted`, `queued` or `failed`. False where this claim is not in doubt any more."""
    return (
        db.execute(
            "UPDATE parts SET state = ?, reference = ?, held = 0"
            " WHERE message_id = ? AND seq = ? AND token = ? AND state = 'in_doubt'",
            (state, reference, message_id, seq, token),
        ).rowcount
        == 1
    )


def release(db: Connection, message_id: int, seq: int, token: int) -> int | None:
    """The back-off of a part is over; the SIM that carries it now, None where it does not wait any more."""
    row = db.execute(
        "UPDATE parts SET deferred = 0 WHERE message_id = ? AND seq = ? AND token = ? AND deferred = 1"
        " AND state = 'queued' RETURNING sim_id",
        (message_id, seq, token),
    ).fetchone()
    return None if row is None else row[0]


def drop_queued(db: Connection, message_id: int, state: str) -> None:
    """Take what still waits of a message out of the queue, as `failed` or `cancelled`."""
    db.execute(
        "UPDATE parts SET state = ?, deferred = 0 WHERE message_id = ? AND state = 'queued'",
        (state, message_id),
    )


def ever_claimed(db: Connection, message_id: int) -> bool:
    """Whether any part of a message was ever handed to a port."""
    row = db.execute(
        "SELECT 1 FROM parts WHERE message_id = ? AND token > 0 LIMIT 1", (message_id,)
    ).fetchone()
    return row is not None


def resume(db: Connection) -> list[Row]:
    """At start: what was submitting is in doubt, back-offs are over. All parts in doubt that time settles, with their message."""
    db.execute("UPDATE parts SET state = 'in_doubt' WHERE state = 'submitting'")
    db.execute("UPDATE parts SET deferred = 0 WHERE deferred = 1")
    return db.execute(
        "SELECT message_id, seq, token FROM parts WHERE state = 'in_doubt' AND held = 0"
    ).fetchall()


def awaiting_report(db: Connection, sim_id: int, reference: int) -> list[Row]:
    """Submitted parts of a SIM with this TP-MR, newest first, with their `recipient`."""
    return db.execute(
        "SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        " WHERE p.state = 'submitted' AND p.sim_id = ? AND p.reference = ? ORDER BY p.ended_at DESC",
        (sim_id, reference),
    ).fetchall()


def submitting(db: Connection, sim_id: int) -> list[Row]:
    """What a SIM has in the air, with its `recipient`."""
    return db.execute(
        "SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        " WHERE p.state = 'submitting' AND p.sim_id = ?",
        (sim_id,),
    ).fetchall()


def reported_with(db: Connection, sim_id: int, reference: int, service_centre_at: int) -> list[Row]:
    """Parts of a SIM whose reports had this TP-MR and TP-SCTS, with their `recipient`."""
    return db.execute(
        "SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        " WHERE p.sim_id = ? AND p.reference = ? AND p.service_centre_at = ?",
        (sim_id, reference, service_centre_at),
    ).fetchall()


def awaits_report(db: Connection, sim_id: int, since: int, until: int) -> bool:
    """Whether a part that a SIM submitted between these moments has no final report yet."""
    row = db.execute(
        "SELECT 1 FROM parts WHERE state = 'submitted' AND sim_id = ? AND ended_at BETWEEN ? AND ? LIMIT 1",
        (sim_id, since, until),
    ).fetchone()
    return row is not None


def without_reference(db: Connection, sim_id: int) -> list[Row]:
    """Parts of a SIM whose TP-MR nobody knows, being submitted, in doubt or submitted, with their `recipient`."""
    return db.execute(
        "SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        " WHERE p.sim_id = :sim AND p.state IN ('submitting', 'in_doubt')"
        " UNION ALL"
        " SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        " WHERE p.sim_id = :sim AND p.state = 'submitted' AND p.reference IS NULL",
        {"sim": sim_id},
    ).fetchall()


def newest_start(db: Connection) -> int | None:
    """When the newest of the parts being submitted or in doubt was claimed."""
    found: int | None = db.execute(
        "SELECT max(started_at) FROM parts WHERE state IN ('submitting', 'in_doubt')"
    ).fetchone()[0]
    return found


def restamp(db: Connection, since: int, jump: int) -> None:
    """Move the stamps of parts being submitted or in doubt that were claimed at `since` or later."""
    db.execute(
        "UPDATE parts SET started_at = started_at + ?, ended_at = ended_at + ?"
        " WHERE state IN ('submitting', 'in_doubt') AND started_at >= ?",
        (jump, jump, since),
    )


def stamped(db: Connection, message_id: int, seq: int, service_centre_at: int) -> None:
    """Note the TP-SCTS that a report of a part told."""
    db.execute(
        "UPDATE parts SET service_centre_at = ? WHERE message_id = ? AND seq = ?",
        (service_centre_at, message_id, seq),
    )


def identified(db: Connection, message_id: int, seq: int, reference: int) -> None:
    """Note the TP-MR of a submitted part, which its modem did not tell."""
    db.execute(
        "UPDATE parts SET reference = ? WHERE message_id = ? AND seq = ? AND reference IS NULL",
        (reference, message_id, seq),
    )


def delivered(db: Connection, message_id: int, seq: int) -> bool:
    """A submitted part was reported delivered. False where it does not wait for a report."""
    return _reported(db, message_id, seq, "delivered")


def undeliverable(db: Connection, message_id: int, seq: int) -> bool:
    """A submitted part was reported failed for good. False where it does not wait for a report."""
    return _reported(db, message_id, seq, "failed")


def _reported(db: Connection, message_id: int, seq: int, state: str) -> bool:
    return (
        db.execute(
            "UPDATE parts SET state = ? WHERE message_id = ? AND seq = ? AND state = 'submitted'",
            (state, message_id, seq),
        ).rowcount
        == 1
    )


def one(db: Connection, message_id: int, seq: int) -> Row:
    """One part, which must exist, with its `recipient`."""
    row: Row = db.execute(
        "SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        " WHERE p.message_id = ? AND p.seq = ?",
        (message_id, seq),
    ).fetchone()
    return row


def others_begun(db: Connection, message_id: int, seq: int) -> bool:
    """Whether any part of a message but this one has left the queue."""
    row = db.execute(
        "SELECT 1 FROM parts WHERE message_id = ? AND seq <> ? AND state <> 'queued' LIMIT 1",
        (message_id, seq),
    ).fetchone()
    return row is not None
