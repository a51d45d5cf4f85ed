"""Cancels a message that no port has claimed."""

from __future__ import annotations

from gatewayd.accounts import quotas
from gatewayd.errors import ConflictError
from gatewayd.messages.message_queries import owned
from gatewayd.records import Caller, EventType
from gatewayd.store import Transaction
from gatewayd.store.tables import events, messages, parts
from gatewayd.timekeeping.clock import Moment


def cancel(db: Transaction, caller: Caller, sms_id: str, at: Moment) -> None:
    """Cancel a message of the caller's company, within a transaction. Raises NotFoundError, ConflictError."""
    message = owned(messages.by_sms_id(db, sms_id), caller)
    if message.status != "pending" or parts.ever_claimed(db, message.id):
        raise ConflictError("The message can no longer be cancelled: it has ended, or was handed to a modem")
    messages.cancelled(db, message.id)
    parts.drop_queued(db, message.id, "cancelled")
    quotas.give_back(db, message)
    events.write_of_message(db, EventType.MESSAGE_CANCELLED, message.id, at.now)
