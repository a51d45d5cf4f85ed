"""The makes of modem that can be simulated: their properties and their own commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modem.simulator.commands import COMMANDS
from modem.simulator.core.modem import Handler
from modem.simulator.core.playback import Playback
from modem.simulator.core.traits import Traits
from modem.simulator.makes import huawei, qualcomm, quectel, simcom, wavecom, zte


@dataclass(frozen=True, slots=True)
class Personality:
    """One make: its properties, and its commands beside the common ones or in place of them."""

    traits: Traits
    own_commands: Mapping[str, Handler] = field(default_factory=dict)
    playback: Playback | None = None  # recorded answers, in place of its own
    only_own: bool = False  # it has no other commands than its own

    def commands(self) -> dict[str, Handler]:
        """All commands of this make."""
        if self.only_own:
            return dict(self.own_commands)
        common = {name: handler for name, handler in COMMANDS.items() if name not in self.traits.absent}
        return {**common, **self.own_commands}


PERSONALITIES: dict[str, Personality] = {
    "plain": Personality(Traits()),
    "plain-keeps-reference": Personality(Traits(keeps_reference=True)),
    "plain-marks-nothing": Personality(Traits(model="Forgetful", marks_sent=False)),
    "plain-writes-nothing": Personality(Traits(model="Reader", absent=frozenset({"+CMGW"}))),
    "plain-sends-nothing-stored": Personality(Traits(model="Keeper", sends_stored=False)),
    "sim800": Personality(simcom.TRAITS, simcom.COMMANDS),
    "ec25": Personality(quectel.TRAITS, quectel.COMMANDS),
    "e173": Personality(huawei.TRAITS, huawei.COMMANDS),
    "q2406": Personality(wavecom.TRAITS, wavecom.COMMANDS),
    "m6280": Personality(qualcomm.TRAITS),
    "mf190": Personality(zte.TRAITS, zte.COMMANDS),
}
