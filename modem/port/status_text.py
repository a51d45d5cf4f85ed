"""The state of a SIM, as names that programs compare and as a sentence for the operator.

These texts do not decide whether a SIM sends. That depends on `Registration.carries_sms` alone.
"""

from __future__ import annotations

from typing import Final

from config.language.text import Sentences, Text
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.status import PortState, PortStatus, SlotStatus

# The range is -113 to -51 dBm. ModemManager and most manuals call CSQ 5 and less poor: some submissions fail at first.
WEAK_DBM: Final = -103

_ROAMING: Final = frozenset({Registration.ROAMING, Registration.SMS_ROAMING, Registration.CSFB_ROAMING})
_NO_NETWORK: Final = {
    Registration.DENIED: Text(
        "The network denies this SIM: ask the operator whether it is active and identified."
    ),
    Registration.EMERGENCY: Text("The network allows this SIM emergency calls only: ask the operator."),
    Registration.NOT_SEARCHING: Text(
        "The modem is not registered and does not search: check antenna and SIM."
    ),
}

_SEARCH_RESTARTED: Final = Text("The search was restarted: check with the operator that the SIM is active.")


def names(port: PortStatus, slot: SlotStatus) -> tuple[str, ...]:
    """Return the state of a slot's SIM: one name, or `roaming` and `weak_signal` together.

    The SIM itself comes first (`SimState`, `no_sim` where there is none), then the port (`unreachable`), then a
    registration that carries no messages, by its name in `Registration`; else `ready`.
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


def sentence(slot: SlotStatus, *, search_restarted: bool = False) -> Text:
    """Return the registration and signal of a working SIM as a sentence, with the remedy."""
    if not slot.registration.carries_sms:
        told = _NO_NETWORK.get(slot.registration, Text("The modem is looking for its network."))
        return Sentences([told, _SEARCH_RESTARTED]) if search_restarted else told
    roaming = Text("It is roaming: messages may cost more.") if _roams(slot) else ""
    weak = Text("Its signal is weak: a better place or antenna helps.") if _is_weak(slot) else ""
    return Sentences([Text("Ready."), roaming, weak])


def _name(registration: Registration) -> str:
    # UNKNOWN: the modem is out of its network's reach or has just begun to search (27.007, 7.2).
    return "no_network" if registration is Registration.UNKNOWN else registration.name.lower()


def _roams(slot: SlotStatus) -> bool:
    return slot.registration in _ROAMING


def _is_weak(slot: SlotStatus) -> bool:
    return slot.signal_dbm is not None and slot.signal_dbm < WEAK_DBM
