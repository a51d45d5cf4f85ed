"""Switching the active SIM slot: by 27.007, 8.56 (+CSUS), by a vendor's command, or by a configured one."""

from __future__ import annotations

from modem.driver.commands import Commands
from modem.driver.profiles import CSUS, Profile

Way = tuple[str, ...]  # commands in their order; {slot} is the slot counted from 1, {index} from 0


def ways(profile: Profile, configured: str | None) -> tuple[Way, ...]:
    """The ways to switch that the modem may know, the likeliest first; only the configured one where there is one."""
    if configured is not None:
        return ((configured,),)
    return (*profile.slot_commands, CSUS)


def switch(commands: Commands, slot: int, way: Way) -> bool:
    """Make `slot` the active one. Whether the modem answered OK: some modems do that and change nothing."""
    done = False
    for command in way:
        text = command.replace("{slot}", str(slot)).replace("{index}", str(slot - 1))
        answer = commands.attempt(text, timeout_s=commands.timeouts.function_s)
        if text != command:
            done = answer.ok
    return done
