"""Takes messages into the journal of this box, and tells the ports of those that are to be sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from gatewayd.fleet.box.journal import Journal, Taken
from gatewayd.fleet.queue.names import Box


class Taking:
    """The way of messages into the journal, for all steps that bring some. The thread of the agent uses it."""

    def __init__(self, journal: Journal, *, queued: Callable[[Mapping[int, int]], None]) -> None:
        """`queued`: called with the number of parts, or of messages, by SIM id that are to be sent now."""
        self._journal = journal
        self._queued = queued

    def take(self, box: Box, taken: Taken) -> None:
        """Keep messages as claimed or started under the epoch of this box (see `Journal.take`). Raises StoreUnavailableError."""
        queued = self._journal.take(taken, box.epoch)
        if queued:
            self._queued(queued)

    def adopt(self, box: Box, sims: Mapping[int, int], rows: Mapping[int, Mapping[str, Any]]) -> None:
        """Keep messages as started under the epoch of this box, but for those that the journal has. Raises StoreUnavailableError.

        Their ports are free and claim at once. They are woken before the adoption is committed: so each claim runs behind the
        adoption, in the same commit, and a part is handed over once both are durable.
        """
        messages = Counter(sims.values())
        taken = Taken(dict(sims), dict(rows), dict.fromkeys(rows, ()))
        self._journal.take(taken, box.epoch, already=set(rows), joined=lambda: self._queued(messages))
