"""The daily and monthly limits of SIMs."""

from __future__ import annotations

from gatewayd.store import Transaction
from gatewayd.store.tables import sims
from gatewayd.store.tables.sims import LimitedSim
from gatewayd.timekeeping.clock import month_of


def room(db: Transaction, sim: LimitedSim, today: str) -> int | None:
    """How many messages a SIM may still take today and this month; None: no limit.

    `sim`: a row of `sims.shown`, `sims.enabled` or `sims.at_work`.
    """
    limits: list[int] = []
    if sim.daily_limit is not None:
        limits.append(sim.daily_limit - sim.today_taken)
    if sim.monthly_limit is not None:
        limits.append(sim.monthly_limit - sims.month_usage(db, sim.id, month_of(today)).taken)
    return min(limits) if limits else None
