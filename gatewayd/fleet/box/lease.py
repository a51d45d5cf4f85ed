"""The lease of this box: until when it may hand parts to modems, by its own clock.

The mobile network checks no token, so the box fences itself. Others take its messages only after they saw no beat of it for
longer than a lease. A lease counts from before the beat was asked for, on a clock that goes on while the machine sleeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable


def boottime() -> float:
    """Seconds since the machine was started, with those during which it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """The lease of one epoch at a time. One thread renews it; any thread may ask, and never waits."""

    def __init__(self, now: Callable[[], float] = boottime) -> None:
        self._now = now
        self._held: tuple[int, float] | None = None  # epoch, end; replaced as a whole

    def now(self) -> float:
        """The clock by which leases count, in seconds."""
        return self._now()

    def renew(self, epoch: int, asked_at: float, lease_s: float) -> None:
        """A beat that was asked for at `asked_at` was answered."""
        self._held = (epoch, asked_at + lease_s)

    def lose(self) -> None:
        """A new epoch begins: nothing is allowed until its first beat was answered."""
        self._held = None

    def holds(self, epoch: int) -> bool:
        """Whether the lease is not over, and belongs to this epoch."""
        held = self._held
        return held is not None and held[0] == epoch and self._now() < held[1]

    def left_s(self) -> float:
        """Seconds until the lease is over; 0 without one."""
        held = self._held
        return 0.0 if held is None else max(0.0, held[1] - self._now())
