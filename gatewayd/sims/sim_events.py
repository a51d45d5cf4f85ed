"""The data that every event about a SIM has."""

from __future__ import annotations

from gatewayd.store.tables.sims import Sim


def facts(sim: Sim) -> dict[str, object]:
    """The SIM of an event, for administration keys."""
    return {
        "sim_number_id": sim.id,
        "name": sim.shown_name,
        "operator": sim.shown_operator,
        "port": sim.port,
        "slot": sim.slot,
    }
