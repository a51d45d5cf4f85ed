"""Who has used what: quotas of companies, limits of SIMs. Runs within a transaction of the caller's."""

from __future__ import annotations

from gatewayd.store import Transaction
from gatewayd.store.tables import accounts, sims
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import month_of


def reserve_sim(db: Transaction, sim_id: int, day: str, messages: int) -> None:
    """Count messages against a SIM's limits of that day and month."""
    sims.add_usage(db, sim_id, day, taken=messages)


def move_reservation(db: Transaction, message: Message, sim_id: int, day: str) -> None:
    """Give a message's reservation back to its SIM and take it from another one."""
    sims.add_usage(db, message.sim_id, message.day, taken=-1)
    sims.add_usage(db, sim_id, day, taken=1)


def cost_on(message: Message, price: float) -> float:
    """What a message costs where a SIM of this price for a part sends what is unsent of it."""
    taken = message.parts - message.unsent
    return message.cost * taken / message.parts + price * message.unsent


def give_back(db: Transaction, message: Message) -> None:
    """A message ended unsent: its quota and its SIM's limits get it back, unless a part of it went out."""
    if message.unsent == message.parts:
        accounts.use(db, message.company_id, month_of(message.taken_day), -1)
        sims.add_usage(db, message.sim_id, message.day, taken=-1)


def count_sent(db: Transaction, sim_id: int, today: str) -> None:
    """A message went out whole."""
    sims.add_usage(db, sim_id, today, sent=1)


def count_failed(db: Transaction, sim_id: int, today: str) -> None:
    """A message failed."""
    sims.add_usage(db, sim_id, today, failed=1)
