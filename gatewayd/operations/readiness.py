"""Whether the gateway would accept a message now."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gatewayd.operations.commit_probe import CommitProbe
from gatewayd.sending import routing
from gatewayd.sims.port_registry import Presence
from gatewayd.store.engine.disk import State
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.interfaces import AnyStore
from gatewayd.store.store import Store
from gatewayd.timekeeping.clock import Clock, Moment


class Readiness:
    """Checks the store and the SIMs. Any thread may ask."""

    def __init__(
        self,
        store: Store,
        shared: AnyStore,
        clock: Clock,
        moment: Callable[[], Moment],
        presence: Callable[[], Mapping[int, Presence]],
        commit_probe: CommitProbe,
        grace_s: float,
    ) -> None:
        """`shared`: where messages are kept; `presence`: the SIMs that may take them."""
        self._store = store
        self._shared = shared
        self._clock = clock
        self._moment = moment
        self._presence = presence
        self._commit_probe = commit_probe
        self._grace_s = grace_s

    def ready(self) -> bool:
        """Whether the store takes commits and can be read, and a SIM could be chosen now."""
        if self._store.condition.state is not State.OK or not self._commit_probe.commits():
            return False
        try:
            with self._shared.readers.lend() as db:
                found = routing.usable(
                    db,
                    self._presence(),
                    {},
                    at=self._moment(),
                    now=self._clock.monotonic(),
                    grace_s=self._grace_s,
                    rests={},
                )
        except StoreUnavailableError:
            return False
        return any(sim.room.is_open for sim in found)
