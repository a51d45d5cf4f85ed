"""The outcomes of the last day and of the last month, by SIM. Past days are read once, because they do not change."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gatewayd.store import Transaction
from gatewayd.store.store import Store
from gatewayd.store.tables import hourly_counts
from gatewayd.store.tables.hourly_counts import HOUR, Counts
from gatewayd.timekeeping.clock import Calendar, Clock, day_before

HOURS: Final = 24
DAYS: Final = 30

# A box has few companies whose persons look at figures. Beyond these, past days are read again.
_DAYS_KEPT: Final = 100 * DAYS

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

    def __init__(self, store: Store, clock: Clock, calendar: Calendar) -> None:
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._lock = threading.Lock()
        self._past: dict[tuple[int | None, str], BySim] = {}

    def read(self, company_id: int | None) -> Figures:
        """The figures of a company, or of all (None). Raises StoreUnavailableError."""
        now = self._clock.now()
        with self._store.lists.lend() as db:
            return Figures(self._hours(db, now, company_id), self._days(db, now, company_id))

    def _hours(self, db: Transaction, now: int, company_id: int | None) -> list[tuple[int, BySim]]:
        last = now // HOUR
        found: dict[int, BySim] = {hour: {} for hour in range(last - HOURS + 1, last + 1)}
        for row in hourly_counts.by_hour(db, last - HOURS + 1, last + 1, company_id):
            found[row.hour][row.sim_id] = row.counts
        return [(hour * HOUR, by_sim) for hour, by_sim in found.items()]

    def _days(self, db: Transaction, now: int, company_id: int | None) -> list[tuple[int, BySim]]:
        today = self._calendar.day(now)
        days = [today]
        while len(days) < DAYS:
            days.append(day_before(days[-1]))
        begins = {day: self._calendar.moment(datetime.fromisoformat(day)) for day in days}
        found = []
        end = now // HOUR + 1
        for age, day in enumerate(days):
            first = begins[day] // HOUR
            # An outcome of the last second of a day may be written after midnight.
            found.append((begins[day], self._day(db, (company_id, day), first, end, past=age > 1)))
            end = first
        return found[::-1]

    def _day(
        self, db: Transaction, key: tuple[int | None, str], first: int, end: int, *, past: bool
    ) -> BySim:
        with self._lock:
            known = self._past.get(key) if past else None
        if known is not None:
            return known
        by_sim = hourly_counts.by_sim(db, first, end, key[0])
        if past:
            with self._lock:
                if len(self._past) >= _DAYS_KEPT:
                    self._past.clear()
                self._past[key] = by_sim
        return by_sim


def total(by_sim: BySim) -> Counts:
    """The counts of all SIMs together."""
    return sum(by_sim.values(), Counts())
