"""How many messages the SIMs of this box can take, and which of them are started ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gatewayd.fleet.queue.names import Want
from gatewayd.sims.port_registry import Presence
from gatewayd.store.tables.shared_messages import Load

STARTED_AHEAD = 2
"""Messages of a port that may be started and unsent: one to hand over next, one behind it."""

# The duration of a submission of a SIM that has not sent yet.
_USUAL_S = 4.0

# For a SIM whose slot is not the active one: a switch of slots costs half a minute.
_WITHOUT_SLOT = 2


def wants(
    able: Mapping[int, Presence], loads: Mapping[int, Load], part_s: Mapping[int, float], prefetch_s: float
) -> list[Want]:
    """The messages that each SIM that can send may take now. None for one that has more than half of what it may have."""
    found: list[Want] = []
    for sim_id, place in sorted(able.items()):
        capacity = max(STARTED_AHEAD, round(prefetch_s / max(part_s.get(sim_id, _USUAL_S), 0.01)))
        if not place.active:
            capacity = _WITHOUT_SLOT
        have = loads.get(sim_id, Load()).unsent_parts
        if have <= capacity // 2:
            found.append(Want(sim_id, capacity - have, helps=place.active))
    return found


def to_start(
    able: Mapping[int, Presence],
    loads: Mapping[int, Load],
    startable: Sequence[tuple[int, int]],
) -> list[int]:
    """The claimed messages that are started now, of (message, SIM) in the order in which they are sent."""
    ahead: Counter[int] = Counter()
    for sim_id, load in loads.items():
        if sim_id in able:
            ahead[able[sim_id].port] += load.started
    found: list[int] = []
    for message_id, sim_id in startable:
        place = able.get(sim_id)
        if place is not None and ahead[place.port] < STARTED_AHEAD:
            ahead[place.port] += 1
            found.append(message_id)
    return found
