"""Counts the use of quotas of companies and of limits of SIMs. Runs within the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatewayd.records import EventType, QuotaRecord
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, events, sim_recipients, sim_usage
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Calendar, Moment, iso, month_of

# Shares of the quota, in per cent, that are told to the company once a month.
_THRESHOLDS = (80, 100)


def company_quota(db: Transaction, company_id: int, at: Moment, calendar: Calendar) -> QuotaRecord:
    """The quota of a company and its use in this month."""
    total = accounts.monthly_quota(db, company_id)
    used = accounts.used(db, company_id, month_of(at.today))
    return QuotaRecord(total, used, calendar.next_month(at.now))


def quota_document(record: QuotaRecord) -> dict[str, Any]:
    """A quota and its use, as the quota endpoint gives them."""
    return {
        "total_quota": record.total,
        "sent_this_month": record.used,
        "remaining": record.remaining,
        "usage_percentage": record.usage_percentage,
        "resets_at": iso(record.resets_at),
    }


def tell_thresholds(
    db: Transaction, company_id: int, quota: int, used: int, at: Moment, calendar: Calendar
) -> None:
    """Write an event for each threshold that `used` messages reach, once a month."""
    if used * 100 < _THRESHOLDS[0] * quota:
        return
    subject, month = f"quota:{company_id}", month_of(at.today)
    told_month, _, told = (events.told_state(db, subject) or "").partition(" ")
    last = int(told) if told_month == month else 0
    document = quota_document(QuotaRecord(quota, used, calendar.next_month(at.now)))
    for threshold in _THRESHOLDS:
        if last < threshold <= used * 100 // quota:
            events.state_changed(db, subject, f"{month} {threshold}")
            events.write(
                db, EventType.QUOTA_THRESHOLD, company_id, at.now, data={"threshold": threshold, **document}
            )


def reserve_sim(
    db: Transaction, sim_id: int, day: str, messages: int, parts: int, recipients: Mapping[str, int]
) -> None:
    """Count messages against the limits of a SIM for a day of its own and its month.

    `recipients`: the messages to each recipient; empty where the SIM does not limit its recipients.
    """
    sim_usage.take(db, sim_id, day, messages, parts)
    if recipients:
        sim_recipients.add(db, sim_id, day, recipients)


def move_reservation(db: Transaction, message: Message, sim_id: int, day: str) -> None:
    """Move the reservation of a message from its SIM, if it has one, to another SIM, on a day of that SIM.

    Parts that were sent stay counted where they were sent, and so does then the recipient.
    """
    if message.day:
        sim_usage.take(db, message.sim_id, message.day, -1, -message.unsent)
        if message.unsent == message.parts:
            sim_recipients.remove(db, message.sim_id, message.day, message.recipient)
    sim_usage.take(db, sim_id, day, 1, message.unsent)
    if sim_recipients.limited(db, sim_id):
        sim_recipients.add(db, sim_id, day, {message.recipient: 1})


def cost_on(message: Message, price: float) -> float:
    """The cost of a message where a SIM with this price for a part sends its unsent parts."""
    taken = message.parts - message.unsent
    return message.cost * taken / message.parts + price * message.unsent


def give_back(db: Transaction, message: Message) -> None:
    """Give back the quota and the SIM's limits of a message that ended, unless a part of it was sent.

    Parts that were not sent are given back in any case. A sandbox message took nothing.
    """
    if message.sandbox:
        return
    whole = message.unsent == message.parts
    if whole:
        accounts.use(db, message.company_id, month_of(message.taken_day), -1)
    if message.unsent and message.day:  # else no SIM was chosen yet
        sim_usage.take(db, message.sim_id, message.day, -1 if whole else 0, -message.unsent)
        if whole:
            sim_recipients.remove(db, message.sim_id, message.day, message.recipient)


def count_sent(db: Transaction, sim_id: int, today: str) -> None:
    """Count a message of which all parts were sent."""
    sim_usage.count_ended(db, sim_id, today, sent=1)


def count_failed(db: Transaction, sim_id: int, today: str) -> None:
    """Count a message that failed. `sim_id` 0: no SIM was chosen for it."""
    if sim_id:
        sim_usage.count_ended(db, sim_id, today, failed=1)
