"""SIMCom SIM800L: 2G on a UART."""

from __future__ import annotations

from modem.simulator.commands.card import present_card
from modem.simulator.commands.clock import follow_network
from modem.simulator.commands.parameters import accepted, tolerated
from modem.simulator.commands.storage import delete_all
from modem.simulator.core.modem import Handler, Modem
from modem.simulator.core.request import Form, Request
from modem.simulator.core.results import CmeError
from modem.simulator.core.traits import Traits

_MEMORIES = ("SM", "ME")

TRAITS = Traits(
    manufacturer="SIMCOM_Ltd",
    model="SIMCOM_SIM800L",
    revision="Revision:1418B05SIM800L24",
    identification=("SIM800 R14.18",),
    boot_lines=((0.0, "RDY"), (0.1, "+CFUN: 1")),
    sim_ready_lines=("+CPIN: READY", "Call Ready", "SMS Ready"),
    sim_busy_s=3.0,
    iccid_prefix="",
    storage=(_MEMORIES, _MEMORIES, _MEMORIES),
    capacities={"ME": 5},
    cnmi_values=(
        frozenset({0, 1, 2, 3}),
        frozenset({0, 1, 2, 3}),
        frozenset({0, 2}),
        frozenset({0, 1}),
        frozenset({0, 1}),
    ),
    cnmi_shown="(0,1,2,3),(0,1,2,3),(0,2),(0,1),(0,1)",
    cnmi_at_start=(2, 1, 0, 0, 0),
    charsets=("IRA", "GSM", "UCS2", "HEX", "PCCP", "PCDN", "8859-1"),
    charset_at_start="IRA",
    bare_recipients=True,
    clock_at_start="04/01/01,00:00:00",
    absent=frozenset({"+CSUS", "+CEREG", "+CESQ", "+CLAC", "+CPINR", "+CTZU", "+CTZR"}),
)


def delete_many(modem: Modem, request: Request) -> None:
    """+CMGDA: 6 in PDU mode and "DEL ALL" in text mode delete everything."""
    wanted = '"DEL ALL"' if modem.settings.cmgf else "6"
    if request.form is not Form.SET or request.raw != wanted:
        raise CmeError(50)
    delete_all(modem)


def tries(modem: Modem, request: Request) -> None:
    """+SPIC: tries left for PIN, PUK, PIN2 and PUK2."""
    del request
    card = present_card(modem)
    modem.info(f"+SPIC: {card.pin_tries},{card.puk_tries},0,0")


def card_inserted(modem: Modem, request: Request) -> None:
    """+CSMINS: whether a card is inserted."""
    del request
    modem.info(f"+CSMINS: 0,{int(modem.card is not None)}")


COMMANDS: dict[str, Handler] = {
    "+CMGDA": delete_many,
    "+SPIC": tries,
    "+CSMINS": card_inserted,
    "+GSMBUSY": tolerated("+GSMBUSY", range(3)),
    "+AUTOCSQ": accepted,
    "+CLTS": follow_network("+CLTS", range(2)),
}
