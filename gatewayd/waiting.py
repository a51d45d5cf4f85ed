"""How much waits, and how old it is: without a search, however much it is."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayd.clock import SECOND, Moment
from gatewayd.store import load, messages, parts
from gatewayd.store.database import Connection


@dataclass(frozen=True, slots=True)
class Waiting:
    """The pending messages."""

    messages: int
    oldest_at: int | None  # when the oldest was taken; None without any
    oldest_s: float | None  # how long ago that was, by the clock as it is

    @property
    def age(self) -> str:
        """How old the oldest is, for a person."""
        if self.oldest_s is None:
            return "-"
        for unit, seconds in (("d", 86_400), ("h", 3600), ("min", 60)):
            if self.oldest_s >= 2 * seconds:
                return f"{self.oldest_s / seconds:.0f} {unit}"
        return f"{self.oldest_s:.0f} s"


def waiting(db: Connection, at: Moment) -> Waiting:
    """What waits now. On the writing connection."""
    oldest = parts.oldest_waiting(db, load.waiting(db))
    if oldest is None:
        return Waiting(load.pending(db), None, None)
    taken_at = messages.by_id(db, oldest)["created_at"]
    return Waiting(load.pending(db), taken_at, max(0.0, (at.now - taken_at) / SECOND))
