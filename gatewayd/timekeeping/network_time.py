"""Which of the times that modems tell is to be believed: one that lies must not be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gatewayd.timekeeping.clock import DAY, SECOND, SLACK

EARLIEST: Final = 1_735_689_600 * SECOND
"""2025-01-01. A clock that says less has never been set: this program is younger."""

ALONE_AFTER_S: Final = 120.0
"""So long a modem that is the only one to tell a time is not believed: others may just be starting."""

# The only modem that tells a time may be ahead of the newest trusted one by as long as a box lies on a shelf.
_AHEAD: Final = 5 * 366 * DAY

# Or so far behind it that the newest trusted time must have been the wrong one.
_FAR_BEHIND: Final = 366 * DAY


def agreed(told: Sequence[int], *, newest: int | None, alone: bool) -> int | None:
    """The time that two or more agree upon, whatever it is; None where it is not known.

    `told`: what each modem tells it is now. `newest`: the newest trusted time. With `alone`, one is enough that is the only one,
    and plausible: later than the newest trusted time, by no more than five years, or years before it.
    """
    times = sorted(time for time in told if time >= EARLIEST)
    if len(times) == 1:
        return times[0] if alone and _plausible(times[0], newest) else None
    groups = [[other for other in times if 0 <= other - first <= SLACK] for first in times]
    most = max(map(len, groups), default=0)
    if most < 2:
        return None
    largest = [group for group in groups if len(group) == most]
    if largest[-1][0] - largest[0][0] > SLACK:
        return None  # as many say something else
    return largest[0][len(largest[0]) // 2]


def _plausible(time: int, newest: int | None) -> bool:
    if newest is None:
        return time <= EARLIEST + 2 * _AHEAD
    return -SLACK <= time - newest <= _AHEAD or time - newest < -_FAR_BEHIND
