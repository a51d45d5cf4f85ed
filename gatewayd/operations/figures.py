"""The outcomes of the last day and of the last month, by SIM. Past hours and days are read once, because they do not change."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import hourly_counts
from gatewayd.store.tables.hourly_counts import HOUR, Counts
from gatewayd.timekeeping.clock import Calendar, Clock, day_before

HOURS: Final = 24
DAYS: Final = 30

# The past hours and days that are kept in memory: those of a hundred companies for some days. Beyond these they are read again.
_SPANS_KEPT: Final = 100 * (DAYS + 4 * HOURS)

BySim = dict[int, Counts]
"""SIM id (0: none was chosen) → its counts."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts of hours and days, oldest first: each with its beginning in microseconds since the epoch."""

    hours: list[tuple[int, BySim]]
    days: list[tuple[int, BySim]]

    @property
    def today(self) -> Counts:
        """The counts of today."""
        return total(self.days[-1][1])


class FigureReader:
    """Reads figures. Any thread may ask."""

    def __init__(self, store: AnyStore, clock: Clock, calendar: Calendar) -> None:
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._lock = threading.Lock()
        self._past: dict[tuple[int | None, int, int], BySim] = {}

    def read(self, company_id: int | None) -> Figures:
        """The figures of a company, or of all (None). Raises StoreUnavailableError."""
        now = self._clock.now()
        with self._store.lists.lend() as db:
            return Figures(self._hours(db, now, company_id), self._days(db, now, company_id))

    def _hours(self, db: Transaction, now: int, company_id: int | None) -> list[tuple[int, BySim]]:
        last = now // HOUR
        return [
            (hour * HOUR, self._span(db, company_id, hour, hour + 1, past=hour < last - 1))
            for hour in range(last - HOURS + 1, last + 1)
        ]

    def _days(self, db: Transaction, now: int, company_id: int | None) -> list[tuple[int, BySim]]:
        found = []
        day, end = self._calendar.day(now), now // HOUR + 1
        for age in range(DAYS):
            begin = self._calendar.moment(datetime.fromisoformat(day))
            found.append((begin, self._span(db, company_id, begin // HOUR, end, past=age > 1)))
            day, end = day_before(day), begin // HOUR
        return found[::-1]

    def _span(self, db: Transaction, company_id: int | None, first: int, end: int, *, past: bool) -> BySim:
        """The counts of the hours from `first` to before `end`. `past`: they are over, so they are read once.

        An outcome of the last second of an hour may be written a moment later: the hour before and yesterday are not over.
        """
        key = (company_id, first, end)
        with self._lock:
            known = self._past.get(key) if past else None
        if known is not None:
            return known
        by_sim = hourly_counts.by_sim(db, first, end, company_id)
        if past:
            with self._lock:
                if len(self._past) >= _SPANS_KEPT:
                    self._past.clear()
                self._past[key] = by_sim
        return by_sim


def total(by_sim: BySim) -> Counts:
    """The counts of all SIMs together."""
    return sum(by_sim.values(), Counts())
