"""A person's decision about a message of the fleet that is in doubt."""

from __future__ import annotations

from gatewayd.fleet.queue import doubts
from gatewayd.messages.effects import Effects
from gatewayd.sending.outcomes import DoubtDecision
from gatewayd.store import Transaction
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Moment


def settle_by_hand(
    db: Transaction, message: Message, decision: DoubtDecision, at: Moment, effects: Effects
) -> bool:
    """Apply a decision, within a transaction. False: the message is not in doubt."""
    return doubts.settle_by_hand(db, message, decision.value, at, effects)
