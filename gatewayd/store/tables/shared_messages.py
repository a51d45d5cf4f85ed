"""The journal of a box of a fleet: the messages of the shared queue that it has or had, and the incarnation of its file.

A message is `claimed` (this box will send it; it has no parts yet), `started` (its parts are in the local queue) or `out`
(nothing more of it is sent here; only what the modems and reports still say of it is told). Its `epoch` is that of this box
when it claimed, started or stamped the message: the fleet holds it under the same one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatewayd.store.engine.connection import Connection
from gatewayd.store.tables.messages import COLUMNS

# Parts of shared messages lie behind all places of the box's own messages, so that none of them counts as old after an outage
# (see `gatewayd.sending.outage_backlog`): how long a message of the fleet waited is not known here.
_BEHIND_OWN = 1 << 60

_INSERT = f"INSERT INTO messages (id, {', '.join(COLUMNS)}) VALUES (?{', ?' * len(COLUMNS)})"

_FACTS = """
    SELECT s.message_id, s.state, s.epoch, m.status, m.sim_id, m.parts,
           coalesce(sum(p.state = 'submitting'), 0), coalesce(sum(p.state = 'in_doubt'), 0),
           coalesce(sum(p.state IN ('submitted', 'delivered')), 0),
           coalesce(sum(p.state = 'failed' AND p.token > 0), 0), coalesce(sum(p.state = 'queued'), 0)
    FROM shared_messages s LEFT JOIN messages m ON m.id = s.message_id LEFT JOIN parts p ON p.message_id = s.message_id
"""


@dataclass(frozen=True, slots=True)
class Incarnation:
    """The identity of the database file towards the fleet."""

    token: str
    acknowledged: int  # the highest number of an outcome that the fleet has kept
    journal: int  # raised in each transaction that adopts or starts messages
    epoch: int  # the highest that this box ever had
    asked: int  # the highest that it asked for: it may have been given
    asked_server: str  # the PostgreSQL that was last asked
    base_epoch: int  # the highest that it knew of before it first asked there, or took there
    server: str  # the PostgreSQL that was last seen
    epochs: Mapping[str, int]  # of the other boxes there

    def known_epoch(self, server: str, *, taken_there: bool) -> int:
        """The highest epoch that PostgreSQL may show of this box; a higher one was given to a box with a newer file.

        `taken_there`: it is shown by a join at this server. Else it is that of a backup, or other boxes told it: what this file
        has asked there since is no proof then, because the numbers of a lost file are given again.
        """
        if server == self.asked_server and not taken_there:
            return self.base_epoch
        return max(self.epoch, self.asked)


@dataclass(frozen=True, slots=True)
class Asked:
    """An epoch that is asked for, and the highest that the file knew of before it first asked that server."""

    epoch: int
    base: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the journal: its state there, and how far its parts are. A message without a row has no `status`."""

    message_id: int
    state: str
    epoch: int
    status: str | None
    sim_id: int | None
    parts: int | None
    submitting: int
    in_doubt: int
    sent: int
    failed: int  # parts that a modem or a network refused, or could not deliver
    queued: int

    @property
    def untouched(self) -> bool:
        """Whether no part was handed over, or may have been."""
        return not (self.submitting or self.in_doubt or self.sent)


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part as a start inserts it."""

    seq: int
    sent: bool
    reference: int | None
    sent_at: int | None
    token: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Load:
    """The messages that this box has for one SIM."""

    claimed: int = 0
    started: int = 0  # of which no part was sent yet or is being sent
    unsent_parts: int = 0  # of both


def incarnation(db: Connection) -> Incarnation | None:
    """The incarnation of this file; None: it has none yet, or a backup was put in its place."""
    row = db.execute(
        "SELECT token, acknowledged, journal, epoch, asked, asked_server, base_epoch, server, epochs FROM incarnation"
    ).fetchone()
    if row is None:
        return None
    token, acknowledged, journal, epoch, asked, asked_server, base, server, epochs = row
    return Incarnation(
        token, acknowledged, journal, epoch, asked, asked_server, base, server, json.loads(epochs)
    )


def begin_incarnation(db: Connection, token: str) -> None:
    """Make this file a new one to the fleet.

    What it had and had not sent is the fleet's to tell: it may be older than what was sent since. What it sent stays, for
    reports; what it has not told is told again under this incarnation.
    """
    db.execute(
        "INSERT INTO incarnation (id, token, acknowledged, journal) VALUES (1, ?, 0, 0)"
        " ON CONFLICT (id) DO UPDATE SET token = excluded.token, acknowledged = 0, journal = 0",
        (token,),
    )
    db.execute("DELETE FROM outcomes WHERE told_at IS NOT NULL AND rejected IS NULL")
    db.execute(
        "DELETE FROM parts WHERE message_id IN (SELECT message_id FROM shared_messages)"
        " AND state IN ('queued', 'submitting', 'in_doubt')"
    )
    db.execute(
        "DELETE FROM messages WHERE id IN (SELECT message_id FROM shared_messages)"
        " AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.message_id = messages.id)"
    )
    db.execute("DELETE FROM shared_messages WHERE message_id NOT IN (SELECT id FROM messages)")
    db.execute("UPDATE shared_messages SET state = 'out'")


def raise_journal(db: Connection) -> int:
    """Count a transaction that adopts or starts messages; the count after it."""
    row = db.execute("UPDATE incarnation SET journal = journal + 1 RETURNING journal").fetchone()
    return 0 if row is None else row[0]


def ask_for_epoch(db: Connection, above: int, server: str) -> Asked:
    """Note that this server is asked for a new epoch, and for which one: above `above` and above each that was asked for before.

    Whether it was given may remain unknown. As none is asked for twice, a file that lacks the epoch of its box is an older one.
    """
    row = db.execute(
        "UPDATE incarnation SET asked = max(epoch, asked, :above) + 1, asked_server = :server,"
        " base_epoch = CASE asked_server WHEN :server THEN base_epoch ELSE max(epoch, asked) END RETURNING asked, base_epoch",
        {"above": above, "server": server},
    ).fetchone()
    return Asked(*row)


def note_epoch(db: Connection, epoch: int) -> None:
    """Note the epoch that this box has now."""
    db.execute("UPDATE incarnation SET epoch = max(epoch, ?1), base_epoch = max(base_epoch, ?1)", (epoch,))


def keep_epochs(db: Connection, server: str, epochs: Mapping[str, int]) -> None:
    """Note the epochs of the other boxes of the fleet, as this server showed them."""
    db.execute("UPDATE incarnation SET server = ?, epochs = ?", (server, json.dumps(epochs)))


def acknowledge(db: Connection, number: int) -> None:
    """Note the highest number of an outcome that the fleet has kept."""
    db.execute("UPDATE incarnation SET acknowledged = ?", (number,))


def find(db: Connection, message_id: int) -> tuple[str, int] | None:
    """State and epoch of a message in the journal; None: it is no message of the fleet, or this box does not have it."""
    row = db.execute(
        "SELECT state, epoch FROM shared_messages WHERE message_id = ?", (message_id,)
    ).fetchone()
    return None if row is None else (row[0], row[1])


def entries(db: Connection, message_ids: Iterable[int]) -> dict[int, Entry]:
    """These messages in the journal, by id, as far as it has them."""
    return _entries(db, "s.message_id IN (SELECT value FROM json_each(?))", (json.dumps(list(message_ids)),))


def at_work(db: Connection) -> dict[int, Entry]:
    """The messages that this box has claimed or started."""
    return _entries(db, "s.state IN ('claimed', 'started')", ())


def has_to_tell(db: Connection, acknowledged: int) -> bool:
    """Whether an outcome has a higher number, or a part of a message of the fleet is being submitted: looked at in one moment."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM outcomes WHERE number > ?) OR EXISTS"
        " (SELECT 1 FROM parts p JOIN shared_messages s ON s.message_id = p.message_id WHERE p.state = 'submitting')",
        (acknowledged,),
    ).fetchone()
    return bool(row[0])


def _entries(db: Connection, where: str, values: Sequence[object]) -> dict[int, Entry]:
    rows = db.execute(f"{_FACTS} WHERE {where} GROUP BY s.message_id", values)
    return {row[0]: Entry(*row) for row in rows}


def highest_id(db: Connection) -> int:
    """The highest id of a message that this box ever had; 0 without any that is kept."""
    found: int | None = db.execute("SELECT max(message_id) FROM shared_messages").fetchone()[0]
    return found or 0


def loads(db: Connection) -> dict[int, Load]:
    """The messages that this box has for each SIM, claimed or started."""
    rows = db.execute(
        "SELECT m.sim_id, sum(s.state = 'claimed'), sum(s.state = 'started' AND m.unsent = m.parts AND NOT EXISTS"
        "  (SELECT 1 FROM parts p WHERE p.message_id = m.id AND p.state NOT IN ('queued'))), sum(m.unsent)"
        " FROM shared_messages s JOIN messages m ON m.id = s.message_id"
        " WHERE s.state IN ('claimed', 'started') GROUP BY m.sim_id"
    )
    return {row[0]: Load(row[1], row[2], row[3]) for row in rows}


def startable(db: Connection, epoch: int) -> list[tuple[int, int, int]]:
    """The claimed messages of an epoch with their SIM and priority, in the order in which they are sent."""
    rows = db.execute(
        "SELECT m.id, m.sim_id, m.priority FROM shared_messages s JOIN messages m ON m.id = s.message_id"
        " WHERE s.state = 'claimed' AND s.epoch = ? AND m.status = 'pending' ORDER BY m.priority, m.id",
        (epoch,),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def adopt(db: Connection, rows: Iterable[Mapping[str, Any]], sim_of: Mapping[int, int], epoch: int) -> None:
    """Take messages of the fleet as claimed, with their rows of `messages` by column name, each for its SIM here."""
    for row in rows:
        message_id: int = row["id"]
        db.execute(
            "DELETE FROM parts WHERE message_id = ? AND state NOT IN ('submitted', 'delivered')",
            (message_id,),
        )
        db.execute("DELETE FROM messages WHERE id = ?", (message_id,))
        values = {column: row[column] for column in COLUMNS}
        values |= {"sim_id": sim_of[message_id]}
        db.execute(_INSERT, (message_id, *values.values()))
        db.execute("INSERT OR REPLACE INTO shared_messages VALUES (?, 'claimed', ?)", (message_id, epoch))


def start(
    db: Connection, message_id: int, sim_id: int, parts: Mapping[int, NewPart], epoch: int
) -> int | None:
    """Queue the parts of a claimed or older message, without those that were sent; how many are left to be sent.

    `parts`: what the fleet knows of its parts, by number. None: the message has no row here.
    """
    row = db.execute("SELECT parts FROM messages WHERE id = ?", (message_id,)).fetchone()
    if row is None:
        return None
    total: int = row[0]
    before = {
        seq: (state, token)
        for seq, state, token in db.execute(
            "SELECT seq, state, token FROM parts WHERE message_id = ?", (message_id,)
        ).fetchall()
    }
    db.execute(
        "DELETE FROM parts WHERE message_id = ? AND state NOT IN ('submitted', 'delivered')", (message_id,)
    )
    left = 0
    for seq in range(1, total + 1):
        state, token = before.get(seq, ("", 0))
        if state in ("submitted", "delivered"):
            continue
        known = parts.get(seq) or NewPart(seq, False, None, None, 0, 0)
        left += not known.sent
        db.execute(
            "INSERT INTO parts (message_id, seq, state, sim_id, pinned, priority, company_id, transactional, place,"
            " token, attempts, reference, started_at, ended_at)"
            f" SELECT id, ?, ?, ?, 1, priority, company_id, transactional, id + {_BEHIND_OWN}, ?, ?, ?, ?, ?"
            " FROM messages WHERE id = ?",
            (
                seq,
                "submitted" if known.sent else "queued",
                sim_id,
                max(known.token, token),
                known.attempts,
                known.reference,
                known.sent_at,
                known.sent_at,
                message_id,
            ),
        )
    db.execute(
        "UPDATE messages SET sim_id = ?, unsent = ?, status = 'pending', failure_reason = NULL WHERE id = ?",
        (sim_id, left, message_id),
    )
    db.execute("INSERT OR REPLACE INTO shared_messages VALUES (?, 'started', ?)", (message_id, epoch))
    return left


def tell_again(db: Connection, message_id: int, epoch: int, now: int) -> None:
    """Note once more what is known of the parts of a message, under the epoch by which the fleet holds it."""
    db.execute(
        "UPDATE shared_messages SET state = 'out', epoch = ? WHERE message_id = ?", (epoch, message_id)
    )
    db.execute(
        "INSERT INTO outcomes (at, kind, message_id, seq, document)"
        " SELECT ?, 'part', message_id, seq, json_object('state', state, 'sim_id', sim_id, 'token', token, 'port', port,"
        "  'reference', reference, 'attempts', attempts, 'started_at', started_at, 'ended_at', ended_at,"
        "  'service_centre_at', service_centre_at)"
        " FROM parts WHERE message_id = ? AND state IN ('submitted', 'delivered', 'in_doubt') ORDER BY seq",
        (now, message_id),
    )
    db.execute(
        "INSERT INTO outcomes (at, kind, message_id, document)"
        " SELECT ?, 'failed', id, json_object('reason', failure_reason, 'failed_at', failed_at)"
        " FROM messages WHERE id = ? AND status = 'failed'",
        (now, message_id),
    )


def stamp(db: Connection, message_id: int, epoch: int) -> None:
    """Give a message another epoch."""
    db.execute("UPDATE shared_messages SET epoch = ? WHERE message_id = ?", (epoch, message_id))


def drop(db: Connection, message_ids: Iterable[int]) -> None:
    """Send nothing more of these messages. One of which a part was handed over, or may have been, stays as `out`."""
    for message_id in message_ids:
        db.execute("DELETE FROM parts WHERE message_id = ? AND state = 'queued'", (message_id,))
        handed_over = db.execute(
            "SELECT 1 FROM parts WHERE message_id = ? AND state IN ('submitting', 'in_doubt', 'submitted', 'delivered') LIMIT 1",
            (message_id,),
        ).fetchone()
        if handed_over is not None:
            db.execute("UPDATE shared_messages SET state = 'out' WHERE message_id = ?", (message_id,))
            continue
        db.execute("DELETE FROM parts WHERE message_id = ?", (message_id,))
        db.execute("DELETE FROM messages WHERE id = ?", (message_id,))
        db.execute("DELETE FROM shared_messages WHERE message_id = ?", (message_id,))


def park(db: Connection, message_id: int) -> None:
    """Take the parts of a message out of the queue that may not be sent now."""
    db.execute(
        "UPDATE parts SET deferred = 1 WHERE message_id = ? AND state = 'queued' AND deferred = 0",
        (message_id,),
    )
