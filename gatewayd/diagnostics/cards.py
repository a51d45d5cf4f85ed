"""A SIM, its network and its service centre, whoever asked the modem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gatewayd.diagnostics.findings import Finding, fault, ok, warning
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.port.status_text import WEAK_DBM

# Of -113 to -51 dBm. From here down a rainy day or a closed door is enough for submissions to fail now and then.
_POOR_DBM: Final = -93

_SIM: Final = {
    SimState.UNKNOWN: "The modem does not say how its SIM is: look again in a minute; if it stays so, seat the SIM again.",
    SimState.PIN_REQUIRED: "The SIM asks for its PIN: set `pin` for this port in the configuration.",
    SimState.PIN_REFUSED: "The configured PIN is wrong, or too few attempts are left: correct `pin`; it is not tried again.",
    SimState.PUK_REQUIRED: "The SIM is locked: unlock it with its PUK in a telephone.",
    SimState.MODEM_LOCKED: "This modem is locked to another operator: have it unlocked, or use a SIM of that operator.",
    SimState.ABSENT: "There is no SIM: insert one, or seat it again.",
    SimState.FAILURE: "The modem cannot use the SIM: seat it again, or replace it.",
}
_REGISTRATION: Final = {
    Registration.NOT_SEARCHING: "It is not registered and does not search: check antenna and SIM.",
    Registration.DENIED: "The network denies this SIM: ask the operator whether it is active and identified.",
    Registration.EMERGENCY: "The network allows this SIM emergency calls only: ask the operator.",
}
_ROAMING: Final = frozenset({Registration.ROAMING, Registration.SMS_ROAMING, Registration.CSFB_ROAMING})


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of the SIM in one slot."""

    sim: SimState
    operator: str
    registration: Registration
    signal_dbm: int | None
    has_smsc: bool | None
    iccid: str
    active: bool = True  # the modem uses it now; of the others only the last word is known


def check(about: str, card: Card, *, has_pin: bool) -> list[Finding]:
    """SIM, registration, signal and service centre. `has_pin`: one is configured, and was not tried yet."""
    if card.sim is SimState.PIN_REQUIRED and has_pin:
        return [ok(f"{about} SIM", "It asks for its PIN, and has one in the configuration for the start.")]
    if card.sim is SimState.UNKNOWN and not card.active:
        return [warning(f"{about} SIM", "It was not looked at yet: look again in a minute.")]
    if card.sim is not SimState.READY:
        return [fault(f"{about} SIM", _SIM[card.sim])]
    found = [ok(f"{about} SIM", f"Ready{f', its number ends in {card.iccid[-4:]}' if card.iccid else ''}.")]
    found.append(_network(f"{about} network", card))
    if card.active:
        found.append(_signal(f"{about} signal", card.signal_dbm))
    found.append(_service_centre(f"{about} SMSC", card.has_smsc))
    return found


def _network(about: str, card: Card) -> Finding:
    if not card.registration.carries_sms:
        looking = "It is looking for its network: check the antenna if it goes on."
        return fault(about, _REGISTRATION.get(card.registration, looking))
    where = f"Registered{f' at {card.operator}' if card.operator else ''}"
    if card.registration in _ROAMING:
        return warning(
            about, f"{where}, roaming: messages may cost more; ask the operator, or use its own SIM."
        )
    return ok(about, f"{where}.")


def _signal(about: str, dbm: int | None) -> Finding:
    if dbm is None:
        return warning(about, "The modem does not tell its signal yet: look again in a minute.")
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
            "The modem does not tell whether the SIM has a service centre: send a message to see that it has.",
        )
    if not known:
        return fault(
            about,
            "The SIM has no service centre, so it sends nothing: ask its operator for the number, and set `smsc` for this"
            " port.",
        )
    return ok(about, "The SIM has a service centre.")
