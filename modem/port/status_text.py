"""How a SIM stands with its network, in names that programs compare and a sentence that a person reads.

Nothing here keeps a SIM from sending: what does is whether its network takes short messages (`Registration.carries_sms`).
"""

from __future__ import annotations

from typing import Final

from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.status import PortState, PortStatus, SlotStatus

# Of -113 to -51 dBm. ModemManager and most manuals call CSQ 5 and less poor: submissions begin to need a second try.
WEAK_DBM: Final = -103

_ROAMING: Final = frozenset({Registration.ROAMING, Registration.SMS_ROAMING, Registration.CSFB_ROAMING})
_NO_NETWORK: Final = {
    Registration.DENIED: "The network denies this SIM: ask the operator whether it is active and identified.",
    Registration.EMERGENCY: "The network allows this SIM emergency calls only: ask the operator.",
    Registration.NOT_SEARCHING: "The modem is not registered and does not search: check antenna and SIM.",
}

_ANEW: Final = "The search was begun anew: check with the operator that the SIM is active."


def names(port: PortStatus, slot: SlotStatus) -> tuple[str, ...]:
    """The state of a slot's SIM: one name, or `roaming` and `weak_signal` together.

    What the SIM itself is comes first (`SimState`, `no_sim` where there is none), then whether its port works
    (`unreachable`), then its registration, as `Registration` names what carries no messages; else `ready`.
    """
    if slot.sim is SimState.ABSENT:
        return ("no_sim",)
    if slot.sim not in (SimState.READY, SimState.UNKNOWN):
        return (slot.sim.value,)
    if port.state is not PortState.UP:
        return ("unreachable",)
    if slot.sim is SimState.UNKNOWN:
        return ("unknown",)
    if not slot.registration.carries_sms:
        return (_name(slot.registration),)
    remarks = (("roaming", _roams(slot)), ("weak_signal", _is_weak(slot)))
    return tuple(name for name, holds in remarks if holds) or ("ready",)


def sentence(slot: SlotStatus, *, anew: bool = False) -> str:
    """How a SIM that works stands with its network, and what can be done about it. `anew`: the search was begun anew."""
    if not slot.registration.carries_sms:
        told = _NO_NETWORK.get(slot.registration, "The modem is looking for its network.")
        return f"{told} {_ANEW}" if anew else told
    roaming = " It is roaming: messages may cost more." if _roams(slot) else ""
    weak = " Its signal is weak: a better place or antenna helps." if _is_weak(slot) else ""
    return f"Ready.{roaming}{weak}"


def _name(registration: Registration) -> str:
    # A modem that does not know is out of its network's reach or has just begun to look (27.007, 7.2).
    return "no_network" if registration is Registration.UNKNOWN else registration.name.lower()


def _roams(slot: SlotStatus) -> bool:
    return slot.registration in _ROAMING


def _is_weak(slot: SlotStatus) -> bool:
    return slot.signal_dbm is not None and slot.signal_dbm < WEAK_DBM
