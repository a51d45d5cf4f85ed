"""Changes of a SIM's limits in the middle of a day: what it took already counts. Runs within a transaction."""

from __future__ import annotations

from gatewayd.store import Transaction
from gatewayd.store.tables import sim_recipients, sim_usage
from gatewayd.store.tables.sims import LimitedSim
from gatewayd.timekeeping.clock import DAY, Calendar, Moment

# A day of a SIM begins in the last 24 hours; the messages of the day before may still be given back.
_LOOKED_BACK = 2 * DAY


def follow(db: Transaction, before: LimitedSim, after: LimitedSim, at: Moment, calendar: Calendar) -> None:
    """Count again what the changed limits of a SIM need."""
    moved = before.reset_hour != after.reset_hour
    if moved:
        _move_days(db, before, after, at, calendar)
    if not after.limits_recipients:
        sim_recipients.forget(db, after.id)
    elif moved or not before.limits_recipients:
        sim_recipients.refill(db, after.id, at.day_from(after.reset_hour), at.now)


def _move_days(
    db: Transaction, before: LimitedSim, after: LimitedSim, at: Moment, calendar: Calendar
) -> None:
    """Give the messages of the last days to the days that begin at the new hour.

    A message that another SIM handed on, or that was sent later than it was accepted, keeps its day.
    """
    for message in sim_usage.counted_since(db, after.id, at.now - _LOOKED_BACK):
        accepted = Moment(
            message.created_at, calendar.day(message.created_at), hour=calendar.hour(message.created_at)
        )
        old, new = accepted.day_from(before.reset_hour), accepted.day_from(after.reset_hour)
        if message.day != old or old == new:
            continue
        sim_usage.move_to_day(db, after.id, message, new)
