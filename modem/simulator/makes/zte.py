"""ZTE MF190: a 3G stick on a Qualcomm chip."""

from __future__ import annotations

from modem.simulator.commands.parameters import accepted
from modem.simulator.core.modem import Handler
from modem.simulator.core.traits import Traits

_MEMORIES = ("ME", "SM", "SR")

TRAITS = Traits(
    manufacturer="ZTE INCORPORATED",
    model="MF190",
    revision="BD_MF190V1.0.0B03",
    identification=(
        "Manufacturer: ZTE INCORPORATED",
        "Model: MF190",
        "Revision: BD_MF190V1.0.0B03",
        "IMEI: {imei}",
    ),
    sim_ready_lines=('+ZDONR: "Orange ML",610,2,"CS_PS","ROAM_OFF"', '+ZPASR: "UMTS"'),
    sim_busy_s=4.0,
    storage=(_MEMORIES, _MEMORIES, _MEMORIES),
    memories_at_start=("SM", "SM", "SM"),
    capacities={"ME": 100, "SR": 20},
    first_index=0,
    cnmi_values=(
        frozenset({0, 1, 2}),
        frozenset({0, 1, 2, 3}),
        frozenset({0, 2}),
        frozenset({0, 1, 2}),
        frozenset({0, 1}),
    ),
    cnmi_shown="(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
    echoes_ctrl_z=True,
    report_prefix="+CDS: ,",
    report_head="+CMGR: ,,{length}",
    before_prompt=('+ZPASR: "UMTS"',),
    clears_service_centre=True,
    absent=frozenset({"+CCID", "+CSUS", "+CEREG", "+CESQ", "+CPINR"}),
)

COMMANDS: dict[str, Handler] = {
    "+ZCDRUN": accepted,  # keeps its CD drive from coming back
    "+ZOPRT": accepted,  # on line
}
