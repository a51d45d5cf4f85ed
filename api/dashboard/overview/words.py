"""The states of ports and SIMs in words, each with its colour, and what helps where a person must act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from config.language.text import Text
from gatewayd.records import Priority


@dataclass(frozen=True, slots=True)
class Word:
    """A state in words. `tone`: its colour (see `dashboard.css`)."""

    text: Text
    tone: str


PORTS: Final = {
    "absent": Word(Text("Not connected"), "bad"),
    "starting": Word(Text("Starting"), "work"),
    "up": Word(Text("Works"), "good"),
    "sick": Word(Text("Does not answer"), "bad"),
    "stopped": Word(Text("Stopped"), "off"),
    "paused": Word(Text("Paused"), "off"),
}
"""By `PortState`."""

SIMS: Final = {
    "ready": Word(Text("Ready"), "good"),
    "roaming": Word(Text("Ready, roaming"), "warn"),
    "weak_signal": Word(Text("Ready, weak signal"), "warn"),
    "no_sim": Word(Text("No SIM card"), "off"),
    "pin_required": Word(Text("PIN needed"), "bad"),
    "pin_refused": Word(Text("PIN refused"), "bad"),
    "puk_required": Word(Text("PUK needed"), "bad"),
    "modem_locked": Word(Text("Modem locked"), "bad"),
    "failure": Word(Text("SIM card fails"), "bad"),
    "unreachable": Word(Text("Not reached"), "off"),
    "unknown": Word(Text("Not read yet"), "off"),
    "searching": Word(Text("Looks for its network"), "work"),
    "no_network": Word(Text("No network"), "warn"),
    "not_searching": Word(Text("No network"), "warn"),
    "denied": Word(Text("Network refuses it"), "bad"),
    "emergency": Word(Text("Emergency calls only"), "bad"),
}
"""By the names of `status_text.names`."""

SIM_REMEDIES: Final = {
    "pin_required": Text("The SIM card asks for its PIN: enter it in the settings of the port."),
    "pin_refused": Text(
        "The PIN was wrong, and is not tried again, so that the card is not locked: correct it in the settings of the port."
    ),
    "puk_required": Text(
        "The SIM card is locked after wrong PINs: put it into a telephone, and enter the PUK that its operator gave you."
    ),
    "modem_locked": Text("The modem takes SIM cards of one operator only: use another modem or another SIM card."),
    "failure": Text("The SIM card does not work: take it out, clean it and put it in again, or replace it."),
    "no_sim": Text("There is no SIM card in the modem, or it does not sit well: put one in."),
    "denied": Text("The network refuses the SIM card: ask its operator whether it is active and identified."),
    "emergency": Text("The network allows emergency calls only: ask the operator of the SIM card whether it is active."),
}  # fmt: skip
"""What helps in those states that need a person."""

PRIORITIES: Final = {
    Priority.OTP: Text("One-time codes"),
    Priority.NORMAL: Text("Normal"),
    Priority.BULK: Text("Campaigns"),
}

_NOT_KNOWN = Word(Text("Not known"), "off")


def port_word(state: str) -> Word:
    """The state of a port in words."""
    return PORTS.get(state, _NOT_KNOWN)


def sim_word(states: tuple[str, ...]) -> Word:
    """The state of a SIM in words; of several names the last one, which is the weaker."""
    return SIMS.get(states[-1], _NOT_KNOWN)
