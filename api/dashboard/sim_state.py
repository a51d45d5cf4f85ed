"""The state of a SIM in words and colour. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from config.language.text import Text
from gatewayd.sims.port_registry import Presence
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.status import PortState, PortStatus, SlotStatus

_CARD: Final = {
    SimState.PIN_REQUIRED: Text("needs its PIN"),
    SimState.PIN_REFUSED: Text("refused its PIN"),
    SimState.PUK_REQUIRED: Text("locked: needs its PUK"),
    SimState.MODEM_LOCKED: Text("the modem accepts SIM cards of another operator only"),
    SimState.FAILURE: Text("faulty"),
}

_NETWORK: Final = {
    Registration.SEARCHING: (Text("searches for its network"), "warn"),
    Registration.DENIED: (Text("refused by the network"), "bad"),
    Registration.EMERGENCY: (Text("emergency calls only"), "bad"),
}


@dataclass(frozen=True, slots=True)
class State:
    """A state, and the tone of its badge: good, work, warn, bad or off."""

    text: Text
    tone: str


def state_of(sim: Mapping[str, Any], place: Presence | None, port: PortStatus | None, rests: bool) -> State:
    """The state of a SIM (as `sim.list` shows it), by its place and the status of the port there."""
    if not sim["enabled"]:
        return State(Text("disabled"), "off")
    if sim["suspected_blocked_since"] is not None:
        return State(Text("perhaps blocked by its operator"), "bad")
    if place is None or port is None or place.slot > len(port.slots):
        return State(Text("not in the box"), "off")
    slot = port.slots[place.slot - 1]
    if slot.sim in _CARD and place.there:
        return State(_CARD[slot.sim], "bad")
    return _up(place, slot, rests) if place.up else _down(place, port)


def _up(place: Presence, slot: SlotStatus, rests: bool) -> State:
    if not place.registered:
        return State(*_NETWORK.get(slot.registration, (Text("without a network"), "warn")))
    if rests:
        return State(Text("rests after failures"), "warn")
    if place.busy:
        return State(Text("sending"), "work")
    return State(Text("ready") if place.active else Text("ready, not active"), "good")


_PORT: Final = {
    PortState.STARTING: (Text("starting"), "work"),
    PortState.ABSENT: (Text("its modem is not connected"), "bad"),
    PortState.SICK: (Text("its modem does not work"), "bad"),
    PortState.PAUSED: (Text("its port is paused"), "off"),
}


def _down(place: Presence, port: PortStatus) -> State:
    if port.state in _PORT:
        return State(*_PORT[port.state])
    return State(Text("waits in its slot") if place.there else Text("not in the box"), "off")
