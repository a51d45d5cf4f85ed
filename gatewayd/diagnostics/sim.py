"""Check a SIM, its network and its service centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gatewayd.diagnostics.findings import Finding, fault, ok, warning
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.status_text import WEAK_DBM

# Of -113 to -51 dBm. Below this, rain or a closed door is enough to make some submissions fail.
_POOR_DBM: Final = -93

_SIM: Final = {
    SimState.UNKNOWN: "The modem does not report the state of its SIM: run this again in a minute; if nothing changes, reseat the SIM.",
    SimState.PIN_REQUIRED: "The SIM requires its PIN: set `pin` for this port in the configuration.",
    SimState.PIN_REFUSED: "The configured PIN is wrong, or too few attempts are left: correct `pin`; it will not be tried again.",
    SimState.PUK_REQUIRED: "The SIM is locked: unlock it with its PUK in a phone.",
    SimState.MODEM_LOCKED: "This modem is locked to another operator: have it unlocked, or use a SIM of that operator.",
    SimState.ABSENT: "There is no SIM: insert one, or reseat it.",
    SimState.FAILURE: "The modem cannot use the SIM: reseat it, or replace it.",
}
_REGISTRATION: Final = {
    Registration.NOT_SEARCHING: "It is not registered and is not searching: check antenna and SIM.",
    Registration.DENIED: "The network denies this SIM: ask the operator whether it is active and identified.",
    Registration.EMERGENCY: "The network allows this SIM emergency calls only: ask the operator.",
}
_ROAMING: Final = frozenset({Registration.ROAMING, Registration.SMS_ROAMING, Registration.CSFB_ROAMING})


@dataclass(frozen=True, slots=True)
class SimStatus:
    """The known facts about the SIM in one slot."""

    sim: SimState
    operator: str
    registration: Registration
    signal_dbm: int | None
    has_smsc: bool | None
    iccid: str
    active: bool = True  # the modem uses this slot now; facts about the others are older


def check(about: str, status: SimStatus, *, has_pin: bool) -> list[Finding]:
    """Check SIM, registration, signal and service centre. `has_pin`: a PIN is configured and was not tried yet."""
    if status.sim is SimState.PIN_REQUIRED and has_pin:
        return [ok(f"{about} SIM", "It requires its PIN, and the configuration has one.")]
    if status.sim is SimState.UNKNOWN and not status.active:
        return [warning(f"{about} SIM", "It was not read yet: run this again in a minute.")]
    if status.sim is not SimState.READY:
        return [fault(f"{about} SIM", _SIM[status.sim])]
    found = [
        ok(f"{about} SIM", f"Ready{f', its ICCID ends in {status.iccid[-4:]}' if status.iccid else ''}.")
    ]
    found.append(_network(f"{about} network", status))
    if status.active:
        found.append(_signal(f"{about} signal", status.signal_dbm))
    found.append(_service_centre(f"{about} SMSC", status.has_smsc))
    return found


def _network(about: str, status: SimStatus) -> Finding:
    if not status.registration.carries_sms:
        searching = "It is searching for a network: check the antenna if this continues."
        return fault(about, _REGISTRATION.get(status.registration, searching))
    where = f"Registered{f' at {status.operator}' if status.operator else ''}"
    if status.registration in _ROAMING:
        return warning(
            about, f"{where}, roaming: messages may cost more; ask the operator, or use its own SIM."
        )
    return ok(about, f"{where}.")


def _signal(about: str, dbm: int | None) -> Finding:
    if dbm is None:
        return warning(about, "The modem does not report its signal yet: run this again in a minute.")
    if dbm < WEAK_DBM:
        return warning(
            about, f"{dbm} dBm is very weak, and messages will fail: find a better place or antenna."
        )
    if dbm < _POOR_DBM:
        return warning(about, f"{dbm} dBm is weak: it works on most days; a better place or antenna helps.")
    return ok(about, f"{dbm} dBm.")


def _service_centre(about: str, known: bool | None) -> Finding:
    if known is None:
        return warning(
            about,
            "The modem does not report whether the SIM has a service centre: send a test message.",
        )
    if not known:
        return fault(
            about,
            "The SIM has no service centre, so it cannot send: ask its operator for the number, and set `smsc` for this"
            " port.",
        )
    return ok(about, "The SIM has a service centre.")
