"""Whether a modem's clock runs. The reading itself is `modem.driver.parsers.network_time`."""

from __future__ import annotations

from modem.timeouts import CLOCK_STANDS_S


class Observer:
    """Compares the readings of one clock, to find one that stands still: its time is not used."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None  # a reading and its moment
        self._goes = True  # as far as is known

    def goes(self, told: int, at: float) -> bool:
        """Whether the clock runs, by this reading (microseconds) that was taken `at` (monotonic seconds)."""
        if self._last is None:
            self._last = (told, at)
            return True
        before, then = self._last
        passed_s = at - then
        if passed_s >= CLOCK_STANDS_S:
            # A clock that was set meanwhile may have gone back, or ahead by any time.
            self._goes = not 0 <= told - before < passed_s / 2 * 1_000_000
            if self._goes:
                self._last = (told, at)
        return self._goes
