"""The number of waiting messages and the age of the oldest, found in an index."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store import Transaction
from gatewayd.store.tables import messages, parts, queue_counts
from gatewayd.timekeeping.clock import SECOND, Moment


@dataclass(frozen=True, slots=True)
class QueueAge:
    """The pending messages: their number and the age of the oldest."""

    messages: int
    oldest_at: int | None  # when the oldest was accepted; None: no message waits
    oldest_s: float | None  # its age by the present clock

    @property
    def age(self) -> str:
        """The age of the oldest, for a person."""
        return "-" if self.oldest_s is None else duration(self.oldest_s)


def duration(seconds: float) -> str:
    """A duration for a person, as `3 h`."""
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def queue_age(db: Transaction, at: Moment) -> QueueAge:
    """The messages that wait now. On the writing connection."""
    oldest = parts.oldest_waiting(db, queue_counts.waiting(db))
    if oldest is None:
        return QueueAge(queue_counts.pending(db), None, None)
    taken_at = messages.by_id(db, oldest).created_at
    return QueueAge(queue_counts.pending(db), taken_at, max(0.0, (at.now - taken_at) / SECOND))
