"""Wavecom Q2406 at 900E/1800: an old industrial modem with many deviations."""

from __future__ import annotations

from modem.simulator.commands.parameters import accepted, tolerated
from modem.simulator.core.modem import Handler, Modem
from modem.simulator.core.request import Request
from modem.simulator.core.results import CommandError
from modem.simulator.core.traits import Traits

TRAITS = Traits(
    manufacturer=" WAVECOM MODEM",
    model=" MULTIBAND  900E  1800",
    revision="641b09gg.Q2406A 1320676 061804 14:38",
    identification=(" WAVECOM MODEM", " MULTIBAND  900E  1800"),
    boot_lines=((0.0, "+WIND: 3"),),
    sim_ready_lines=("+WIND: 4", "+WIND: 7"),
    sim_busy_s=5.0,
    iccid_quoted=True,
    storage=(("SM", "SR"), ("SM",)),
    memories_at_start=("SM", "SM", "SM"),
    capacities={"SR": 20},
    nested_memories=True,
    cnmi_shown="(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
    cnmi_values=(
        frozenset({0, 1, 2}),
        frozenset({0, 1, 2, 3}),
        frozenset({0, 2}),
        frozenset({0, 1, 2}),
        frozenset({0, 1}),
    ),
    charsets=("GSM", "PCCP437", "CUSTOM", "HEX", "UCS2"),
    escape_answers_ok=False,
    unregistered_code=513,
    reset_level=frozenset({(1, 0), (1, 1)}),  # +CFUN=1 is a restart
    without_result=frozenset({"+CPIN?"}),
    clock_at_start="00/01/01,00:00:00",
    absent=frozenset({"+CSUS", "+CEREG", "+CESQ", "+CPINR", "+CLAC", "+CTZU", "+CTZR"}),
)


def revision(modem: Modem, request: Request) -> None:
    """+CGMR is an error on this modem."""
    del modem, request
    raise CommandError


COMMANDS: dict[str, Handler] = {
    "+CGMR": revision,
    "+WIND": tolerated("+WIND", range(256)),
    "+WOPEN": accepted,
}
