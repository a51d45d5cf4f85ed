"""The number of waiting messages and the age of the oldest, found in an index."""

from __future__ import annotations

from dataclasses import dataclass

from config.language.text import Text
from gatewayd.accounts import sending_windows
from gatewayd.store import Transaction
from gatewayd.store.tables import queue_counts, queue_metrics, scheduled
from gatewayd.timekeeping.clock import SECOND, Calendar, Moment


@dataclass(frozen=True, slots=True)
class QueueAge:
    """The pending messages: their number and the age of the oldest."""

    messages: int
    oldest_at: int | None  # since when the oldest waits; None: no message waits
    oldest_s: float | None  # its age by the present clock

    @property
    def age(self) -> str:
        """The age of the oldest, for a person."""
        return "-" if self.oldest_s is None else duration(self.oldest_s)


def duration(seconds: float) -> str:
    """A duration for a person, as `3 h`."""
    if seconds >= 2 * 86_400:
        return Text("{days:.0f} d", days=seconds / 86_400)
    for unit, length_s in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def queue_age(db: Transaction, at: Moment, calendar: Calendar) -> QueueAge:
    """The messages that wait now. On the writing connection.

    Messages that are scheduled, or that wait for their company's sending window, have no age. A scheduled message that is
    due and has no SIM has one.
    """
    held = sending_windows.closed(db, at, calendar)
    sim_ids = [sim_id for sim_id, count in queue_counts.waiting(db).items() if count]
    found = [queue_metrics.oldest_at(db, sim_ids, held)]
    if at.trusted:
        found.append(scheduled.first_due(db, at.now))
    oldest = min((one for one in found if one is not None), default=None)
    age_s = None if oldest is None else max(0.0, (at.now - oldest) / SECOND)
    return QueueAge(queue_counts.pending(db), oldest, age_s)
