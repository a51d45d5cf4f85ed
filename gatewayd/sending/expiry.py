"""Ends expired messages on time, without the help of a port."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from gatewayd.messages import lifecycle
from gatewayd.messages.effects import Effects
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import messages
from gatewayd.timekeeping.clock import SECOND, Clock, Moment
from gatewayd.timekeeping.next_look import NextLook
from gatewayd.timekeeping.timers import Timers

log = logging.getLogger(__name__)

# At most this many messages end in one transaction, which takes some tens of milliseconds: other writers must not wait long.
_AT_ONCE = 100

_FROM_THE_FIRST = (-1, 0)

# The longest time between two looks: the wall clock may be set, and a message with a part being submitted is checked again.
_LOOK_S = 60.0


class Expiry:
    """Runs one timer, for the message that expires next.

    A part that is being submitted is finished first, and a part in doubt is decided first. The message expires when the outcome is
    recorded (`Outcomes`), or at the next look.
    """

    def __init__(
        self,
        store: AnyStore,
        clock: Clock,
        timers: Timers,
        moment: Callable[[], Moment],
        write_with_effects: Callable[[Callable[[Transaction, Moment, Effects], int]], int],
    ) -> None:
        self._store = store
        self._moment = moment
        self._write_with_effects = write_with_effects
        self._after = _FROM_THE_FIRST  # the last message of this run that was checked: expires_at, id
        self._next = NextLook(clock, timers, self._look)
        self._ended = 0  # messages ended in this run; only the timers' thread uses it

    def look(self) -> None:
        """Look now: at the start, and after the clock was set. Any thread may call it."""
        self._next.within(0.0)

    def expect(self, expires_in_s: float) -> None:
        """A message was kept that expires in this many seconds."""
        self._next.within(expires_in_s)

    def _look(self) -> float:
        try:
            return self._expire()
        except StoreUnavailableError as error:
            log.warning("messages that expired could not be ended (%s); tried again in %g s", error, _LOOK_S)
            return _LOOK_S

    def _expire(self) -> float:
        """End some of the expired messages; the seconds until the next look."""
        at = self._moment()
        if not at.trusted:
            return _LOOK_S
        with self._store.readers.lend() as db:
            due = messages.due(db, at.now, self._after, _AT_ONCE)
        ending = [row.id for row in due if not row.is_open]
        if ending:
            self._ended += self._write_with_effects(partial(self._end, ending))
        if len(due) == _AT_ONCE:  # more may be due after those that cannot end yet
            self._after = (due[-1].expires_at, due[-1].id)
            return 0.0
        self._after = _FROM_THE_FIRST
        if self._ended:  # logged once for all steps of a run
            log.warning("%d messages expired before they were sent", self._ended)
            self._ended = 0
        with self._store.readers.lend() as db:
            following = messages.next_expiry(db, at.now)
        return _LOOK_S if following is None else min(_LOOK_S, (following - at.now) / SECOND)

    def _end(self, ids: list[int], db: Transaction, at: Moment, effects: Effects) -> int:
        """End these messages unless they ended meanwhile; how many ended."""
        ended = 0
        for message_id in ids:
            message = messages.by_id(db, message_id)
            if message.status == "pending" and lifecycle.has_expired(message, at):
                lifecycle.expire(db, message, at, effects)
                ended += 1
        return ended
