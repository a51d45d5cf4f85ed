"""Lets the ports of this box send the messages of the fleet, once rows and journal agree under an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gatewayd.fleet.box.epoch import Epoch
from gatewayd.fleet.box.journal import Journal
from gatewayd.fleet.box.permit import FleetPermit


class Opening:
    """The openings of the permit. The thread of the agent uses it."""

    def __init__(
        self,
        journal: Journal,
        permit: FleetPermit,
        *,
        queued: Callable[[Mapping[int, int]], None],
        wake_ports: Callable[[], None],
    ) -> None:
        """`queued`: called with the number of started messages by SIM id. `wake_ports`: called after that."""
        self._journal = journal
        self._permit = permit
        self._queued = queued
        self._wake_ports = wake_ports

    def open(self, epoch: Epoch) -> None:
        """Open the permit for an epoch; wake the ports where it was closed. Raises StoreUnavailableError."""
        was_open = self._permit.is_open()
        self._permit.open(epoch.box.epoch)
        if not was_open:
            loads = self._journal.work(epoch.box.epoch).loads
            self._queued({sim_id: load.started for sim_id, load in loads.items()})
            self._wake_ports()
