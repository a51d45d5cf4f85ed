"""Time. Waits use the monotonic clock; wall-clock time is written down and compared for days, months, expiries."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

SECOND = 1_000_000  # in the microseconds that everything stored counts in
DAY = 86_400 * SECOND

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, and written with its own Z


class Clock:
    """The time of this box. Passed in, so that tests need neither patching nor waiting."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never step."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days and months as the box's owners count them."""

    zone: ZoneInfo

    def day(self, moment: int) -> str:
        """The day of a moment, `YYYY-MM-DD`."""
        return self._local(moment).strftime("%Y-%m-%d")

    def next_month(self, moment: int) -> int:
        """The first moment of the month after the one of `moment`."""
        local = self._local(moment)
        first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
        following = (first + timedelta(days=32)).replace(day=1)
        return int(following.timestamp()) * SECOND

    def _local(self, moment: int) -> datetime:
        return datetime.fromtimestamp(moment / SECOND, UTC).astimezone(self.zone)


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
