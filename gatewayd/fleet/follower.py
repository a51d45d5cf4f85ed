"""A thread that follows what other boxes do: results that clients wait for, events, places of SIMs, the length of the queue."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from gatewayd.fleet import tables
from gatewayd.fleet.tables import BoxState, Share, SimPlace
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore

log = logging.getLogger(__name__)

_LOOK_S: Final = 2.0

# The pause between two looks after calls: each costs some statements.
_PAUSE_S: Final = 0.02

# The queue is counted again after so many times the time that it took to count it: with a million messages that is slow.
_COUNTS_APART: Final = 30

_AFTER_A_FAULT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class News:
    """The findings of one look. `shares` None: the queue was not counted."""

    ended: list[str]  # sms_ids that are waited for and are not pending any more
    newest_event: int
    copies: dict[str, int]
    boxes: Sequence[BoxState]
    places: Sequence[SimPlace]
    shares: Sequence[Share] | None
    scheduled: int
    most_pending: int


@dataclass(slots=True)
class _Counting:
    """When the queue is counted next, in monotonic seconds."""

    at: float = 0.0
    look_s: float = field(default=_LOOK_S)


class Follower:
    """Looks every 2 s, and soon after `call`. `told` takes the news; `afterwards` runs after each look, also where none was possible.

    Both run on its thread. An error of the data is no end: the next look comes.
    """

    def __init__(
        self,
        data: AnyStore,
        waited_for: Callable[[], list[str]],
        told: Callable[[News], None],
        afterwards: Callable[[bool], None],
    ) -> None:
        self._data = data
        self._waited_for = waited_for
        self._told = told
        self._afterwards = afterwards
        self._called = threading.Event()
        self._pause = threading.Event()  # set by `stop`
        self._probes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = False
        self._counting = _Counting()
        self._thread = threading.Thread(target=self._run, name="fleet-follower", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Stop within `timeout_s`."""
        self._stopping = True
        self._pause.set()
        self._called.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def call(self) -> None:
        """Look soon: something has changed. Any thread may call it."""
        self._called.set()

    def probe(self, answered: Callable[[], None]) -> None:
        """Have the thread call `answered` after its present look."""
        self._probes.put(answered)
        self._called.set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping:
            began = monotonic()
            while not self._probes.empty():
                self._probes.get()()
            try:
                found = self._look()
            except StoreUnavailableError as error:
                log.debug("the fleet cannot be followed now: %s", error)
                found = False
            except Exception:
                log.exception("following the fleet met an unexpected error; it goes on")
                self._called.wait(_AFTER_A_FAULT_S)
                continue
            try:
                self._afterwards(found)
            except StoreUnavailableError as error:
                log.debug("the fleet cannot be told now: %s", error)
            except Exception:
                log.exception("telling the fleet met an unexpected error; it goes on")
            if not self._called.wait(max(0.0, began + self._counting.look_s - monotonic())):
                continue
            self._called.clear()
            self._pause.wait(_PAUSE_S)

    def _look(self) -> bool:
        waited_for = self._waited_for()
        counts = monotonic() >= self._counting.at
        # Never the copy of this box, which a reader may get while PostgreSQL is away.
        news, took_s, look_s = self._data.write(lambda db: _news(db, waited_for, counts))
        if counts:
            self._counting.at = monotonic() + max(look_s, took_s * _COUNTS_APART)
        self._counting.look_s = look_s
        self._told(news)
        return True


def _news(db: Transaction, waited_for: list[str], counts: bool) -> tuple[News, float, float]:
    most_pending, look_s = tables.most_pending(db)
    began = monotonic()
    shares = tables.shares(db) if counts else None
    scheduled = tables.scheduled(db) if counts else 0
    took_s = monotonic() - began
    news = News(
        tables.ended(db, waited_for) if waited_for else [],
        tables.newest_event(db),
        tables.copy_versions(db),
        tables.boxes(db),
        tables.places(db),
        shares,
        scheduled,
        most_pending,
    )
    return news, took_s, look_s
