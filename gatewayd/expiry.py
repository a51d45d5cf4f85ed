"""Messages whose time is over end when it is, whether a port looks at them or not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from gatewayd import lifecycle
from gatewayd.clock import SECOND, Clock, Moment
from gatewayd.news import News
from gatewayd.store import messages
from gatewayd.store.database import Connection
from gatewayd.store.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.timers import Timers

log = logging.getLogger(__name__)

# So many end in one transaction: a million that expire together must not keep others from the disk.
_AT_ONCE = 500

# How often is looked at least: the wall clock may be set, and what had a part in the air is looked at again.
_LOOK_S = 60.0


class Expiry:
    """One timer, for the message that expires next.

    A message with a part in the air is let finish that part, and one in doubt is decided first; then it expires where
    the outcome is written down (`Settler`), or at the next look.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        timers: Timers,
        moment: Callable[[], Moment],
        spread: Callable[[News], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._timers = timers
        self._moment = moment
        self._spread = spread
        self._lock = threading.Lock()
        self._due = float("inf")  # monotonic: when the timer that counts goes off
        self._ended = 0  # in the steps of this run; of the timers' thread alone

    def look(self) -> None:
        """Look now: at the start, and when the clock was set. Any thread may ask for it."""
        self._look_in(0.0)

    def expect(self, expires_in_s: float) -> None:
        """A message was kept that expires in so many seconds."""
        self._look_in(expires_in_s)

    def _look_in(self, delay_s: float) -> None:
        due = self._clock.monotonic() + delay_s
        with self._lock:
            if due >= self._due:
                return
            self._due = due
        self._timers.after(delay_s, partial(self._look, due))

    def _look(self, due: float) -> None:
        with self._lock:
            if due != self._due:
                return  # a later call wanted it sooner, and has had it
            self._due = float("inf")
        try:
            delay_s = self._expire()
        except StoreUnavailableError as error:
            log.warning("messages that expired could not be ended (%s); tried again in %g s", error, _LOOK_S)
            delay_s = _LOOK_S
        self._look_in(delay_s)

    def _expire(self) -> float:
        """End what is due; in how many seconds to look again."""
        news = News()
        ended, delay_s = self._store.write(lambda db: self._step(db, news))
        self._ended += ended
        if self._ended and delay_s:  # once, however many steps it took
            log.warning("%d messages expired before they were sent", self._ended)
            self._ended = 0
        self._spread(news)
        return delay_s

    def _step(self, db: Connection, news: News) -> tuple[int, float]:
        at = self._moment()
        if not at.trusted:
            return 0, _LOOK_S
        due = messages.due(db, at.now, _AT_ONCE)
        for message in due:
            lifecycle.expire(db, message, at, news)
        if len(due) == _AT_ONCE:
            return len(due), 0.0
        following = messages.next_expiry(db, at.now)
        return len(due), _LOOK_S if following is None else min(_LOOK_S, (following - at.now) / SECOND)
