"""Counts the use of quotas of companies and of limits of SIMs. Runs within the caller's transaction."""

from __future__ import annotations

from gatewayd.records import QuotaRecord
from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, sims
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Calendar, Moment, month_of


def company_quota(db: Transaction, company_id: int, at: Moment, calendar: Calendar) -> QuotaRecord:
    """The quota of a company and its use in this month."""
    total = accounts.monthly_quota(db, company_id)
    used = accounts.used(db, company_id, month_of(at.today))
    return QuotaRecord(total, used, calendar.next_month(at.now))


def reserve_sim(db: Transaction, sim_id: int, day: str, messages: int) -> None:
    """Count messages against the limits of a SIM for that day and its month."""
    sims.add_usage(db, sim_id, day, taken=messages)


def move_reservation(db: Transaction, message: Message, sim_id: int, day: str) -> None:
    """Move the reservation of a message from its SIM to another one."""
    _give_back_sim(db, message)
    sims.add_usage(db, sim_id, day, taken=1)


def cost_on(message: Message, price: float) -> float:
    """The cost of a message where a SIM with this price for a part sends its unsent parts."""
    taken = message.parts - message.unsent
    return message.cost * taken / message.parts + price * message.unsent


def give_back(db: Transaction, message: Message) -> None:
    """Give back the quota and the SIM's limits of a message that ended, unless a part of it was sent."""
    if message.unsent == message.parts:
        accounts.use(db, message.company_id, month_of(message.taken_day), -1)
        _give_back_sim(db, message)


def _give_back_sim(db: Transaction, message: Message) -> None:
    if message.day:  # else no SIM was chosen yet
        sims.add_usage(db, message.sim_id, message.day, taken=-1)


def count_sent(db: Transaction, sim_id: int, today: str) -> None:
    """Count a message of which all parts were sent."""
    sims.add_usage(db, sim_id, today, sent=1)


def count_failed(db: Transaction, sim_id: int, today: str) -> None:
    """Count a message that failed. `sim_id` 0: no SIM was chosen for it."""
    if sim_id:
        sims.add_usage(db, sim_id, today, failed=1)
