"""Huawei E173: a 3G stick with many URCs and packed USSD."""

from __future__ import annotations

from modem.simulator.commands.card import numbered_card, present_card
from modem.simulator.commands.parameters import accepted, parameter, tolerated
from modem.simulator.core.modem import Handler, Modem
from modem.simulator.core.request import Form, Request, number
from modem.simulator.core.results import CmsError
from modem.simulator.core.traits import Traits

_MEMORIES = ("SM", "ME")

TRAITS = Traits(
    manufacturer="huawei",
    model="E173",
    revision="11.126.16.04.182",
    identification=(
        "Manufacturer: huawei",
        "Model: E173",
        "Revision: 11.126.16.04.182",
        "IMEI: {imei}",
        "+GCAP: +CGSM,+DS,+ES",
    ),
    sim_ready_lines=("^SIMST:1", "^SRVST:2"),
    sim_busy_s=3.0,
    storage=(_MEMORIES, _MEMORIES, _MEMORIES),
    capacities={"ME": 23},
    first_index=0,
    cnmi_values=(
        frozenset({0, 1, 2}),
        frozenset({0, 1, 2, 3}),
        frozenset({0, 2}),
        frozenset({0, 1, 2}),
        frozenset({0, 1}),
    ),
    cnmi_shown="(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
    cnmi_at_start=(1, 1, 0, 0, 0),
    unknown_answer="COMMAND NOT SUPPORT",
    ussd_packed=True,
    periodic_urcs=((20.0, "^BOOT:46041216,0,0,0,58"), (7.0, "^RSSI:21")),
    clock_at_start="70/01/01,00:00:00",
    absent=frozenset({"+CCID", "+CSUS", "+CEREG", "+CESQ", "+CPINR"}),
)


def iccid(modem: Modem, request: Request) -> None:
    """^ICCID? answers the ICCID."""
    if request.form is Form.READ:
        modem.info(f"^ICCID: {numbered_card(modem).iccid}F")


def pin(modem: Modem, request: Request) -> None:
    """^CPIN? answers the lock, and tries left for PUK, PIN, PUK2 and PIN2."""
    if request.form is Form.READ:
        card = present_card(modem)
        modem.info(f"^CPIN: {card.lock.value},,{card.puk_tries},{card.pin_tries},10,3")


def urc_switch(modem: Modem, request: Request) -> None:
    """^CURC: 0 switches every URC off, +CMTI too."""
    if request.form is Form.SET:
        modem.silenced = number(request.raw, range(2)) == 0
        modem.kept.writes["^CURC"] += 1
    elif request.form is Form.READ:
        modem.info(f"^CURC: {int(not modem.silenced)}")


COMMANDS: dict[str, Handler] = {
    "^ICCID": iccid,
    "^CPIN": pin,
    "^CURC": urc_switch,
    "^SYSINFO": accepted,
    "^USSDMODE": tolerated("^USSDMODE", range(2), 1),
    "^U2DIAG": accepted,
    "^PORTSEL": accepted,
    "+CMMS": parameter("+CMMS", "cmms", range(2), CmsError(500)),
}
