"""Messages whose time is over end when it is, whether a port looks at them or not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import messages
from gatewayd.timekeeping.clock import SECOND, Clock, Moment
from gatewayd.timekeeping.timers import Timers

log = logging.getLogger(__name__)

# So many end in one transaction, some tens of milliseconds: what expires together must not keep others from the disk.
_AT_ONCE = 100

_FROM_THE_FIRST = (-1, 0)

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
        write_news: Callable[[Callable[[Transaction, Moment, Effects], int]], int],
    ) -> None:
        self._store = store
        self._clock = clock
        self._timers = timers
        self._moment = moment
        self._write_news = write_news
        self._after = _FROM_THE_FIRST  # up to which the due ones were looked at in this run
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
        """End some of what is due; in how many seconds to look again."""
        at = self._moment()
        if not at.trusted:
            return _LOOK_S
        with self._store.readers.lend() as db:
            due = messages.due(db, at.now, self._after, _AT_ONCE)
        ending = [row.id for row in due if not row.is_open]
        if ending:
            self._ended += self._write_news(partial(self._end, ending))
        if len(due) == _AT_ONCE:  # behind those that cannot end yet there may be others
            self._after = (due[-1].expires_at, due[-1].id)
            return 0.0
        self._after = _FROM_THE_FIRST
        if self._ended:  # told once, however many steps it took
            log.warning("%d messages expired before they were sent", self._ended)
            self._ended = 0
        with self._store.readers.lend() as db:
            following = messages.next_expiry(db, at.now)
        return _LOOK_S if following is None else min(_LOOK_S, (following - at.now) / SECOND)

    def _end(self, ids: list[int], db: Transaction, at: Moment, effects: Effects) -> int:
        """End those of these messages that are still to expire; how many ended."""
        ended = 0
        for message_id in ids:
            message = messages.by_id(db, message_id)
            if message.status == "pending" and lifecycle.has_expired(message, at):
                lifecycle.expire(db, message, at, effects)
                ended += 1
        return ended
