"""SIMs that their operators may block: suspected, told by an event, and cleared. Runs within a transaction."""

from __future__ import annotations

from collections.abc import Set

from gatewayd.records import EventType
from gatewayd.sims.sim_events import facts
from gatewayd.store import Transaction
from gatewayd.store.tables import events, sims
from gatewayd.timekeeping.clock import Moment


def suspect(db: Transaction, sim_id: int, senders: Set[int], at: Moment) -> bool:
    """Suspect a refused SIM, if one of `senders` is another SIM of its operator: then it is not the network that fails."""
    known = {sim.id: sim for sim in sims.shown(db, at.today)}
    sim = known.get(sim_id)
    if sim is None or not sim.shown_operator:
        return False
    operator = sim.shown_operator.casefold()
    neighbours = [
        other.id
        for other in known.values()
        if other.id in senders and other.id != sim_id and other.shown_operator.casefold() == operator
    ]
    if not neighbours:
        return False
    sims.set_suspected(db, sim_id, at.now)
    events.write(
        db, EventType.SIM_SUSPECTED_BLOCKED, None, at.now, data={**facts(sim), "sending_sims": neighbours}
    )
    return True


def clear(db: Transaction, sim_id: int) -> None:
    """The network took a message from a SIM: it is not blocked."""
    sims.set_suspected(db, sim_id, None)
