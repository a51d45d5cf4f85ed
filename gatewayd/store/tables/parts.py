"""Parts: the queue, the claims, and the outcome of each submission.

States and transitions:

    queued → submitting      claimed for a port; durable before the modem gets the part
    submitting → submitted   the network took it
    submitting → queued      refused for a reason that passes (`deferred` until its back-off is over)
    submitting → in_doubt    the outcome is unknown; also every part that was submitting when the process ended
    submitting → failed
    in_doubt → submitted | queued | failed
    queued → submitted       by a late report, if it is queued only because it was in doubt
    submitted → delivered | failed, by a status report
    queued → cancelled | failed, with its message
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store.engine.connection import Connection, Cursor
from gatewayd.store.tables import former_numbers, queue_counts
from gatewayd.store.tables.part_filters import IN_DOUBT, OPEN, QUEUED, SUBMITTING

# A TP-MR returns after 256 parts, and some networks send no reports. Of the parts that wait with the same TP-MR, so many
# are read, the newest: they are of the last 256,000 parts of the SIM.
_NEWEST_AWAITING = 1000

# The columns of `Part`, in its order.
_SELECT_PART = (
    "SELECT p.message_id, p.seq, p.state, p.sim_id, p.token, p.attempts, p.reference, p.started_at, p.ended_at,"
    " p.service_centre_at, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id"
)

# Each half uses an index of its own.
_AWAITING_REPORT = (
    f"{_SELECT_PART} WHERE p.sim_id = :sim AND p.reference = :reference AND p.state = 'submitted'"
    f" ORDER BY p.ended_at DESC LIMIT {_NEWEST_AWAITING}"
)
_REPORTED_BEFORE = (
    f"{_SELECT_PART} WHERE p.sim_id = :sim AND p.reference = :reference"
    " AND p.service_centre_at = :scts AND p.state <> 'submitted'"
    f" ORDER BY p.ended_at DESC LIMIT {_NEWEST_AWAITING}"
)
_OF_REPORT = (
    f"SELECT * FROM ({_AWAITING_REPORT}) AS awaiting"
    f" UNION ALL SELECT * FROM ({_REPORTED_BEFORE}) AS reported ORDER BY ended_at DESC"
)

_EVERY_REFERENCE = ", ".join(map(str, range(256)))
_AWAITS_REPORT = (
    "SELECT 1 FROM parts WHERE state = 'submitted' AND sim_id = :sim"
    f" AND reference IN ({_EVERY_REFERENCE}) AND ended_at BETWEEN :since AND :until"
    " UNION ALL SELECT 1 FROM parts WHERE state = 'submitted' AND sim_id = :sim"
    " AND reference IS NULL AND ended_at BETWEEN :since AND :until LIMIT 1"
)

_WITHOUT_REFERENCE = (
    f"{_SELECT_PART} WHERE p.sim_id = :sim AND p.{OPEN}"
    f" UNION ALL SELECT * FROM ({_SELECT_PART} WHERE p.sim_id = :sim AND p.state = 'submitted' AND p.reference IS NULL"
    "  AND p.ended_at BETWEEN :since AND :until ORDER BY p.ended_at DESC LIMIT :newest) AS answered"
)

_QUEUED_AFTER_DOUBT = (
    f"{_SELECT_PART} JOIN refusals r ON p.message_id = r.message_id AND p.seq = r.seq AND p.token = r.token"
    " WHERE r.outcome = 'in_doubt' AND r.sim_id = ? AND r.refused_at >= ? AND p.state = 'queued'"
)

_NUMBER_OF_PART = former_numbers.of_message("p.sim_id", "p.message_id", "coalesce(p.ended_at, p.started_at)")
_OF_MESSAGE = (
    "SELECT p.seq, p.state, p.token, p.sim_id, p.port, p.reference, coalesce(p.ended_at, p.started_at, 0),"
    f" coalesce({_NUMBER_OF_PART}, s.number, s.card_number, '')"
    " FROM parts p LEFT JOIN sims s ON s.id = p.sim_id WHERE p.message_id = ? ORDER BY p.seq"
)

_NUMBER_OF_ATTEMPT = former_numbers.of_message("r.sim_id", "r.message_id", "r.refused_at")
_NOTED_ATTEMPTS = (
    "SELECT r.seq, r.token, r.sim_id, r.port, r.outcome, r.cause, r.reason, r.reason_fr, r.refused_at,"
    f" coalesce({_NUMBER_OF_ATTEMPT}, s.number, s.card_number, '')"
    " FROM refusals r LEFT JOIN sims s ON s.id = r.sim_id WHERE r.message_id = ?"
)

_RELEASED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """A part that was given to a port. A later claim has a higher token; `attempts` counts submissions."""

    token: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part that was claimed at least once, with the recipient of its message. Times in microseconds since the epoch."""

    message_id: int
    seq: int
    state: str
    sim_id: int
    token: int  # of the last claim
    attempts: int
    reference: int | None  # TP-MR; None: the modem did not report it
    started_at: int  # of the last claim
    ended_at: int | None
    service_centre_at: int | None  # TP-SCTS, from a report
    recipient: str


@dataclass(frozen=True, slots=True)
class PartOfMessage:
    """A part as the history of its message shows it."""

    seq: int
    state: str
    token: int
    sim_id: int
    port: int | None
    reference: int | None
    at: int  # when its last submission ended, else when that began; 0: it was never claimed
    sim_number: str


@dataclass(frozen=True, slots=True)
class NotedAttempt:
    """A submission that was refused or left in doubt (see `note_attempt`)."""

    seq: int
    token: int
    sim_id: int
    port: int | None
    outcome: str  # refused or in_doubt
    cause: str  # family and code
    reason: str
    reason_fr: str
    at: int
    sim_number: str


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """How the submission of a part before this one ended, and on which SIM."""

    sim_id: int
    outcome: str


def _parts(found: Cursor) -> list[Part]:
    return [Part(*row) for row in found]


def awaited_reports(db: Connection) -> int:
    """How many messages have a part that waits for a delivery report."""
    count: int = db.execute(
        "SELECT count(DISTINCT message_id) FROM parts INDEXED BY parts_awaiting WHERE state = 'submitted'"
    ).fetchone()[0]
    return count


def claim(db: Connection, message_id: int, seq: int, sim_id: int, now: int, port: int) -> Claim | None:
    """Mark a queued part as submitting by this SIM through a port; None if it is no longer queued."""
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
    """Whether a part is queued and not deferred, by its row. A damaged index does not matter."""
    row = db.execute(
        f"SELECT 1 FROM parts WHERE message_id = ? AND seq = ? AND {QUEUED}",
        (message_id, seq),
    ).fetchone()
    return row is not None


def rebuild_queue(db: Connection) -> None:
    """Rebuild the indexes of the queue from the table, and count the queues again. Reads all parts."""
    db.execute("REINDEX parts")
    queue_counts.recount(db)


def submitted(db: Connection, message_id: int, seq: int, token: int, reference: int | None, now: int) -> bool:
    """Note that the network took a part. False: the claim is no longer valid, and nothing was changed."""
    return _leave_submitting(db, message_id, seq, token, "submitted", now, reference=reference)


def in_doubt(db: Connection, message_id: int, seq: int, token: int, now: int) -> bool:
    """Note that the outcome of a part is unknown. False as in `submitted`."""
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
    """Note that a part was refused. `again` queues it once more, after its back-off if `deferred`. False as in `submitted`."""
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
    """Write down a submission that was `refused` (with its code, `cause`) or left `in_doubt`, with the reason in words."""
    db.execute(
        "INSERT INTO refusals"
        " (message_id, seq, token, sim_id, cause, refused_at, port, outcome, reason, reason_fr)"
        " SELECT message_id, seq, token, sim_id, ?, ?, port, ?, ?, ? FROM parts"
        " WHERE message_id = ? AND seq = ? AND token = ? ON CONFLICT DO NOTHING",
        (cause, now, outcome, reason, reason_fr, message_id, seq, token),
    )


def refused_by(db: Connection, message_id: int) -> set[int]:
    """The SIMs that refused a part of this message."""
    rows = db.execute(
        "SELECT sim_id FROM refusals WHERE message_id = ? AND outcome = 'refused'", (message_id,)
    )
    return {row[0] for row in rows}


def of_message(db: Connection, message_id: int) -> list[PartOfMessage]:
    """All parts of a message, in order."""
    return [PartOfMessage(*row) for row in db.execute(_OF_MESSAGE, (message_id,))]


def noted_attempts(db: Connection, message_id: int) -> list[NotedAttempt]:
    """The submissions of a message that `note_attempt` wrote down."""
    return [NotedAttempt(*row) for row in db.execute(_NOTED_ATTEMPTS, (message_id,))]


def never_begun(db: Connection, message_id: int, seq: int, token: int, now: int) -> bool:
    """Queue a claimed part again that never reached the modem, without an attempt. False as in `submitted`."""
    if not _leave_submitting(db, message_id, seq, token, "queued", now):
        return False
    db.execute("UPDATE parts SET attempts = attempts - 1 WHERE message_id = ? AND seq = ?", (message_id, seq))
    return True


def take_out_of_doubt(db: Connection, message_id: int, seq: int, token: int, *, queued: bool) -> bool:
    """Make a part in doubt submitting again, because its answer was found. False if this claim is not in doubt.

    `queued`: also a part that is queued only because it was in doubt, and was not claimed since.
    """
    claim = (message_id, seq, token)
    found = db.execute(
        "UPDATE parts SET state = 'submitting', held = 0 WHERE message_id = ? AND seq = ? AND token = ?"
        " AND (state = 'in_doubt' OR ? = 1 AND state = 'queued' AND EXISTS (SELECT 1 FROM refusals r"
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
    """Make a part in doubt `submitted`, `queued` or `failed`. False if this claim is no longer in doubt."""
    return (
        db.execute(
            "UPDATE parts SET state = ?, reference = ?, held = 0"
            " WHERE message_id = ? AND seq = ? AND token = ? AND state = 'in_doubt'",
            (state, reference, message_id, seq, token),
        ).rowcount
        == 1
    )


def release(db: Connection, message_id: int, seq: int, token: int) -> int | None:
    """End the back-off of a part; the id of its SIM, None if it no longer waits."""
    row = db.execute(
        "UPDATE parts SET deferred = 0 WHERE message_id = ? AND seq = ? AND token = ? AND deferred = 1"
        " AND state = 'queued' RETURNING sim_id",
        (message_id, seq, token),
    ).fetchone()
    return None if row is None else row[0]


def drop_queued(db: Connection, message_id: int, state: str) -> None:
    """Take the queued parts of a message out of the queue, as `failed` or `cancelled`."""
    db.execute(
        "UPDATE parts SET state = ?, deferred = 0 WHERE message_id = ? AND state = 'queued'",
        (state, message_id),
    )


def ever_claimed(db: Connection, message_id: int) -> bool:
    """Whether any part of a message was ever given to a port."""
    row = db.execute(
        "SELECT 1 FROM parts WHERE message_id = ? AND token > 0 LIMIT 1", (message_id,)
    ).fetchone()
    return row is not None


def resume(db: Connection) -> list[tuple[int, int, int]]:
    """At start: the claims (message id, part, token) that are submitting or in doubt, without those that are held."""
    found = db.execute(f"SELECT message_id, seq, token FROM parts WHERE {OPEN} AND held = 0")
    return [(row[0], row[1], row[2]) for row in found]


def release_deferred(db: Connection) -> bool:
    """At start: end the back-offs of some parts at a time. True: there may be more."""
    some = "SELECT message_id, seq FROM parts WHERE deferred = 1 LIMIT ?"
    released = db.execute(
        f"UPDATE parts SET deferred = 0 WHERE (message_id, seq) IN ({some})",
        (_RELEASED_AT_ONCE,),
    ).rowcount
    return released == _RELEASED_AT_ONCE


def undecided(db: Connection, before: int) -> int:
    """The parts that are in doubt since before a moment, or that are held: a person decides about them."""
    count: int = db.execute(
        f"SELECT count(*) FROM parts WHERE {IN_DOUBT} AND (held = 1 OR started_at < ?)", (before,)
    ).fetchone()[0]
    return count


def doubt_submitting(db: Connection, reason: str, reason_fr: str) -> list[int]:
    """While no port runs: put every submitting part in doubt, and write that down as an attempt.

    Returns the ids of their messages.
    """
    db.execute(
        "INSERT INTO refusals"
        " (message_id, seq, token, sim_id, cause, refused_at, port, outcome, reason, reason_fr)"
        " SELECT message_id, seq, token, sim_id, '', started_at, port, 'in_doubt', ?, ?"
        f" FROM parts WHERE {SUBMITTING} ON CONFLICT DO NOTHING",
        (reason, reason_fr),
    )
    doubted = db.execute(f"UPDATE parts SET state = 'in_doubt' WHERE {SUBMITTING} RETURNING message_id")
    return [row[0] for row in doubted.fetchall()]


def awaiting_report(db: Connection, sim_id: int, reference: int) -> list[Part]:
    """Submitted parts of a SIM with this TP-MR, newest first."""
    return _parts(db.execute(_AWAITING_REPORT, {"sim": sim_id, "reference": reference}))


def submitting(db: Connection, sim_id: int) -> list[Part]:
    """The parts that a SIM is submitting."""
    return _parts(db.execute(f"{_SELECT_PART} WHERE {SUBMITTING} AND p.sim_id = ?", (sim_id,)))


def of_report(db: Connection, sim_id: int, reference: int, service_centre_at: int | None) -> list[Part]:
    """Parts of a SIM with this TP-MR that wait for a report, and those that reports with this TP-SCTS named before.

    Newest first.
    """
    return _parts(db.execute(_OF_REPORT, {"sim": sim_id, "reference": reference, "scts": service_centre_at}))


def awaits_report(db: Connection, sim_id: int, since: int, until: int) -> bool:
    """Whether a part that a SIM submitted between these moments has no final report yet.

    One look into the index for each possible TP-MR, however many parts were never reported.
    """
    return db.execute(_AWAITS_REPORT, {"sim": sim_id, "since": since, "until": until}).fetchone() is not None


def without_reference(db: Connection, sim_id: int, since: int, until: int) -> list[Part]:
    """Parts of a SIM without a known TP-MR: being submitted or in doubt, and the newest of those that were answered
    between these moments and wait for a report.
    """
    values = {"sim": sim_id, "since": since, "until": until, "newest": _NEWEST_AWAITING}
    return _parts(db.execute(_WITHOUT_REFERENCE, values))


def newest_start(db: Connection) -> int | None:
    """The time of the newest claim that is submitting or in doubt."""
    found: int | None = db.execute(f"SELECT max(started_at) FROM parts WHERE {OPEN}").fetchone()[0]
    return found


def restamp(db: Connection, since: int, jump: int) -> None:
    """Shift the times of parts that are submitting or in doubt and were claimed at `since` or later."""
    db.execute(
        "UPDATE parts SET started_at = started_at + ?, ended_at = ended_at + ?"
        f" WHERE {OPEN} AND started_at >= ?",
        (jump, jump, since),
    )


def queued_after_doubt(db: Connection, sim_id: int, since: int) -> list[Part]:
    """Parts that are queued again because a submission of this SIM was in doubt.

    `since`: the earliest start of that doubt.
    """
    return _parts(db.execute(_QUEUED_AFTER_DOUBT, (sim_id, since)))


def taken_after_all(db: Connection, message_id: int, seq: int, token: int, reference: int) -> bool:
    """Mark a part as submitted that is queued because of a doubt. False if it was claimed again meanwhile."""
    return (
        db.execute(
            "UPDATE parts SET state = 'submitted', deferred = 0, reference = ?"
            " WHERE message_id = ? AND seq = ? AND token = ? AND state = 'queued'",
            (reference, message_id, seq, token),
        ).rowcount
        == 1
    )


def stamped(db: Connection, message_id: int, seq: int, service_centre_at: int) -> None:
    """Note the TP-SCTS from a report of a part."""
    db.execute(
        "UPDATE parts SET service_centre_at = ? WHERE message_id = ? AND seq = ?",
        (service_centre_at, message_id, seq),
    )


def identified(db: Connection, message_id: int, seq: int, reference: int) -> None:
    """Note the TP-MR of a submitted part whose modem did not report it."""
    db.execute(
        "UPDATE parts SET reference = ? WHERE message_id = ? AND seq = ? AND reference IS NULL",
        (reference, message_id, seq),
    )


def delivered(db: Connection, message_id: int, seq: int, service_centre_at: int | None) -> bool:
    """Note that a submitted part was reported delivered, with this TP-SCTS. False if it waits for no report."""
    return _reported(db, message_id, seq, "delivered", service_centre_at)


def undeliverable(db: Connection, message_id: int, seq: int, service_centre_at: int | None) -> bool:
    """Note that a submitted part was reported failed for good. Otherwise as `delivered`."""
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


def find(db: Connection, message_id: int, seq: int) -> Part | None:
    """One part that was claimed; None: it is not there any more."""
    row = db.execute(f"{_SELECT_PART} WHERE p.message_id = ? AND p.seq = ?", (message_id, seq)).fetchone()
    return None if row is None else Part(*row)


def one(db: Connection, message_id: int, seq: int) -> Part:
    """One part, which must exist and have been claimed."""
    found = find(db, message_id, seq)
    if found is None:
        raise LookupError(f"message {message_id} has no part {seq}")
    return found


def others_begun(db: Connection, message_id: int, seq: int) -> bool:
    """Whether any other part of this message has left the queue."""
    row = db.execute(
        "SELECT 1 FROM parts WHERE message_id = ? AND seq <> ? AND state <> 'queued' LIMIT 1",
        (message_id, seq),
    ).fetchone()
    return row is not None


def has_open(db: Connection, message_id: int) -> bool:
    """Whether a part of a message is submitting or in doubt."""
    row = db.execute(
        f"SELECT 1 FROM parts WHERE message_id = ? AND {OPEN} LIMIT 1",
        (message_id,),
    ).fetchone()
    return row is not None


def carried_by_another(db: Connection, message_id: int, sim_id: int) -> bool:
    """Whether another SIM submitted a part of this message, or may have."""
    row = db.execute(
        "SELECT 1 FROM parts WHERE message_id = ? AND sim_id <> ? AND state NOT IN ('queued', 'cancelled') LIMIT 1",
        (message_id, sim_id),
    ).fetchone()
    return row is not None


def last_attempt(db: Connection, message_id: int, seq: int, before: int) -> LastAttempt | None:
    """The newest submission of a part that `note_attempt` wrote down, with a token below `before`."""
    row = db.execute(
        "SELECT sim_id, outcome FROM refusals WHERE message_id = ? AND seq = ? AND token < ? ORDER BY token DESC LIMIT 1",
        (message_id, seq, before),
    ).fetchone()
    return None if row is None else LastAttempt(*row)
