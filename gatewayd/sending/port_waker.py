"""Wakes the ports that may have work to do."""

from __future__ import annotations

from collections.abc import Mapping

from gatewayd.sims.port_control import PortControl
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.timekeeping.clock import Clock
from modem.port.status import PortState


class PortWaker:
    """Any thread may call any method once the ports are attached."""

    def __init__(self, clock: Clock, port_registry: PortRegistry) -> None:
        self._clock = clock
        self._port_registry = port_registry
        self._ports: Mapping[int, PortControl] = {}

    def attach(self, ports: Mapping[int, PortControl]) -> None:
        """Name the ports, before any of them starts. Ports may come and go in the mapping."""
        self._ports = ports

    def wake(self, port: int) -> None:
        """Wake one port, unless it has just left."""
        found = self._ports.get(port)
        if found is not None:
            found.wake()

    def wake_idle(self) -> None:
        """Wake every idle port that is up: something changed that may give it work."""
        for number, status in self._port_registry.ports().items():
            if status.state is PortState.UP and not status.busy:
                self.wake(number)

    def wake_for(self, queued: Mapping[int, int], *, shared: bool) -> None:
        """Wake the ports for messages that were queued: a number of messages by SIM id.

        Idle ports are woken too where a SIM cannot send, or where the messages are `shared` and too many for one SIM.
        """
        if not queued:
            return
        places, help_wanted = self._port_registry.sims(), False
        rests = self._port_registry.rests(self._clock.monotonic())
        for sim_id, count in queued.items():
            place = places.get(sim_id)
            if place is not None and place.registered:
                self.wake(place.port)  # a busy port too: it may just be about to find no work
            if (
                place is None
                or not place.registered
                or sim_id in rests
                or (shared and count + place.busy > 1)
            ):
                help_wanted = True
        if help_wanted:
            self.wake_idle()
