"""Cancels messages that no port has claimed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from config.language.text import Text
from gatewayd.accounts import quotas
from gatewayd.errors import ConflictError
from gatewayd.messages.message_queries import owned
from gatewayd.records import Caller, EventType
from gatewayd.store import Transaction
from gatewayd.store.tables import events, messages, parts
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Moment

CancelsAll = Callable[[Transaction, Iterable[int], Moment], list[str]]
"""Cancels those of some messages that can be cancelled, as `cancel_all`."""


def cancel(
    db: Transaction, caller: Caller, sms_id: str, at: Moment, cancels_all: CancelsAll | None = None
) -> None:
    """Cancel a message of the caller's company, within a transaction. Raises NotFoundError, ConflictError."""
    message = owned(messages.by_sms_id(db, sms_id), caller)
    if not (cancels_all or cancel_all)(db, [message.id], at):
        raise ConflictError(
            Text("The message can no longer be cancelled: it has ended, or was handed to a modem")
        )


def cancel_all(db: Transaction, message_ids: Iterable[int], at: Moment) -> list[str]:
    """Cancel those of these messages that can be cancelled, within a transaction; their sms_ids."""
    found = (messages.find(db, message_id) for message_id in message_ids)
    return [message.sms_id for message in found if message is not None and _cancelled(db, message, at)]


def _cancelled(db: Transaction, message: Message, at: Moment) -> bool:
    """Cancel a message; False where it has ended, or a port has claimed a part of it."""
    if message.status != "pending" or parts.ever_claimed(db, message.id):
        return False
    messages.cancelled(db, message.id)
    parts.drop_queued(db, message.id, "cancelled")
    quotas.give_back(db, message)
    events.write_of_message(db, EventType.MESSAGE_CANCELLED, message.id, at.now)
    return True
