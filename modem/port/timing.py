"""The intervals and time limits of a port."""

from __future__ import annotations

from dataclasses import dataclass, field

from modem.at.channel import Waits
from modem.driver.commands import Patience


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals and time limits of one port, in seconds. Tests use shorter ones."""

    look_s: float = 1.0  # between two looks for a device that is missing; udev needs 0.2 to 3 s for its links
    # between two tries to open a device that cannot be opened: to find the program that uses it costs a scan of all
    # processes
    refused_s: float = 5.0
    reopen_s: float = 1.0  # between closing and opening: the modem must see DTR drop
    reset_s: float = (
        8.0  # after a restart, before the device is looked for; a module needs 5 to 30 s to start
    )
    # between two tries with a modem that fails again and again
    rests_s: tuple[float, ...] = (5.0, 15.0, 60.0, 300.0)
    # after a device has been missing for so long, reset_command is run, and later again: a restart takes half a minute
    away_s: tuple[float, ...] = (60.0, 300.0, 3600.0)
    command_s: float = 30.0  # for reset_command: it may leave a port of a hub without power for 2 to 10 s
    refresh_s: float = 60.0  # between two readings of registration, signal, operator and SIM
    search_s: float = 5.0  # the same while the modem looks for its network; a URC may come earlier
    register_s: float = 40.0  # that a SIM gets to find its network when it is looked at for the first time
    # how long the port waits, before it sends any command, for an answer that an older process did not read: the network
    # nearly always takes a text in less
    kept_s: float = 10.0
    sim_s: float = 30.0  # between two looks at a SIM that does not work
    sim_look_s: float = 3.0  # between two looks at the SIM that URCs ask for; they may come again and again
    registration_look_s: float = 1.0  # the same for the registration
    hang_up_s: float = 5.0  # between two tries to end a call that goes on ringing: it rings every 3 to 6 s
    # after which the search for a network is restarted, each time by a stronger means (see `modem.port.network_search`)
    anew_s: tuple[float, float, float] = (300.0, 1800.0, 7200.0)
    list_s: float = 300.0  # between two listings of stored texts, for texts whose announcement was lost
    ask_s: float = 2.0  # for the answer to AT, of the 5 s that all ports together have to answer
    waits: Waits = field(default_factory=Waits)
    patience: Patience = field(default_factory=Patience)
