"""The newest state of PostgreSQL that this box saw, by which a join finds one that was restored."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.fleet.queue.boxes import NOTHING_SEEN
from gatewayd.fleet.queue.names import FleetSeen


@dataclass(slots=True)
class KnownFleet:
    """The state that PostgreSQL showed, over all epochs since the start. The thread of the agent uses it."""

    journal: int = 0  # the highest state of the journal that PostgreSQL has, of this incarnation
    last_message_id: int = 0  # the newest that was given; its message may not be kept
    seen: FleetSeen = NOTHING_SEEN  # in the last look
    looked_at: float | None = None  # when that was, in monotonic seconds
    lease_s: float = 0.0

    def is_recent(self, now: float) -> bool:
        """Whether the last look was so short ago that a PostgreSQL that was restored since shows less than it."""
        return self.looked_at is not None and now <= self.looked_at + self.lease_s
