"""Messages that change their SIM: their reservation and their price go with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatewayd.accounts.quotas import cost_on
from gatewayd.fleet.queue.changes import Changes
from gatewayd.fleet.queue.sets import columns
from gatewayd.store import Transaction
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Moment

_REBIND = """
    UPDATE messages m SET sim_id = e.sim_id, day = e.day, cost = e.cost
    FROM unnest(?::bigint[], ?::bigint[], ?::text[], ?::double precision[]) AS e (id, sim_id, day, cost) WHERE m.id = e.id
"""
_REBIND_PARTS = """
    UPDATE parts p SET sim_id = e.sim_id FROM unnest(?::bigint[], ?::bigint[]) AS e (id, sim_id)
    WHERE p.message_id = e.id AND p.state = 'queued'
"""

_MESSAGES = (
    "SELECT id, sms_id, company_id, recipient, text, status, pinned, sim_id, parts, unsent, cost, taken_day, day,"
    " created_at, expires_at, failure_reason, priority, send_at, stoppable, sandbox"
    " FROM messages WHERE id = ANY(?::bigint[]) ORDER BY id"
)


@dataclass(frozen=True, slots=True)
class Move:
    """A message goes to another SIM, at its price, on a day of that SIM."""

    message: Message
    sim_id: int
    day: str
    cost: float  # of one part


def messages_of(db: Transaction, message_ids: Sequence[int]) -> list[Message]:
    """Messages by their ids."""
    return [Message(*row) for row in db.execute(_MESSAGES, (list(message_ids),))]


def move(db: Transaction, moves: Sequence[Move], changes: Changes) -> None:
    """Give messages, whose rows of the queue are held, to other SIMs. As `quotas.move_reservation`, for many."""
    if not moves:
        return
    for each in moves:
        message, unsent = each.message, each.message.unsent
        if message.day:
            changes.use_sim(message.sim_id, message.day, taken=-1, parts=-unsent)
            if unsent == message.parts:
                changes.leave_recipient(message.sim_id, message.day, message.recipient)
        changes.use_sim(each.sim_id, each.day, taken=1, parts=unsent)
        changes.join_recipient(each.sim_id, each.day, message.recipient)
    rows = [(each.message.id, each.sim_id, each.day, cost_on(each.message, each.cost)) for each in moves]
    db.execute(_REBIND, columns(rows, 4))
    db.execute(_REBIND_PARTS, columns((row[:2] for row in rows), 2))


def assign(db: Transaction, sims: Mapping[int, int], at: Moment, changes: Changes) -> None:
    """Give each message (by id) to the SIM that sent it, or a part of it, where it has another."""
    if not sims:
        return
    found = {
        row[0]: (row[1], row[2])
        for row in db.execute(
            "SELECT id, reset_hour, cost FROM sims WHERE id = ANY(?::bigint[])", (sorted(set(sims.values())),)
        )
    }
    moves = []
    for message in messages_of(db, sorted(sims)):
        sim_id = sims[message.id]
        if message.sim_id != sim_id:
            hour, cost = found.get(sim_id, (0, 0.0))
            moves.append(Move(message, sim_id, at.day_from(hour), cost))
    move(db, moves, changes)
