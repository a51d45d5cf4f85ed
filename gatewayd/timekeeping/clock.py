"""Time. Waits use the monotonic clock; wall-clock time is written down and compared for days, months, expiries."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND = 1_000_000  # in the microseconds that everything stored counts in
DAY = 86_400 * SECOND
FOREVER = 2**62

SLACK = 300 * SECOND
"""Clocks that tell the same time are no further apart: networks are off by a minute or two. More is a jump."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, and written with its own Z


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days and months as the box's owners count them."""

    zone: ZoneInfo

    def day(self, moment: int) -> str:
        """The day of a moment, `YYYY-MM-DD`."""
        return _day(self.zone, moment // SECOND)

    def moment(self, reading: datetime) -> int:
        """Microseconds since the epoch of what a clock without a time zone shows here."""
        return microseconds(reading.replace(tzinfo=self.zone))

    def next_month(self, moment: int) -> int:
        """The first moment of the month after the one of `moment`."""
        local = _local(self.zone, moment // SECOND)
        first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
        following = (first + timedelta(days=32)).replace(day=1)
        return int(following.timestamp()) * SECOND


@lru_cache(maxsize=16)  # every transaction asks, and most for the second of the one before
def _day(zone: ZoneInfo, second: int) -> str:
    return _local(zone, second).strftime("%Y-%m-%d")


def _local(zone: ZoneInfo, second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC).astimezone(zone)


def month_of(day: str) -> str:
    """The month (`YYYY-MM`) of a day (`YYYY-MM-DD`)."""
    return day[:7]


def microseconds(moment: datetime) -> int:
    """An aware time as microseconds since the epoch."""
    return int(moment.timestamp()) * SECOND + moment.microsecond


def iso(moment: int) -> str:
    """A time as ISO 8601 in UTC with six decimals and `Z`."""
    told = _EPOCH + timedelta(microseconds=moment)
    return told.isoformat(timespec="microseconds") + "Z"


@dataclass(frozen=True, slots=True)
class Moment:
    """When a transaction happens: the time, the day that it falls on, and whether that can be believed."""

    now: int
    today: str
    trusted: bool = True
    unbroken: int = FOREVER  # for so long the time has been counted without a jump

    def lately(self, age: int) -> tuple[int, int]:
        """From when to when is stamped what may be younger than `age`: all else is certainly older.

        After a jump that is everything, until `age` has passed since.
        """
        return (self.now - age, self.now + SLACK) if self.unbroken >= age else (-FOREVER, FOREVER)


class Clock:
    """The time of this box. Passed in, so that tests need neither patching nor waiting."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1000

    def latest(self) -> int:
        """The latest that it may be now: what expires of itself has expired by this."""
        return self.now()

    def monotonic(self) -> float:
        """Seconds that never step."""
        return time.monotonic()

    def moment(self, calendar: Calendar) -> Moment:
        """Now, and today. Where moments are made."""
        now = self.now()
        return Moment(now, calendar.day(now))

    def status(self) -> ClockStatus:
        """Whether the time is trusted, by what, and what helps."""
        return ClockStatus(True, "system", "The system clock is believed.")


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """How it stands with the time, for a person to read."""

    trusted: bool
    by: str | None
    detail: str
