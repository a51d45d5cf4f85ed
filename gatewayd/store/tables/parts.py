"""Parts: the queue, the claims, and what became of each submission.

States and what leads from one to the next:

    queued → submitting      claimed for a port, durably, before the modem hears of it
    submitting → submitted   the network took it
    submitting → queued      refused for a reason that passes (`deferred` until its back-off is over)
    submitting → in_doubt    nobody knows; also whatever was submitting when the process ended
    submitting → failed
    in_doubt → submitted | queued | failed
    queued → submitted       by a late report, where it is queued only because it was in doubt
    submitted → delivered | failed, by a status report
    queued → cancelled | failed, with its message
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection, Row
from gatewayd.store.tables import former_numbers, queue_counts

# The head of a queue is found by one look into the index for each kind of work and priority, however long the queue is,
# and however it is split by age (see `gatewayd.sending.outage_backlog`). Unpinned and pinned work lie apart in the index, so that idle
# SIMs find what they may take without a search.
_LANE = (
    "SELECT * FROM (SELECT message_id, seq, priority FROM parts"
    " WHERE state = 'queued' AND deferred = 0 AND sim_id = :sim AND pinned = {pinned} AND priority = {priority}"
    " AND message_id {side} :last ORDER BY message_id {order}, seq {order} LIMIT :look)"
)
_CODES, _PRIORITIES = (0,), (0, 1, 2)


# As the index `parts_open` says it: without its own words SQLite does not use it, and reads all parts there are.
_OPEN = "state IN ('submitting', 'in_doubt')"


def _lanes(pinned: tuple[int, ...], priorities: tuple[int, ...], side: str, order: str) -> str:
    lanes = [(kind, priority) for kind in pinned for priority in priorities]
    return " UNION ALL ".join(
        _LANE.format(pinned=kind, priority=priority, side=side, order=order) for kind, priority in lanes
    )


def _head(priorities: tuple[int, ...], side: str, order: str = "ASC") -> str:
    lanes = _lanes((0, 1), priorities, side, order)
    return f"SELECT * FROM ({lanes}) ORDER BY priority, message_id {order}, seq LIMIT 1"


_MAY_MOVE = (
    "SELECT p.message_id, p.seq, p.priority FROM ({parts}) p JOIN messages m ON m.id = p.message_id"
    " WHERE (:company IS NULL OR m.company_id = :company) AND (:begun OR m.unsent = m.parts AND NOT EXISTS"
    "  (SELECT 1 FROM parts q WHERE q.message_id = p.message_id AND q.state NOT IN ('queued')))"
)


def _movable(priorities: tuple[int, ...], side: str, order: str = "ASC") -> str:
    found = _MAY_MOVE.format(parts=_lanes((0,), priorities, side, order))
    return f"{found} ORDER BY p.priority, p.message_id {order}, p.seq LIMIT 1"


# Where nothing is set apart the index itself has the order, but for what is pinned and what is not.
_UNPINNED, _PINNED = (
    "SELECT message_id, seq, priority FROM parts"
    f" WHERE state = 'queued' AND deferred = 0 AND sim_id = :sim AND pinned = {pinned}"
    " ORDER BY priority, message_id, seq LIMIT 1"
    for pinned in (0, 1)
)
_FIRST = (
    f"SELECT * FROM (SELECT * FROM ({_UNPINNED}) UNION ALL SELECT * FROM ({_PINNED}))"
    " ORDER BY priority, message_id, seq LIMIT 1"
)
_FIRST_MOVABLE = _MAY_MOVE.format(parts=_UNPINNED)

_NEW, _NEW_MOVABLE = _head(_PRIORITIES, ">"), _movable(_PRIORITIES, ">")
# Of what is old the newest one-time code goes first, then the rest in the usual order.
_OLD = (_head(_CODES, "<=", "DESC"), _head(_PRIORITIES, "<="))
_OLD_MOVABLE = (_movable(_CODES, "<=", "DESC"), _movable(_PRIORITIES, "<="))

# A TP-MR comes again after 256 parts, and some networks report nothing: of the parts that wait with the same one, the
# newest are looked at, which are those of the last 256,000 parts of the SIM.
_NEWEST_AWAITING = 1000

# Each half by an index of its own.
_WITH_REFERENCE = (
    "SELECT * FROM (SELECT p.message_id, p.seq, p.token, p.state, p.started_at, p.ended_at, p.service_centre_at, m.recipient"
    " FROM parts p JOIN messages m ON m.id = p.message_id"
    " WHERE p.sim_id = :sim AND p.reference = :reference AND {which}"
    f" ORDER BY p.ended_at DESC LIMIT {_NEWEST_AWAITING})"
)
_WAITING, _SPOKEN_OF = "p.state = 'submitted'", "p.service_centre_at = :scts AND p.state <> 'submitted'"
_REPORTED = (
    f"{_WITH_REFERENCE.format(which=_WAITING)} UNION ALL {_WITH_REFERENCE.format(which=_SPOKEN_OF)}"
    " ORDER BY ended_at DESC"
)

_AWAITING = "SELECT 1 FROM parts WHERE state = 'submitted' AND sim_id = :sim AND {which} AND ended_at BETWEEN :since AND :until"
_AWAITS = " UNION ALL ".join(
    _AWAITING.format(which=which)
    for which in (f"reference IN ({', '.join(map(str, range(256)))})", "reference IS NULL")
)
_AWAITS = f"{_AWAITS} LIMIT 1"

_RELEASED_AT_ONCE = 500

# How far into each lane of another SIM's queue an idle SIM looks for something it may carry.
_LOOK = 64


@dataclass(frozen=True, slots=True)
class Claim:
    """A part that is a port's now. A later claim has a higher token; attempts count submissions."""

    token: int
    attempts: int


def head(db: Connection, sim_id: int, after: int = 0) -> Row | None:
    """The next part of a SIM's queue (`message_id`, `seq`, `priority`), of the messages with an id above `after`."""
    if after:
        found = db.execute(_NEW, {"sim": sim_id, "last": after, "look": 1})
    else:
        found = db.execute(_FIRST, {"sim": sim_id})
    row: Row | None = found.fetchone()
    return row


def old_head(db: Connection, sim_id: int, last: int) -> Row | None:
    """As `head`, of the messages up to `last`: the newest one-time code, else as usual."""
    return _old(db, _OLD, {"sim": sim_id, "last": last, "look": 1})


def movable_head(
    db: Connection, sim_id: int, company_id: int | None, after: int = 0, *, begun: bool = False
) -> Row | None:
    """The first part in a SIM's queue that another SIM, of this company or of none, may carry instead; else as `head`.

    `begun`: also of a message of which a part was handed over already (see `Scheduler`).
    """
    row: Row | None = None
    if not after:  # the first of all, as a rule, may move
        row = db.execute(_FIRST_MOVABLE, {"sim": sim_id, "company": company_id, "begun": begun}).fetchone()
    if row is None:
        values = {"sim": sim_id, "last": after, "look": _LOOK, "company": company_id, "begun": begun}
        row = db.execute(_NEW_MOVABLE, values).fetchone()
    return row


def old_movable_head(
    db: Connection, sim_id: int, company_id: int | None, last: int, *, begun: bool = False
) -> Row | None:
    """As `movable_head`, of the messages up to `last`, in the order of `old_head`."""
    values = {"sim": sim_id, "last": last, "look": _LOOK, "company": company_id, "begun": begun}
    return _old(db, _OLD_MOVABLE, values)


def _old(db: Connection, statements: tuple[str, str], values: Mapping[str, object]) -> Row | None:
    newest_code, others = statements
    row: Row | None = db.execute(newest_code, values).fetchone()
    if row is None:
        row = db.execute(others, values).fetchone()
    elif row["seq"] > 1:  # read backwards, a message is found by its last part
        row = db.execute(
            "SELECT message_id, seq, priority FROM parts"
            " WHERE message_id = ? AND state = 'queued' AND deferred = 0 ORDER BY seq LIMIT 1",
            (row["message_id"],),
        ).fetchone()
    return row


def awaited_reports(db: Connection) -> int:
    """How many messages have a part that waits for a delivery report."""
    count: int = db.execute(
        "SELECT count(DISTINCT message_id) FROM parts INDEXED BY parts_awaiting WHERE state = 'submitted'"
    ).fetchone()[0]
    return count


def oldest_waiting(db: Connection, sim_ids: Iterable[int]) -> int | None:
    """The lowest id of a message that has a part in these SIMs' queues or waits for a back-off; None without any."""
    lanes = [(sim, pinned, priority) for sim in sim_ids for pinned in (0, 1) for priority in _PRIORITIES]
    found = [
        db.execute(
            "SELECT message_id FROM parts WHERE state = 'queued' AND deferred = 0"
            " AND sim_id = ? AND pinned = ? AND priority = ? ORDER BY message_id LIMIT 1",
            lane,
        ).fetchone()
        for lane in lanes
    ]
    # Left to itself SQLite walks the table in its own order for a minimum, past all that does not fit.
    for few in ("parts_deferred WHERE deferred = 1", "parts_open WHERE state IN ('submitting', 'in_doubt')"):
        found.append(db.execute(f"SELECT min(message_id) FROM parts INDEXED BY {few}").fetchone())
    return min((row[0] for row in found if row is not None and row[0] is not None), default=None)


def claim(db: Connection, message_id: int, seq: int, sim_id: int, now: int, port: int) -> Claim | None:
    """Mark a queued part as submitting by this SIM through a port; None where it is not queued any more."""
    row = db.execute(
        "UPDATE parts SET state = 'submitting', sim_id = ?, token = token + 1, attempts = attempts + 1,"
        " started_at = ?, ended_at = NULL, reference = NULL, service_centre_at = NULL, port = ?"
        " WHERE message_id = ? AND seq = ? AND state = 'queued' RETURNING token, attempts",
        (sim_id, now, port, message_id, seq),
    ).fetchone()
    if row is None:
        return None
    token, attempts = row
    if attempts > 1:
        db.execute(
            "UPDATE messages SET retry_count = max(retry_count, ?) WHERE id = ?", (attempts - 1, message_id)
        )
    return Claim(token, attempts)


def waits(db: Connection, message_id: int, seq: int) -> bool:
    """Whether a part is queued and not deferred, as its row says, whatever an index says."""
    row = db.execute(
        "SELECT 1 FROM parts WHERE message_id = ? AND seq = ? AND state = 'queued' AND deferred = 0",
        (message_id, seq),
    ).fetchone()
    return row is not None


def rebuild_queue(db: Connection) -> None:
    """Build the indexes of the queue anew from its table, and count again what waits. It reads all parts."""
    db.execute("REINDEX parts")
    queue_counts.recount(db)


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


def note_attempt(
    db: Connection,
    message_id: int,
    seq: int,
    token: int,
    *,
    outcome: str,
    cause: str = "",
    reason: str,
    reason_fr: str,
    now: int,
) -> None:
    """Remember a submission that was `refused`, with which code (`cause`), or left `in_doubt`, and what that means."""
    db.execute(
        "INSERT OR IGNORE INTO refusals"
        " (message_id, seq, token, sim_id, cause, refused_at, port, outcome, reason, reason_fr)"
        " SELECT message_id, seq, token, sim_id, ?, ?, port, ?, ?, ? FROM parts"
        " WHERE message_id = ? AND seq = ? AND token = ?",
        (cause, now, outcome, reason, reason_fr, message_id, seq, token),
    )


def refused_by(db: Connection, message_id: int) -> set[int]:
    """The SIMs that refused a part of this message."""
    rows = db.execute(
        "SELECT sim_id FROM refusals WHERE message_id = ? AND outcome = 'refused'", (message_id,)
    )
    return {row[0] for row in rows}


def of_message(db: Connection, message_id: int) -> list[Row]:
    """All parts of a message, with the `sim_number` of the SIM that each goes or went out from."""
    number_then = former_numbers.of_message("p.sim_id", "p.message_id", "coalesce(p.ended_at, p.started_at)")
    return db.execute(
        f"SELECT p.*, coalesce({number_then}, s.number, s.card_number, '') AS sim_number"
        " FROM parts p LEFT JOIN sims s ON s.id = p.sim_id WHERE p.message_id = ? ORDER BY p.seq",
        (message_id,),
    ).fetchall()


def noted_attempts(db: Connection, message_id: int) -> list[Row]:
    """What `note_attempt` remembers of a message, with the `sim_number`."""
    number_then = former_numbers.of_message("r.sim_id", "r.message_id", "r.refused_at")
    return db.execute(
        f"SELECT r.*, coalesce({number_then}, s.number, s.card_number, '') AS sim_number"
        " FROM refusals r LEFT JOIN sims s ON s.id = r.sim_id WHERE r.message_id = ?",
        (message_id,),
    ).fetchall()


def never_begun(db: Connection, message_id: int, seq: int, token: int, now: int) -> bool:
    """A claimed part never reached the modem: queued again, and no attempt counted. False as in `submitted`."""
    if not _leave_submitting(db, message_id, seq, token, "queued", now):
        return False
    db.execute("UPDATE parts SET attempts = attempts - 1 WHERE message_id = ? AND seq = ?", (message_id, seq))
    return True


def take_out_of_doubt(db: Connection, message_id: int, seq: int, token: int, *, queued: bool) -> bool:
    """A part in doubt is submitting again, to be settled: its answer was found. False where this claim is not in doubt.

    `queued`: likewise one that is queued only because it was in doubt, and was not claimed since.
    """
    claim = (message_id, seq, token)
    found = db.execute(
        "UPDATE parts SET state = 'submitting', held = 0 WHERE message_id = ? AND seq = ? AND token = ?"
        " AND (state = 'in_doubt' OR ? AND state = 'queued' AND EXISTS (SELECT 1 FROM refusals r"
        "  WHERE r.message_id = parts.message_id AND r.seq = parts.seq AND r.token = parts.token"
        "  AND r.outcome = 'in_doubt'))",
        (*claim, queued),
    ).rowcount
    if found != 1:
        return False
    db.execute(
        "DELETE FROM refusals WHERE message_id = ? AND seq = ? AND token = ? AND outcome = 'in_doubt'", claim
    )
    return True


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
    """At start: what was submitting is in doubt (see `doubt_submitting`); all in doubt that are not held."""
    return db.execute(f"SELECT message_id, seq, token FROM parts WHERE {_OPEN} AND held = 0").fetchall()


def release_deferred(db: Connection) -> bool:
    """At start: back-offs are over, of some parts at a time. Whether there may be more."""
    some = "SELECT message_id, seq FROM parts WHERE deferred = 1 LIMIT ?"
    released = db.execute(
        f"UPDATE parts SET deferred = 0 WHERE (message_id, seq) IN ({some})",
        (_RELEASED_AT_ONCE,),
    ).rowcount
    return released == _RELEASED_AT_ONCE


def doubt_submitting(db: Connection, reason: str, reason_fr: str) -> None:
    """While no port runs: what was submitting is in doubt, and was an attempt that ended so."""
    db.execute(
        "INSERT OR IGNORE INTO refusals"
        " (message_id, seq, token, sim_id, cause, refused_at, port, outcome, reason, reason_fr)"
        " SELECT message_id, seq, token, sim_id, '', started_at, port, 'in_doubt', ?, ?"
        f" FROM parts WHERE {_OPEN} AND state = 'submitting'",
        (reason, reason_fr),
    )
    db.execute(f"UPDATE parts SET state = 'in_doubt' WHERE {_OPEN} AND state = 'submitting'")


def awaiting_report(db: Connection, sim_id: int, reference: int) -> list[Row]:
    """Submitted parts of a SIM with this TP-MR, newest first, with their `recipient`."""
    return db.execute(
        "SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        " WHERE p.state = 'submitted' AND p.sim_id = ? AND p.reference = ? ORDER BY p.ended_at DESC LIMIT ?",
        (sim_id, reference, _NEWEST_AWAITING),
    ).fetchall()


def submitting(db: Connection, sim_id: int) -> list[Row]:
    """What a SIM has in the air, with its `recipient`."""
    return db.execute(
        "SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        f" WHERE p.{_OPEN} AND p.state = 'submitting' AND p.sim_id = ?",
        (sim_id,),
    ).fetchall()


def of_report(db: Connection, sim_id: int, reference: int, service_centre_at: int | None) -> list[Row]:
    """Parts of a SIM with this TP-MR that wait for a report, newest first, and those of which reports with this TP-SCTS
    spoke before; with their `recipient`.
    """
    return db.execute(
        _REPORTED, {"sim": sim_id, "reference": reference, "scts": service_centre_at}
    ).fetchall()


def awaits_report(db: Connection, sim_id: int, since: int, until: int) -> bool:
    """Whether a part that a SIM submitted between these moments has no final report yet.

    One look into the index for each TP-MR there can be, however many parts were never reported.
    """
    return db.execute(_AWAITS, {"sim": sim_id, "since": since, "until": until}).fetchone() is not None


def without_reference(db: Connection, sim_id: int, since: int, until: int) -> list[Row]:
    """Parts of a SIM whose TP-MR is unknown, with their `recipient`: being submitted or in doubt, and the newest of those
    that were answered between these moments and wait for a report.
    """
    return db.execute(
        "SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        f" WHERE p.sim_id = :sim AND p.{_OPEN}"
        " UNION ALL"
        " SELECT * FROM (SELECT p.*, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
        "  WHERE p.sim_id = :sim AND p.state = 'submitted' AND p.reference IS NULL"
        "  AND p.ended_at BETWEEN :since AND :until ORDER BY p.ended_at DESC LIMIT :newest)",
        {"sim": sim_id, "since": since, "until": until, "newest": _NEWEST_AWAITING},
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


def queued_after_doubt(db: Connection, sim_id: int, since: int) -> list[Row]:
    """Parts that are queued again because a submission of this SIM was in doubt, with their `recipient`.

    `since`: when that doubt began, at the earliest.
    """
    return db.execute(
        "SELECT p.*, m.recipient FROM refusals r"
        " JOIN parts p ON p.message_id = r.message_id AND p.seq = r.seq AND p.token = r.token"
        " JOIN messages m ON m.id = p.message_id"
        " WHERE r.outcome = 'in_doubt' AND r.sim_id = ? AND r.refused_at >= ? AND p.state = 'queued'",
        (sim_id, since),
    ).fetchall()


def taken_after_all(db: Connection, message_id: int, seq: int, token: int, reference: int) -> bool:
    """A part that is queued because of a doubt had been taken. False where it was claimed again meanwhile."""
    return (
        db.execute(
            "UPDATE parts SET state = 'submitted', deferred = 0, reference = ?"
            " WHERE message_id = ? AND seq = ? AND token = ? AND state = 'queued'",
            (reference, message_id, seq, token),
        ).rowcount
        == 1
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


def delivered(db: Connection, message_id: int, seq: int, service_centre_at: int | None) -> bool:
    """A submitted part was reported delivered, with this TP-SCTS. False where it does not wait for a report."""
    return _reported(db, message_id, seq, "delivered", service_centre_at)


def undeliverable(db: Connection, message_id: int, seq: int, service_centre_at: int | None) -> bool:
    """A submitted part was reported failed for good. Else as `delivered`."""
    return _reported(db, message_id, seq, "failed", service_centre_at)


def _reported(db: Connection, message_id: int, seq: int, state: str, service_centre_at: int | None) -> bool:
    return (
        db.execute(
            "UPDATE parts SET state = ?, service_centre_at = coalesce(?, service_centre_at)"
            " WHERE message_id = ? AND seq = ? AND state = 'submitted'",
            (state, service_centre_at, message_id, seq),
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


def has_open(db: Connection, message_id: int) -> bool:
    """Whether a part of a message is in the air or in doubt."""
    row = db.execute(
        "SELECT 1 FROM parts WHERE message_id = ? AND state IN ('submitting', 'in_doubt') LIMIT 1",
        (message_id,),
    ).fetchone()
    return row is not None


def carried_by_another(db: Connection, message_id: int, sim_id: int) -> bool:
    """Whether a part of a message was handed to the network by another SIM than this one, or may have been."""
    row = db.execute(
        "SELECT 1 FROM parts WHERE message_id = ? AND sim_id <> ? AND state NOT IN ('queued', 'cancelled') LIMIT 1",
        (message_id, sim_id),
    ).fetchone()
    return row is not None


def last_attempt(db: Connection, message_id: int, seq: int, before: int) -> Row | None:
    """The newest remembered submission of a part with a token below `before`."""
    row: Row | None = db.execute(
        "SELECT * FROM refusals WHERE message_id = ? AND seq = ? AND token < ? ORDER BY token DESC LIMIT 1",
        (message_id, seq, before),
    ).fetchone()
    return row
