"""The attempts of a message: each submission of its parts that has ended, with its outcome."""

from __future__ import annotations

from gatewayd.messages.reasons import TAKEN
from gatewayd.records import AttemptRecord
from gatewayd.store import Transaction
from gatewayd.store.tables import parts
from gatewayd.store.tables.parts import NotedAttempt, PartOfMessage
from modem.errors import cause


def attempts(db: Transaction, message_id: int) -> list[AttemptRecord]:
    """The attempts, oldest first. One in doubt counts as sent once a report or a person confirms it."""
    rows = parts.of_message(db, message_id)
    taken = {(part.seq, part.token): part for part in rows if _is_taken(part)}
    noted = [row for row in parts.noted_attempts(db, message_id) if (row.seq, row.token) not in taken]
    ended = [(row.at, row.seq, row.token, _noted(row)) for row in noted]
    ended += [(part.at, *key, _taken(part)) for key, part in taken.items()]
    return [attempt for *_, attempt in sorted(ended, key=lambda one: one[:3])]


def _is_taken(part: PartOfMessage) -> bool:
    # A part that failed after the network accepted it has a TP-MR: a report found the part by it.
    return part.state in ("submitted", "delivered") or (part.state == "failed" and part.reference is not None)


def _taken(part: PartOfMessage) -> AttemptRecord:
    return AttemptRecord(
        part=part.seq,
        at=part.at,
        sim_id=part.sim_id,
        sim_number=part.sim_number,
        port=part.port,
        outcome="sent",
        code=None,
        meaning=TAKEN.en,
        meaning_fr=TAKEN.fr,
    )


def _noted(row: NotedAttempt) -> AttemptRecord:
    family, _, number = row.cause.partition(" ")
    known = cause(family, int(number) if number else None)
    code = f"+{family} ERROR: {number}" if family in ("CMS", "CME") and number else family
    return AttemptRecord(
        part=row.seq,
        at=row.at,
        sim_id=row.sim_id,
        sim_number=row.sim_number,
        port=row.port,
        outcome=row.outcome,
        code=None if family in ("", "LOCAL") else code,
        meaning=row.reason or known.reason,  # rows of old versions have no text
        meaning_fr=row.reason_fr or known.reason_fr,
    )
