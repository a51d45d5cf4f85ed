"""Records what an answer tells about a SIM, and writes the events of it. Runs within a transaction."""

from __future__ import annotations

from config.settings import BalanceSettings
from gatewayd.records import EventType
from gatewayd.sims.balance_text import Reading
from gatewayd.sims.sim_events import facts
from gatewayd.store import Transaction
from gatewayd.store.tables import balances, events, sims
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import SECOND, Calendar, Moment, iso


def record(
    db: Transaction,
    sim_id: int,
    reading: Reading | None,
    settings: BalanceSettings,
    at: Moment,
    calendar: Calendar,
) -> bool:
    """Record a reading; None: the answer could not be read, and all that was read before stays.

    Returns whether the bundle of the SIM is over or used up, and its operator said so.
    """
    sim = sims.shown_one(db, sim_id, at.today)
    if sim is None:
        return False
    if reading is None:
        balances.set_unreadable(db, sim_id, at.now)
        return False
    if reading.amount is not None:
        sims.set_balance(db, sim_id, reading.amount, at.now)
        _tell_low(db, sim, reading.amount, settings.low, at)
    end = None if reading.end is None else calendar.moment(reading.end)
    if end is None and reading.units is None:
        end = sim.bundle_end  # nothing is told of a bundle: the last one ends or ended then
    balances.set_bundle(db, sim_id, reading.units, end, at.now)
    return reading.units == 0 or (end is not None and end <= at.now)


def is_ending(sim: Sim, settings: BalanceSettings, at: Moment) -> bool:
    """Whether the bundle of a SIM ends soon. False while the clock is not trusted."""
    end = sim.bundle_end
    return at.trusted and end is not None and at.now < end <= at.now + int(settings.ending_s * SECOND)


def tell_ending(db: Transaction, sim: Sim, at: Moment) -> None:
    """Write the event of a bundle that ends soon, once for each end."""
    if sim.bundle_end is not None and events.state_changed(db, _bundle(sim.id), str(sim.bundle_end)):
        data = {**facts(sim), "bundle_end": iso(sim.bundle_end), "bundle_units": sim.bundle_units}
        events.write(db, EventType.SIM_BUNDLE_ENDING, None, at.now, data=data)


def ending_was_told(db: Transaction, sim: Sim) -> bool:
    """Whether `tell_ending` has nothing to tell."""
    return events.told_state(db, _bundle(sim.id)) == str(sim.bundle_end)


def may_renew(sim: Sim, settings: BalanceSettings, at: Moment) -> bool:
    """Whether enough time has passed since the last renewal. False while the clock is not trusted, or was set back since."""
    if sim.renewed_at is None:
        return at.trusted
    return at.trusted and at.now - sim.renewed_at >= settings.renew_every_s * SECOND


def _tell_low(db: Transaction, sim: Sim, amount: float, low: float, at: Moment) -> None:
    """Write an event when the balance falls below `low`, once until it rises again."""
    state = "low" if amount < low else "enough"
    if events.state_changed(db, f"balance:{sim.id}", state) and state == "low":
        data = {**facts(sim), "balance": amount, "low": low}
        events.write(db, EventType.SIM_LOW_BALANCE, None, at.now, data=data)


def _bundle(sim_id: int) -> str:
    return f"bundle:{sim_id}"
