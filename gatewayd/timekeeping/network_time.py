"""Chooses a time among those that modems report; one wrong modem must not decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gatewayd.timekeeping.clock import DAY, SECOND, SLACK

EARLIEST: Final = 1_735_689_600 * SECOND
"""2025-01-01. A clock with an earlier time was never set: this program is younger."""

ALONE_AFTER_S: Final = 120.0
"""A single modem with a time is not believed for this long: the others may still be starting."""

# The time of a single modem may be ahead of the newest trusted time by the storage time of a box.
_AHEAD: Final = 5 * 366 * DAY

# Or so far behind it that the newest trusted time must have been wrong.
_FAR_BEHIND: Final = 366 * DAY


def agreed(reported: Sequence[int], *, newest: int | None, alone: bool) -> int | None:
    """The time on which two or more modems agree; None: there is none.

    `reported`: the present time by each modem. `newest`: the newest trusted time. With `alone`, a single modem is enough if its
    time is plausible: at most five years after the newest trusted time, or years before it.
    """
    times = sorted(time for time in reported if time >= EARLIEST)
    if len(times) == 1:
        return times[0] if alone and _plausible(times[0], newest) else None
    groups = [[other for other in times if 0 <= other - first <= SLACK] for first in times]
    most = max(map(len, groups), default=0)
    if most < 2:
        return None
    largest = [group for group in groups if len(group) == most]
    if largest[-1][0] - largest[0][0] > SLACK:
        return None  # an equally large group has another time
    return largest[0][len(largest[0]) // 2]


def _plausible(time: int, newest: int | None) -> bool:
    if newest is None:
        return time <= EARLIEST + 2 * _AHEAD
    return -SLACK <= time - newest <= _AHEAD or time - newest < -_FAR_BEHIND
