"""The clock of a modem as +CCLK tells it (27.007, 8.15)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from modem.at.responses import fields
from modem.sms.gsm7 import plain

_CLOCK: Final = re.compile(
    r"(?<![\d/])(19|20)?(\d\d)/(\d\d?)/(\d\d?) ?, ?(\d\d?):(\d\d):(\d\d)(?:\.\d+)? ?([+-]\d\d?)(?![\d:])",
    re.ASCII,
)
_MOST_QUARTERS: Final = 96
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_OF_1900S: Final = 70  # clocks that were never set begin in 1970 or, as GPS does, in 1980


_STANDS_AFTER_S: Final = 2.0  # the clock counts whole seconds


def read(line: str) -> int | None:
    """Microseconds since the epoch; None where the line tells no time, or no time zone.

    The clock shows local time, and how many quarters of an hour that is ahead of UTC. Quotes may be missing, and the
    whole may be written as `charset.plain` reads it.
    """
    found = _CLOCK.search(line) or _CLOCK.search(plain(fields(line)[0]))
    if found is None:
        return None
    century, *others = found.groups()
    year, month, day, hour, minute, second, quarters = map(int, others)
    if abs(quarters) > _MOST_QUARTERS:
        return None
    if century is None:
        century = "19" if year >= _FIRST_OF_1900S else "20"
    try:
        local = datetime(100 * int(century) + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return (local - timedelta(minutes=15 * quarters) - _EPOCH) // timedelta(microseconds=1)


class Observer:
    """Compares the readings of one clock, to tell one that stands still: it tells no time, though it shows one."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None  # a reading, and when it was taken
        self._goes = True  # as far as is known

    def goes(self, told: int, at: float) -> bool:
        """Whether the clock goes, by this reading (microseconds) that was taken `at` (monotonic seconds)."""
        if self._last is None:
            self._last = (told, at)
            return True
        before, then = self._last
        passed_s = at - then
        if passed_s >= _STANDS_AFTER_S:
            # One that was set meanwhile may have gone back, or ahead by any time.
            self._goes = not 0 <= told - before < passed_s / 2 * 1_000_000
            if self._goes:
                self._last = (told, at)
        return self._goes
