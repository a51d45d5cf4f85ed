"""The SIMs of this box as its agent sees them: which can send, how quickly, and which cannot for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gatewayd.accounts import sending_windows
from gatewayd.sims.port_registry import PortRegistry, Presence
from gatewayd.store.store import Store
from gatewayd.store.tables import sims
from gatewayd.timekeeping.clock import Calendar, Clock, Moment

# Other boxes may send the messages of a SIM that cannot send for longer than this: most modems recover sooner.
HAND_ON_AFTER_S: Final = 10.0


class OwnSims:
    """The SIMs of this box. `attach` is called once, before any other method; then any thread may call them."""

    def __init__(self, store: Store, clock: Clock, calendar: Calendar) -> None:
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._port_registry = PortRegistry()
        self._part_s: Callable[[], Mapping[int, float]] = dict
        self._last_able: dict[int, float] = {}  # monotonic seconds; only the agent's thread uses it

    def attach(self, port_registry: PortRegistry, part_s: Callable[[], Mapping[int, float]]) -> None:
        """Name the ports. `part_s`: the mean seconds of a submission by SIM id."""
        self._port_registry = port_registry
        self._part_s = part_s

    def part_s(self) -> Mapping[int, float]:
        """The mean seconds of a submission by SIM id, of those that sent since the start."""
        return self._part_s()

    def ready(self) -> set[int]:
        """The SIMs that can send now as far as their modems are concerned. Reads no store."""
        rests = self._port_registry.rests(self._clock.monotonic())
        return {
            sim_id
            for sim_id, place in self._port_registry.sims().items()
            if place.registered and sim_id not in rests
        }

    def able(self) -> dict[int, Presence]:
        """The SIMs that can send now, by id. Raises StoreUnavailableError."""
        with self._store.readers.lend() as db:
            able = self.ready() - sims.disabled(db)
        return {sim_id: place for sim_id, place in self._port_registry.sims().items() if sim_id in able}

    def may_send(self, sim_id: int) -> bool:
        """Whether a SIM is here and can send, or is expected to soon. Raises StoreUnavailableError."""
        place, now = self._port_registry.sims().get(sim_id), self._clock.monotonic()
        if place is None or place.dead:
            return False
        with self._store.readers.lend() as db:
            if sim_id in sims.disabled(db):
                return False
        if self._port_registry.rests(now).get(sim_id, 0.0) > HAND_ON_AFTER_S:
            return False
        if place.registered:
            self._last_able[sim_id] = now
        return now - self._last_able.get(sim_id, place.last_up) < HAND_ON_AFTER_S

    def closed(self, at: Moment) -> frozenset[int]:
        """The companies whose bulk messages wait for their sending window. Raises StoreUnavailableError."""
        with self._store.readers.lend() as db:
            return sending_windows.closed(db, at, self._calendar)
