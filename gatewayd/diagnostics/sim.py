"""Check a SIM, its network and its service centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from config.language.text import Text
from gatewayd.diagnostics.findings import Finding, fault, ok, warning
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.status_text import WEAK_DBM

# Of -113 to -51 dBm. Below this, rain or a closed door is enough to make some submissions fail.
_POOR_DBM: Final = -93

_SIM: Final = {
    SimState.UNKNOWN: Text(
        "The modem does not report the state of its SIM: run this again in a minute; if nothing changes, reseat the SIM."
    ),
    SimState.PIN_REQUIRED: Text("The SIM requires its PIN: set `pin` for this port in the configuration."),
    SimState.PIN_REFUSED: Text(
        "The configured PIN is wrong, or too few attempts are left: correct `pin`; it will not be tried again."
    ),
    SimState.PUK_REQUIRED: Text("The SIM is locked: unlock it with its PUK in a phone."),
    SimState.MODEM_LOCKED: Text(
        "This modem is locked to another operator: have it unlocked, or use a SIM of that operator."
    ),
    SimState.ABSENT: Text("There is no SIM: insert one, or reseat it."),
    SimState.FAILURE: Text("The modem cannot use the SIM: reseat it, or replace it."),
}
_REGISTRATION: Final = {
    Registration.NOT_SEARCHING: Text("It is not registered and is not searching: check antenna and SIM."),
    Registration.DENIED: Text(
        "The network denies this SIM: ask the operator whether it is active and identified."
    ),
    Registration.EMERGENCY: Text("The network allows this SIM emergency calls only: ask the operator."),
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
    card = Text("{port} SIM", port=about)
    if status.sim is SimState.PIN_REQUIRED and has_pin:
        return [ok(card, Text("It requires its PIN, and the configuration has one."))]
    if status.sim is SimState.UNKNOWN and not status.active:
        return [warning(card, Text("It was not read yet: run this again in a minute."))]
    if status.sim is not SimState.READY:
        return [fault(card, _SIM[status.sim])]
    ready = (
        Text("Ready, its ICCID ends in {digits}.", digits=status.iccid[-4:])
        if status.iccid
        else Text("Ready.")
    )
    found = [ok(card, ready), _network(Text("{port} network", port=about), status)]
    if status.active:
        found.append(_signal(Text("{port} signal", port=about), status.signal_dbm))
    found.append(_service_centre(Text("{port} SMSC", port=about), status.has_smsc))
    return found


def _network(about: str, status: SimStatus) -> Finding:
    if not status.registration.carries_sms:
        searching = Text("It is searching for a network: check the antenna if this continues.")
        return fault(about, _REGISTRATION.get(status.registration, searching))
    where = (
        Text("Registered at {operator}", operator=status.operator) if status.operator else Text("Registered")
    )
    if status.registration in _ROAMING:
        return warning(
            about,
            Text(
                "{where}, roaming: messages may cost more; ask the operator, or use its own SIM.", where=where
            ),
        )
    return ok(about, Text("{where}.", where=where))


def _signal(about: str, dbm: int | None) -> Finding:
    if dbm is None:
        return warning(about, Text("The modem does not report its signal yet: run this again in a minute."))
    if dbm < WEAK_DBM:
        return warning(
            about,
            Text("{dbm} dBm is very weak, and messages will fail: find a better place or antenna.", dbm=dbm),
        )
    if dbm < _POOR_DBM:
        return warning(
            about, Text("{dbm} dBm is weak: it works on most days; a better place or antenna helps.", dbm=dbm)
        )
    return ok(about, Text("{dbm} dBm.", dbm=dbm))


def _service_centre(about: str, known: bool | None) -> Finding:
    if known is None:
        return warning(
            about,
            Text("The modem does not report whether the SIM has a service centre: send a test message."),
        )
    if not known:
        return fault(
            about,
            Text(
                "The SIM has no service centre, so it cannot send: ask its operator for the number, and set `smsc` for this"
                " port."
            ),
        )
    return ok(about, Text("The SIM has a service centre."))
