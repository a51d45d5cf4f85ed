"""The states of ports and SIMs as a person reads them: a word, its colour, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from config.language.text import Text

Word = tuple[Text, str]
"""A word and the tone of its badge: good, work, warn, bad or off."""

_STATES: Final[Mapping[str, Word]] = {
    "up": (Text("Works"), "good"),
    "starting": (Text("Starting"), "work"),
    "absent": (Text("Not there"), "bad"),
    "sick": (Text("In trouble"), "bad"),
    "paused": (Text("Paused"), "warn"),
    "stopped": (Text("Ended"), "off"),
    "replaced": (Text("Replaced"), "off"),
    "not_running": (Text("Not started"), "off"),
}

_SIMS: Final[Mapping[str, Word]] = {
    "ready": (Text("Ready"), "good"),
    "roaming": (Text("Roaming"), "warn"),
    "weak_signal": (Text("Weak signal"), "warn"),
    "no_sim": (Text("No SIM card"), "bad"),
    "pin_required": (Text("PIN required"), "bad"),
    "pin_refused": (Text("Wrong PIN"), "bad"),
    "puk_required": (Text("Locked: PUK required"), "bad"),
    "modem_locked": (Text("Modem locked to another operator"), "bad"),
    "failure": (Text("SIM card cannot be used"), "bad"),
    "unknown": (Text("Unknown"), "off"),
    "no_network": (Text("No network"), "warn"),
    "searching": (Text("Searching for a network"), "work"),
    "not_searching": (Text("No network"), "bad"),
    "denied": (Text("Denied by the network"), "bad"),
    "emergency": (Text("Emergency calls only"), "bad"),
}

_REMEDIES: Final[Mapping[str, Text]] = {
    "absent": Text("No SIM card: insert one, or seat it again."),
    "pin_required": Text("The SIM card asks for its PIN: enter it when you add the port."),
    "pin_refused": Text("The PIN was refused: enter the right one. It is tried once only."),
    "puk_required": Text("The SIM card is locked: unlock it with its PUK in a telephone."),
    "modem_locked": Text(
        "The modem is locked to another operator: have it unlocked, or use a SIM card of that operator."
    ),
    "failure": Text("The modem cannot use the SIM card: seat it again, or replace it."),
    "unknown": Text("The modem does not tell the state of its SIM card yet: search again in a minute."),
}

_NO_NETWORK: Final[Mapping[str, Text]] = {
    "denied": Text("The network denies this SIM card: ask the operator whether it is active and identified."),
    "emergency": Text("The network allows this SIM card emergency calls only: ask the operator."),
    "not_searching": Text("The modem is not registered and does not search: check antenna and SIM card."),
}

_SPEAKS: Final[Mapping[str, Text]] = {
    "at": Text("It answers AT commands but cannot send texts: use another interface of the same modem."),
    "silent": Text("Nothing answers AT commands here: is a modem behind it, and powered?"),
    "shut": Text("It cannot be opened: another program uses it, or it was unplugged."),
}

_WEAK_DBM = -93


def port_state(state: str) -> Word:
    """The state of a port."""
    return _STATES.get(state, (Text("Unknown"), "off"))


def sim_states(names: Sequence[str]) -> list[Word]:
    """The states of a SIM (see `modem.port.status_text.names`); none while its port does not work."""
    return [_SIMS.get(name, (Text("Unknown"), "off")) for name in names if name != "unreachable"]


def doing(port: Mapping[str, Any]) -> str:
    """The present work of a port, as one sentence."""
    if port["state"] == "up" and port["busy"]:
        return Text("It is sending a message.")
    if port["state"] == "up" and port["sim"] == ["ready"]:
        return Text("It is ready and waits for messages.")
    detail: str = port["detail"]
    return detail


def lacks(found: Mapping[str, Any]) -> list[Text]:
    """The steps of a person before a device that was found can send; empty where it can."""
    if not found["modem"]:
        return [_SPEAKS.get(found["speaks"], _SPEAKS["shut"])]
    if found["sim"] != "ready":
        return [_REMEDIES.get(found["sim"], _REMEDIES["unknown"])]
    wanted = []
    if not found["can_send"]:
        searching = Text("It is searching for a network: check the antenna if this continues.")
        wanted.append(_NO_NETWORK.get(found["registration"], searching))
    if found["signal_dbm"] is not None and found["signal_dbm"] < _WEAK_DBM:
        wanted.append(Text("The signal is weak: a better place or antenna helps."))
    if found["has_smsc"] is False:
        wanted.append(
            Text(
                "The SIM card has no service centre: ask its operator for the number, and enter it when you add the port."
            )
        )
    return wanted


DIRECTIONS: Final[Mapping[str, Text]] = {
    "to_modem": Text("to the modem"),
    "from_modem": Text("from the modem"),
    "note": Text("note"),
}
