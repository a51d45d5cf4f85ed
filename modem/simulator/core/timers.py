"""Simulated time: a heap of timers over one clock."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Timer:
    """An action to run later, unless it is cancelled. `action` is None after either."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Cancel the timer; no effect after it ran."""
        self.action = None


class Timers:
    """Timers in simulated seconds. `clock` gives real seconds; one simulated second takes `scale` of them."""

    def __init__(self, clock: Callable[[], float], scale: float = 1.0) -> None:
        self._clock = clock
        self._scale = scale
        self._zero = clock()
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()  # timers of the same moment go off in the order they were set

    def now(self) -> float:
        """Simulated seconds since the beginning."""
        return (self._clock() - self._zero) / self._scale

    def later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        """Do `action` after `delay_s` simulated seconds: never before this call has returned."""
        timer = Timer(action)
        heapq.heappush(self._heap, (self.now() + delay_s, next(self._order), timer))
        return timer

    def wait_s(self) -> float | None:
        """Real seconds until the next timer is due; None without any."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
        return max(0.0, (heap[0][0] - self.now()) * self._scale) if heap else None

    def run_due(self) -> None:
        """Run the timers that are due, in order. Timers that these set for the same moment wait for the next call."""
        now = self.now()
        heap = self._heap
        limit = next(self._order)
        while heap and heap[0][0] <= now and heap[0][1] < limit:
            timer = heapq.heappop(heap)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action()
