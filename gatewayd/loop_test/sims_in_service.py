"""The SIMs that a loop test can use."""

from __future__ import annotations

from gatewayd.loop_test.plan import SimInService
from gatewayd.sims.limits import room
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store.store import Store
from gatewayd.store.tables import sims
from gatewayd.timekeeping.clock import Moment


def sims_in_service(store: Store, port_registry: PortRegistry, at: Moment) -> list[SimInService]:
    """The SIMs that are enabled and up. Raises StoreUnavailableError."""
    places = port_registry.sims()
    found: list[SimInService] = []
    with store.readers.lend() as db:
        for sim in sims.shown(db, at.today):
            place = places.get(sim.id)
            if place is None or not place.up or not sim.enabled:
                continue
            number = sim.shown_number if sim.shown_number.startswith("+") else ""
            found.append(
                SimInService(
                    sim.id,
                    place.port,
                    place.slot,
                    number,
                    sim.cost,
                    place.active,
                    place.registered,
                    room(db, sim, at).is_open,
                )
            )
    return found
