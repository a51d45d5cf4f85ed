"""Takes messages into the journal of this box, and tells the ports of those that are to be sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from gatewayd.fleet.box.journal import Journal, Taken
from gatewayd.fleet.queue.names import Box


class Taking:
    """The way of messages into the journal, for all steps that bring some. The thread of the agent uses it."""

    def __init__(self, journal: Journal, *, queued: Callable[[Mapping[int, int]], None]) -> None:
        """`queued`: called with the number of parts by SIM id that are to be sent now."""
        self._journal = journal
        self._queued = queued

    def take(self, box: Box, taken: Taken, already: Collection[int] = ()) -> None:
        """Keep messages as claimed or started under the epoch of this box (see `Journal.take`). Raises StoreUnavailableError."""
        queued = self._journal.take(taken, box.epoch, already)
        if queued:
            self._queued(queued)
