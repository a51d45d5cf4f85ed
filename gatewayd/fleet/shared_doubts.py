"""A person's decision about a message of the fleet that is in doubt."""

from __future__ import annotations

from gatewayd.fleet.queue import doubts
from gatewayd.messages.effects import Effects
from gatewayd.sending.outcomes import DoubtDecision
from gatewayd.store import Transaction
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Calendar, Moment


def settle_by_hand(
    db: Transaction,
    message: Message,
    decision: DoubtDecision,
    at: Moment,
    effects: Effects,
    calendar: Calendar,
) -> bool:
    """Apply a decision, within a transaction. False: the message is not in doubt."""
    changed = doubts.settle_by_hand(db, message.id, decision.value, at, calendar)
    effects.changed += changed or []
    return changed is not None
