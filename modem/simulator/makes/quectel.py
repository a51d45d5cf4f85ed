"""Quectel EC25: LTE on USB."""

from __future__ import annotations

from modem.simulator.commands.card import numbered_card, present_card
from modem.simulator.commands.clock import follow_network
from modem.simulator.commands.parameters import accepted
from modem.simulator.core.modem import Handler, Modem
from modem.simulator.core.request import Form, Request, number
from modem.simulator.core.results import CmeError
from modem.simulator.core.traits import Traits

_URC_PORTS = ("usbat", "usbmodem", "uart1", "all")
_MEMORIES = ("SM", "ME", "SR")

TRAITS = Traits(
    manufacturer="Quectel",
    model="EC25",
    revision="EC25EFAR06A04M4G",
    identification=("Quectel", "EC25", "Revision: EC25EFAR06A04M4G"),
    boot_lines=((0.0, "RDY"), (0.5, "+CFUN: 1")),
    sim_ready_lines=("+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE", "+QIND: PB DONE"),
    sim_busy_s=4.0,
    storage=(_MEMORIES, _MEMORIES, _MEMORIES),
    memories_at_start=("ME", "ME", "ME"),
    capacities={"ME": 255, "SR": 20},
    first_index=0,
    cnmi_values=(
        frozenset({0, 1, 2}),
        frozenset({0, 1, 2, 3}),
        frozenset({0, 2}),
        frozenset({0, 1, 2}),
        frozenset({0, 1}),
    ),
    cnmi_shown="(0-2),(0-3),(0,2),(0-2),(0,1)",
    cnmi_at_start=(2, 1, 0, 0, 0),
    cnmi_error=303,
    charsets=("GSM", "IRA", "UCS2"),
    unregistered_code=500,
    access_technology=7,
    absent=frozenset({"+CCID", "+CSUS", "+CESQ"}),
)


def iccid(modem: Modem, request: Request) -> None:
    """+QCCID: the ICCID, filled up to ten octets."""
    if request.form is not Form.TEST:
        modem.info(f"+QCCID: {numbered_card(modem).iccid}F")


def tries(modem: Modem, request: Request) -> None:
    """+QPINC: tries left."""
    if request.form is Form.READ:
        card = present_card(modem)
        modem.info(f'+QPINC: "SC",{card.pin_tries},{card.puk_tries}')
        modem.info('+QPINC: "P2",3,10')


def slot(modem: Modem, request: Request) -> None:
    """+QUIMSLOT: slots count from 1; allowed while registered, which it ends."""
    slots = range(1, len(modem.cards) + 1)
    if request.form is Form.READ:
        modem.info(f"+QUIMSLOT: {modem.active_slot}")
    elif request.form is Form.TEST:
        modem.info(f"+QUIMSLOT: ({','.join(map(str, slots))})")
    elif request.form is Form.SET:
        wanted = number(request.raw, slots)
        if wanted != modem.active_slot:
            modem.select_slot(wanted)
    else:
        raise CmeError(50)


def urc_settings(modem: Modem, request: Request) -> None:
    """+QURCCFG: "urcport" selects the port for URCs; it outlives a loss of power."""
    words = [word.strip('"').lower() for word in request.arguments()] if request.form is Form.SET else []
    if words[:1] != ["urcport"] or len(words) > 2 or (len(words) == 2 and words[1] not in _URC_PORTS):
        raise CmeError(50)
    if len(words) == 2:
        modem.kept.urc_port = words[1]
        modem.kept.writes["+QURCCFG"] += 1
    else:
        modem.info(f'+QURCCFG: "urcport","{modem.kept.urc_port}"')


COMMANDS: dict[str, Handler] = {
    "+QCCID": iccid,
    "+QPINC": tries,
    "+QUIMSLOT": slot,
    "+CTZU": follow_network("+CTZU", range(4)),
    "+QURCCFG": urc_settings,
    "+QINDCFG": accepted,
    "+QCFG": accepted,
}
