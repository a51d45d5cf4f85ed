"""The reason why the messages of a fleet stop at a box, in one sentence."""

from __future__ import annotations

from config.language.text import Text
from gatewayd.fleet.fleet import Fleet
from gatewayd.store.engine.errors import StoreUnavailableError

_AWAY_S = 10.0  # a shorter cut is mended before a person could do anything


def trouble_of(fleet: Fleet) -> Text | None:
    """The trouble that needs a person; None: there is none. Never waits for PostgreSQL."""
    try:
        status = fleet.status()
    except StoreUnavailableError:
        return None  # the storage of the box itself is told of elsewhere
    if status.away_s > _AWAY_S:
        return Text(
            "PostgreSQL is away for {seconds} seconds: no message is accepted.", seconds=round(status.away_s)
        )
    if status.agent.recovering:
        return Text("PostgreSQL was restored: nothing is sent until `gatewayd fleet recovered`.")
    if status.set_aside:
        return Text(
            "The fleet could not take {count} outcomes of this box: read its log.", count=status.set_aside
        )
    return None
