"""Counts the use of quotas of companies and of limits of SIMs. Runs within the caller's transaction."""

from __future__ import annotations

from typing import Any

from gatewayd.records import EventType, QuotaRecord
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, events, sims
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


def reserve_sim(db: Transaction, sim_id: int, day: str, messages: int) -> None:
    """Count messages against the limits of a SIM for that day and its month."""
    sims.add_usage(db, sim_id, day, taken=messages)


def move_reservation(db: Transaction, message: Message, sim_id: int, day: str) -> None:
    """Move the reservation of a message from its SIM to another one."""
    sims.add_usage(db, message.sim_id, message.day, taken=-1)
    sims.add_usage(db, sim_id, day, taken=1)


def cost_on(message: Message, price: float) -> float:
    """The cost of a message where a SIM with this price for a part sends its unsent parts."""
    taken = message.parts - message.unsent
    return message.cost * taken / message.parts + price * message.unsent


def give_back(db: Transaction, message: Message) -> None:
    """Give back the quota and the SIM's limits of a message that ended, unless a part of it was sent."""
    if message.unsent == message.parts:
        accounts.use(db, message.company_id, month_of(message.taken_day), -1)
        sims.add_usage(db, message.sim_id, message.day, taken=-1)


def count_sent(db: Transaction, sim_id: int, today: str) -> None:
    """Count a message of which all parts were sent."""
    sims.add_usage(db, sim_id, today, sent=1)


def count_failed(db: Transaction, sim_id: int, today: str) -> None:
    """Count a message that failed."""
    sims.add_usage(db, sim_id, today, failed=1)
