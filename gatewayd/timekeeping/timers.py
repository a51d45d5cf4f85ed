"""Runs functions later on one thread: ends of back-offs, decisions on parts in doubt."""

from __future__ import annotations

import heapq
import itertools
import logging
import queue
import threading
from collections.abc import Callable

from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.timekeeping.clock import Clock

log = logging.getLogger(__name__)

# A timer whose write the store could not keep runs again after this time.
_AGAIN_S = 5.0

_Entry = tuple[float, int, Callable[[], None]]


class Timers:
    """Runs functions after a delay, in the order of their times, on its own thread."""

    def __init__(self, clock: Clock, again_s: float = _AGAIN_S) -> None:
        self._clock = clock
        self._again_s = again_s
        self._new: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._thread = threading.Thread(target=self._loop, name="timers", daemon=True)

    def start(self) -> None:
        """Start. Delays of earlier calls of `after` count from those calls."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop. Functions that are not due yet are dropped."""
        self._new.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` after `seconds`. It may raise StoreUnavailableError: then it runs again later."""
        self._new.put((self._clock.monotonic() + seconds, next(self._numbers), action))

    def _loop(self) -> None:
        heap: list[_Entry] = []
        while True:
            try:
                wait = max(0.0, heap[0][0] - self._clock.monotonic()) if heap else None
                entry = self._new.get(timeout=wait)
            except queue.Empty:
                self._run(heapq.heappop(heap)[2])
                continue
            if entry is None:
                return
            heapq.heappush(heap, entry)

    def _run(self, action: Callable[[], None]) -> None:
        try:
            action()
        except StoreUnavailableError as error:
            log.debug("a timer could not write (%s); it runs again in %s s", error, self._again_s)
            self.after(self._again_s, action)
        except Exception:
            log.exception("a timer failed; the other timers continue")
