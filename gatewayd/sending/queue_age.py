"""How much waits, and how old it is: without a search, however much it is."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.store import Transaction
from gatewayd.store.tables import messages, parts, queue_counts
from gatewayd.timekeeping.clock import SECOND, Moment


@dataclass(frozen=True, slots=True)
class Waiting:
    """The pending messages."""

    messages: int
    oldest_at: int | None  # when the oldest was taken; None without any
    oldest_s: float | None  # how long ago that was, by the clock as it is

    @property
    def age(self) -> str:
        """How old the oldest is, for a person."""
        return "-" if self.oldest_s is None else duration(self.oldest_s)


def duration(seconds: float) -> str:
    """How long something lasts, for a person."""
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def waiting(db: Transaction, at: Moment) -> Waiting:
    """What waits now. On the writing connection."""
    oldest = parts.oldest_waiting(db, queue_counts.waiting(db))
    if oldest is None:
        return Waiting(queue_counts.pending(db), None, None)
    taken_at = messages.by_id(db, oldest).created_at
    return Waiting(queue_counts.pending(db), taken_at, max(0.0, (at.now - taken_at) / SECOND))
