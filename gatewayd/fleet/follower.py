"""A thread that follows what other boxes do: results that clients wait for, events, places of SIMs, the length of the queue."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from gatewayd.fleet import tables
from gatewayd.fleet.queue import boxes
from gatewayd.fleet.queue.names import FleetRow
from gatewayd.fleet.tables import BoxState, Share, SimPlace
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore

log = logging.getLogger(__name__)

_LOOK_S: Final = 2.0

# The pause between two looks after notices: each costs some statements.
_PAUSE_S: Final = 0.02

# The queue is counted again after so many times the time that it took to count it: with a million messages that is slow.
_COUNTS_APART: Final = 30

_AFTER_A_FAULT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of the fleet. `shares` None: the queue was not counted."""

    boxes: Sequence[BoxState]
    places: Sequence[SimPlace]
    shares: Sequence[Share] | None
    scheduled: int
    fleet: FleetRow


@dataclass(frozen=True, slots=True)
class News:
    """The findings of one look. `overview` None: a notice called for it, and the last overview is still good."""

    ended: list[str]  # sms_ids that are waited for and are not pending any more
    newest_event: int
    copies: dict[str, int]
    overview: Overview | None


@dataclass(slots=True)
class _Plan:
    """When the next overview is due, and when the queue is counted next, in monotonic seconds."""

    overview_at: float = 0.0
    count_at: float = 0.0


class Follower:
    """Looks every 2 s, and soon after a notice or a change of this box, both on its thread.

    `told` takes the news. `afterwards` runs after each overview, and, with False, where a look was not possible. An error of the
    data is no end: the next look comes.
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
        self._plan = _Plan()
        self._changed = threading.Event()  # at this box
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

    def notice(self) -> None:
        """Another box told that something has changed. Any thread may call it."""
        self._called.set()

    def changed(self) -> None:
        """Something that other boxes should know has changed at this one. Any thread may call it."""
        self._changed.set()
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
            while not self._probes.empty():
                self._probes.get()()
            whole = monotonic() >= self._plan.overview_at or self._changed.is_set()
            self._changed.clear()
            found = True
            try:
                self._look(whole)
            except StoreUnavailableError as error:
                log.debug("the fleet cannot be followed now: %s", error)
                found = False
                self._plan.overview_at = monotonic() + _LOOK_S
            except Exception:
                log.exception("following the fleet met an unexpected error; it goes on")
                self._called.wait(_AFTER_A_FAULT_S)
                continue
            try:
                if whole or not found:
                    self._afterwards(found)
            except StoreUnavailableError as error:
                log.debug("the fleet cannot be told now: %s", error)
            except Exception:
                log.exception("telling the fleet met an unexpected error; it goes on")
            if not self._called.wait(max(0.0, self._plan.overview_at - monotonic())):
                continue
            self._called.clear()
            self._pause.wait(_PAUSE_S)

    def _look(self, whole: bool) -> None:
        waited_for = self._waited_for()
        began = monotonic()
        counts = whole and began >= self._plan.count_at
        # Never the copy of this box, which a reader may get while PostgreSQL is away.
        news, took_s = self._data.write(lambda db: _news(db, waited_for, whole, counts))
        if news.overview is not None:
            look_s = news.overview.fleet.look_s
            self._plan.overview_at = began + look_s
            if counts:
                self._plan.count_at = began + max(look_s, took_s * _COUNTS_APART)
        self._told(news)


def _news(db: Transaction, waited_for: list[str], whole: bool, counts: bool) -> tuple[News, float]:
    """The news, and the seconds that it took to count the queue."""
    overview, took_s = _overview(db, counts) if whole else (None, 0.0)
    ended = tables.ended(db, waited_for) if waited_for else []
    return News(ended, tables.newest_event(db), tables.copy_versions(db), overview), took_s


def _overview(db: Transaction, counts: bool) -> tuple[Overview, float]:
    began = monotonic()
    shares = tables.shares(db) if counts else None
    scheduled = tables.scheduled(db) if counts else 0
    took_s = monotonic() - began
    return Overview(tables.boxes(db), tables.places(db), shares, scheduled, boxes.fleet(db)), took_s
