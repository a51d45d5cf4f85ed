"""Checks that the SIM in the active slot is still the one that was identified."""

from __future__ import annotations

import logging
from time import monotonic

from config.language.text import Text
from modem.port.connection import Connection
from modem.port.sim_slots import SimSlots
from modem.port.status import PortState

log = logging.getLogger(__name__)


class SimCheck:
    """Remembers doubts about the active SIM of one connection, and looks at it, but not too often."""

    def __init__(self, connection: Connection, sim_slots: SimSlots) -> None:
        self._connection = connection
        self._sim_slots = sim_slots
        self._wanted = False
        self._unsure = False
        self._looked_at = 0.0  # finite, because it goes into a deadline

    @property
    def wanted(self) -> bool:
        """Whether something spoke of the SIM since the last look."""
        return self._wanted

    @property
    def unsure(self) -> bool:
        """Whether the SIM may be another one, so that nothing may be sent before the next look."""
        return self._unsure

    @property
    def next_look_at(self) -> float:
        """The earliest time of the next look, in monotonic seconds."""
        return self._looked_at + self._connection.timing.sim_look_s

    @property
    def due_at(self) -> float:
        """When a look is due that was asked for, in monotonic seconds."""
        return self.next_look_at if self._wanted else float("inf")

    def want(self) -> None:
        """Ask for a look: the modem or a refusal spoke of the SIM."""
        self._wanted = True

    def doubt(self) -> None:
        """Ask for a look, and let nothing be sent before it: the SIM may be another one."""
        self._wanted = self._unsure = True

    def clear(self) -> None:
        """The SIMs are about to be looked at, or were: no look is wanted."""
        self._wanted = False

    def looked(self) -> None:
        """The SIMs were looked at just now."""
        self._looked_at = monotonic()

    def check(self) -> bool:
        """Look at the SIM; identify it again if it changed. Return whether it changed: the port must come up again then."""
        self._wanted = self._unsure = False
        self._looked_at = monotonic()
        if not self._sim_slots.changed():
            return False
        reporter = self._connection.reporter
        active = reporter.status.active_slot
        log.warning("port %d: the SIM in slot %d changed", self._connection.port, active)
        self._connection.mailbox.modem_is_busy()
        reporter.publish(state=PortState.STARTING, detail=Text("The SIM changed; it is being read."))
        self._sim_slots.look_at(active)
        return True
