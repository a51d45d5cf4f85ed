"""The life cycle of a message: its status follows the results of its parts. Runs within a transaction."""

from __future__ import annotations

from gatewayd.accounts import quotas
from gatewayd.messages.effects import Effects
from gatewayd.messages.reasons import EXPIRED, EXPIRED_PARTLY
from gatewayd.records import EventType
from gatewayd.store import Transaction
from gatewayd.store.tables import events, hourly_counts, messages, parts
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Moment, month_of


def part_taken(db: Transaction, message_id: int, at: Moment, effects: Effects) -> None:
    """The network accepted a part; with the last part the message is sent."""
    message = messages.part_taken(db, message_id, at.now)
    if message.left == 0 and message.status == "sent":
        quotas.count_sent(db, message.sim_id, at.today)
        events.write_of_message(db, EventType.MESSAGE_SENT, message_id, at.now)
        effects.changed.append(message.sms_id)
    elif message.status == "failed":
        hourly_counts.count_parts(db, message_id, 1, at.now, month_of(at.today))


def part_delivered(
    db: Transaction, message_id: int, seq: int, service_centre_at: int | None, at: Moment, effects: Effects
) -> None:
    """A report with this TP-SCTS says that a part was delivered; with the last part the message is delivered."""
    if parts.delivered(db, message_id, seq, service_centre_at):
        message = messages.part_delivered(db, message_id, at.now)
        if message.status == "delivered":
            events.write_of_message(db, EventType.MESSAGE_DELIVERED, message_id, at.now)
            effects.changed.append(message.sms_id)


def part_undeliverable(
    db: Transaction,
    message_id: int,
    seq: int,
    service_centre_at: int | None,
    reason: str,
    at: Moment,
    effects: Effects,
) -> None:
    """A report with this TP-SCTS says that the network could not deliver a part: the message failed."""
    if parts.undeliverable(db, message_id, seq, service_centre_at):
        fail(db, message_id, reason, at, effects)


def fail(db: Transaction, message_id: int, reason: str, at: Moment, effects: Effects) -> None:
    """A message failed finally: its waiting parts leave the queue. Its quota is given back if no part was sent."""
    message = messages.failed(db, message_id, reason, at.now)
    if message is None:
        return
    parts.drop_queued(db, message_id, "failed")
    if not message.sandbox:
        quotas.count_failed(db, message.sim_id, at.today)
    quotas.give_back(db, message)
    if 0 < message.unsent < message.parts:
        taken = message.parts - message.unsent
        hourly_counts.count_parts(db, message_id, taken, at.now, month_of(at.today))
    events.write_of_message(db, EventType.MESSAGE_FAILED, message_id, at.now)
    effects.changed.append(message.sms_id)


def in_doubt(db: Transaction, message_id: int, reason: str, at: Moment) -> None:
    """A part of the message is in doubt from now on."""
    messages.waits_because(db, message_id, reason)
    events.write_of_message(db, EventType.MESSAGE_IN_DOUBT, message_id, at.now)


def has_expired(message: Message, at: Moment) -> bool:
    """Whether a message has expired. False while the clock is not trusted."""
    return at.trusted and message.expires_at is not None and message.expires_at <= at.now


def expire(db: Transaction, message: Message, at: Moment, effects: Effects) -> None:
    """End an expired message: its waiting parts are dropped, and it fails unless a part is being submitted or in doubt.

    The outcome of such a part is recorded first; the message expires after that (see `Expiry`).
    """
    if parts.has_open(db, message.id):
        parts.drop_queued(db, message.id, "failed")
        return
    words = EXPIRED if message.unsent == message.parts else EXPIRED_PARTLY
    fail(db, message.id, words.text, at, effects)
