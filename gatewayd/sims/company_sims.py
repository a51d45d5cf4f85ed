"""The SIMs that a company may use, as it reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gatewayd.records import Caller, SimRecord
from gatewayd.sims.limits import room
from gatewayd.sims.port_registry import Presence
from gatewayd.store import Transaction
from gatewayd.store.tables import sim_usage, sims
from gatewayd.store.tables.sims import Sim
from gatewayd.timekeeping.clock import Moment, month_of


def company_sims(
    db: Transaction,
    places: Mapping[int, Presence],
    caller: Caller,
    *,
    at: Moment,
    now: float,
    grace_s: float,
    box_of: Callable[[int], str] | None = None,
) -> tuple[SimRecord | None, list[SimRecord]]:
    """The company's own default SIM, in a port or not, and all SIMs in ports that the company may use.

    `now`: monotonic seconds. `box_of`: the box that has a SIM, where several share them.
    """
    available: list[SimRecord] = []
    own: list[SimRecord] = []
    for sim in sims.shown(db, at.today):
        if sim.company_id not in (None, caller.company_id):
            continue
        place = places.get(sim.id)
        view = _record(db, sim, place, at, None if box_of is None else box_of(sim.id))
        if place is not None and place.listed(now, grace_s):
            available.append(view)
        if sim.company_id == caller.company_id:
            own.append(view)
    assigned = next((sim for sim in own if sim.is_default), own[0] if own else None)
    return assigned, available


def _record(db: Transaction, sim: Sim, place: Presence | None, at: Moment, box: str | None) -> SimRecord:
    return SimRecord(
        id=sim.id,
        number=sim.shown_number,
        name=sim.shown_name,
        operator=sim.shown_operator,
        port=sim.port if place is None else place.port,
        slot=sim.slot if place is None else place.slot,
        is_default=bool(sim.is_default),
        balance=sim.balance,
        balance_at=sim.balance_at,
        bundle_units=sim.bundle_units,
        bundle_end=sim.bundle_end,
        daily_limit=sim.daily_limit,
        monthly_limit=sim.monthly_limit,
        today_sent=sim.today_sent,
        today_failed=sim.today_failed,
        this_month_sent=sim_usage.month_sent(db, sim.id, month_of(at.today)),
        can_send_sms=bool(sim.enabled)
        and room(db, sim, at).is_open
        and place is not None
        and place.registered,
        assigned_to=sim.company_name,
        box=box,
    )
