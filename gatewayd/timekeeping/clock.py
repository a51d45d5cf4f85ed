"""Time. Waits use the monotonic clock; wall-clock time is stored, and used for days, months and expiries."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND = 1_000_000  # in microseconds, the unit of every stored time
HOUR = 3600 * SECOND
DAY = 24 * HOUR
FOREVER = 2**62

SLACK = 300 * SECOND
"""Clocks of the same time differ by less than this: networks are wrong by a minute or two. More is a jump."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, and written with its own Z


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days and months in the time zone of the box."""

    zone: ZoneInfo

    def day(self, moment: int) -> str:
        """The day of a moment, `YYYY-MM-DD`."""
        return _day(self.zone, moment // SECOND)

    def minute(self, moment: int) -> int:
        """The minute of the day of a moment, from 0."""
        local = _local(self.zone, moment // SECOND)
        return local.hour * 60 + local.minute

    def hour(self, moment: int) -> int:
        """The hour of a moment, 0 to 23."""
        return _hour(self.zone, moment // SECOND)

    def moment(self, reading: datetime) -> int:
        """Microseconds since the epoch of a local time without a time zone."""
        return microseconds(reading.replace(tzinfo=self.zone))

    def next_month(self, moment: int) -> int:
        """The first moment of the month after the one of `moment`."""
        local = _local(self.zone, moment // SECOND)
        first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
        following = (first + timedelta(days=32)).replace(day=1)
        return int(following.timestamp()) * SECOND


@lru_cache(maxsize=16)  # every transaction asks, mostly for the same second as the one before
def _day(zone: ZoneInfo, second: int) -> str:
    return _local(zone, second).strftime("%Y-%m-%d")


@lru_cache(maxsize=16)
def _hour(zone: ZoneInfo, second: int) -> int:
    return _local(zone, second).hour


def _local(zone: ZoneInfo, second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC).astimezone(zone)


@lru_cache(maxsize=16)
def day_before(day: str) -> str:
    """The day before a day (`YYYY-MM-DD`)."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def month_of(day: str) -> str:
    """The month (`YYYY-MM`) of a day (`YYYY-MM-DD`)."""
    return day[:7]


def months_before(month: str, number: int) -> str:
    """The month (`YYYY-MM`) that lies so many months before a month."""
    year, index = divmod(int(month[:4]) * 12 + int(month[5:7]) - 1 - number, 12)
    return f"{year:04}-{index + 1:02}"


def microseconds(moment: datetime) -> int:
    """An aware time as microseconds since the epoch."""
    return int(moment.timestamp()) * SECOND + moment.microsecond


def iso(moment: int) -> str:
    """A time as ISO 8601 in UTC with six decimals and `Z`."""
    time = _EPOCH + timedelta(microseconds=moment)
    return time.isoformat(timespec="microseconds") + "Z"


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of a transaction, its day and hour, and whether the time is trusted."""

    now: int
    today: str
    trusted: bool = True
    unbroken: int = FOREVER  # microseconds since the last jump of the time
    hour: int = 23  # local, 0 to 23

    def day_from(self, hour: int) -> str:
        """The day of this moment where each day begins at this hour, 0 to 23, instead of midnight."""
        return self.today if self.hour >= hour else day_before(self.today)

    def lately(self, age: int) -> tuple[int, int]:
        """The range of stamps that may be younger than `age`; stamps outside it are certainly older.

        After a jump the range has no bounds until `age` has passed.
        """
        return (self.now - age, self.now + SLACK) if self.unbroken >= age else (-FOREVER, FOREVER)


class Clock:
    """The clock of this box. It is passed to its users, so that tests need neither patches nor waits."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1000

    def latest(self) -> int:
        """The latest possible time now: API keys expire by this."""
        return self.now()

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps."""
        return time.monotonic()

    def moment(self, calendar: Calendar) -> Moment:
        """The time now, and today's date."""
        now = self.now()
        return Moment(now, calendar.day(now), hour=calendar.hour(now))

    def status(self) -> ClockStatus:
        """Whether the time is trusted, its source, and the remedy."""
        return ClockStatus(True, "system", "The system clock is believed.")


@dataclass(frozen=True, slots=True)
class ClockStatus:
    """The state of the clock, for a person."""

    trusted: bool
    by: str | None  # the source: `ntp`, `network` or `system`
    detail: str
