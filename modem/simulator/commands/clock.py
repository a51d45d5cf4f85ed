"""The clock, and the network that sets it (27.007, 8.15 and 8.40)."""

from __future__ import annotations

from modem.simulator.commands.parameters import shown_range
from modem.simulator.core import tpdu
from modem.simulator.core.faults import Fault
from modem.simulator.core.modem import Handler, Modem
from modem.simulator.core.request import Form, Request, number

LIE_S = 14 * 366 * 86_400.0  # far enough to spoil everything that believes it


def clock(modem: Modem, request: Request) -> None:
    """+CCLK; to set it changes nothing."""
    if request.form is Form.READ:
        lie_s = LIE_S if modem.faults.take(Fault.CLOCK_LIES) else 0.0
        now = modem.clock()
        modem.stands_at = (modem.stands_at or now) if modem.faults.take(Fault.CLOCK_STANDS) else None
        shown = tpdu.utc((modem.stands_at or now) + lie_s)
        quote = "" if modem.faults.take(Fault.ODD_FORM) else '"'
        modem.info(f"+CCLK: {quote}{shown:%y/%m/%d,%H:%M:%S}+00{quote}")


def follow_network(name: str, values: range) -> Handler:
    """A command that lets the network set the clock: 0 is off, other numbers are on."""

    def handler(modem: Modem, request: Request) -> None:
        if request.form is Form.READ:
            modem.info(f"{name}: {modem.kept.follows}")
        elif request.form is Form.TEST:
            modem.info(f"{name}: {shown_range(values)}")
        elif request.form is Form.SET:
            modem.kept.follows = number(request.raw, values)
            modem.kept.writes[name] += 1
            modem.hear_the_time()

    return handler


COMMANDS: dict[str, Handler] = {"+CCLK": clock, "+CTZU": follow_network("+CTZU", range(2))}
