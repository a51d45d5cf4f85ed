"""Reads events in their order, and waits for new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep

from gatewayd.errors import storage_errors
from gatewayd.events.cursor import Cursor
from gatewayd.events.signal import EventSignal
from gatewayd.records import Audience, EventRecord, EventType
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.tables import event_eras, events

# Events that one read looks at: a read transaction must be short (see `store/tables/pagination.py`).
_WINDOW = 10_000

# Events that one request looks at: an audience with few events of its own must not hold a thread for long.
_LOOKS_AT = 20 * _WINDOW

# Up to this many new events are read beside sends, on connections that never wait for a long list.
_FEW = 500

# How often a waiting request looks whether its client has disconnected.
_LOOK_S = 0.5

# The pause after a wake-up by events of others: at most so many reads a second for each waiting request.
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, oldest first. `reset`: the cursor was not valid, so they begin with the oldest; `more`: ask again at once."""

    events: list[EventRecord]
    next_cursor: Cursor
    reset: bool
    more: bool


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A request for events behind a cursor (None: from the oldest). `types` None: all."""

    after: Cursor | None = None
    types: frozenset[EventType] | None = None
    limit: int = 50


class EventReader:
    """Reads events. Any thread may call any method."""

    def __init__(self, store: AnyStore, signal: EventSignal) -> None:
        self._store = store
        self._signal = signal

    def read(self, audience: Audience, query: EventQuery) -> EventPage:
        """The next events, without waiting. Raises StorageUnavailableError."""
        with storage_errors():
            place, reset = self._place(query.after)
            return self._page(audience, query, place, reset=reset)

    def wait(
        self, audience: Audience, query: EventQuery, wait_s: float, gone: Callable[[], bool]
    ) -> EventPage:
        """As `read`, but wait up to `wait_s` for an event. `gone`: whether the client has disconnected."""
        deadline = monotonic() + wait_s
        with storage_errors():
            place, reset = self._place(query.after)
            woken = False
            while True:
                seen = self._signal.commits
                page = self._page(audience, query, place, reset=reset)
                if page.events or page.reset or page.more:
                    return page
                place = page.next_cursor.number
                if woken:  # the new events were for others
                    sleep(_PAUSE_S)
                if not self._wakes(seen, deadline, gone):
                    return page
                woken = True

    def _wakes(self, seen: int, deadline: float, gone: Callable[[], bool]) -> bool:
        """Wait for events of any audience. False: the wait is over."""
        while (left := deadline - monotonic()) > 0 and not self._signal.closed and not gone():
            if self._signal.wait(seen, min(left, _LOOK_S)):
                return True
        return False

    def _place(self, after: Cursor | None) -> tuple[int, bool]:
        """The number of the event behind which reading goes on, and whether the cursor was not valid."""
        with self._store.readers.lend() as db:
            oldest = events.oldest_id(db)
            if after is None:
                return oldest - 1, False
            if after.misses_nothing(event_eras.read(db), oldest, events.last_id(db)):
                return after.number, False
            return oldest - 1, True

    def _page(self, audience: Audience, query: EventQuery, place: int, *, reset: bool) -> EventPage:
        with self._store.readers.lend() as db:
            eras, newest = event_eras.read(db), events.last_id(db)
        readers = self._store.readers if newest - place <= _FEW else self._store.lists
        found: list[EventRecord] = []
        looked_at = 0
        while place < newest and len(found) < query.limit and looked_at < _LOOKS_AT:
            with readers.lend() as db:
                until = min(newest, place + _WINDOW)
                some, reached = events.after(
                    db, audience, place, until, query.types, query.limit - len(found)
                )
            found += some
            looked_at += reached - place
            place = reached
        return EventPage(found, Cursor.at(eras, place), reset=reset, more=place < newest)
