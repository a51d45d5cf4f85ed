"""A stick on a bare Qualcomm MSM6280: it claims abilities that it lacks."""

from __future__ import annotations

from modem.simulator.core.traits import Traits

_MEMORIES = ("ME", "SM", "SR")

TRAITS = Traits(
    manufacturer="QUALCOMM INCORPORATED",
    model="M6280",
    revision="M6280_V1.0.0",
    identification=("Manufacturer: QUALCOMM INCORPORATED", "Model: M6280", "IMEI: {imei}"),
    sim_busy_s=6.0,
    storage=(_MEMORIES, _MEMORIES, _MEMORIES),
    memories_at_start=("SM", "SM", "SM"),
    capacities={"ME": 23, "SR": 20},
    first_index=0,
    cnmi_shown="(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
    cnmi_values=(
        frozenset({0, 1}),  # mode 2 is shown and refused,
        frozenset({0, 1, 2, 3}),
        frozenset({0, 2}),
        frozenset({0, 2}),  # and so is +CDS
        frozenset({0, 1}),
    ),
    clears_service_centre=True,
    absent=frozenset({"+CCID", "+CSUS", "+CEREG", "+CESQ", "+CPINR", "+CCLK", "+CTZU", "+CTZR"}),
)
