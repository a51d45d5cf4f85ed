"""The clock of a modem as +CCLK tells it (27.007, 8.15)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_CLOCK: Final = re.compile(r'"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d\d?)"', re.ASCII)
_MOST_QUARTERS: Final = 96
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_OF_1900S: Final = 70  # clocks that were never set begin in 1970 or, as GPS does, in 1980


def read(line: str) -> int | None:
    """Microseconds since the epoch; None where the line tells no time, or no time zone.

    The clock shows local time, and how many quarters of an hour that is ahead of UTC.
    """
    found = _CLOCK.search(line)
    if found is None:
        return None
    year, month, day, hour, minute, second, quarters = map(int, found.groups())
    if abs(quarters) > _MOST_QUARTERS:
        return None
    try:
        local = datetime(
            (1900 if year >= _FIRST_OF_1900S else 2000) + year, month, day, hour, minute, second, tzinfo=UTC
        )
    except ValueError:
        return None
    return (local - timedelta(minutes=15 * quarters) - _EPOCH) // timedelta(microseconds=1)
