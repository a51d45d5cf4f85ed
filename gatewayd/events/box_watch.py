"""Writes the events of the box: ports that go down and come up, the state of the disk, a clock that is not trusted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gatewayd.operations.metrics_snapshot import free_bytes
from gatewayd.records import EventType
from gatewayd.sims.port_registry import PortRegistry
from gatewayd.store import Transaction
from gatewayd.store.engine.disk import LITTLE_BYTES, State
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import events
from gatewayd.timekeeping.clock import Clock, Moment
from gatewayd.timekeeping.timers import Timers
from modem.port.status import PortState

log = logging.getLogger(__name__)

# The time between two looks at ports, disk and clock.
_LOOK_S = 5.0

# The disk has little room below `LITTLE_BYTES`, and enough again above this: in between the state does not change.
_ENOUGH_BYTES = LITTLE_BYTES * 5 // 4

# Changes of the disk's state that are kept in memory while nothing can be written.
_CHANGES_KEPT = 20

LITTLE = "little_space"
"""The state of a disk that works and is nearly full; the other states are those of `State`."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A state to tell. `type`: of its event; None: the change is no event. `usual`: the state before the first event."""

    subject: str
    state: str
    usual: str
    type: EventType | None
    data: Mapping[str, object]
    at: int | None = None  # microseconds since the epoch; None: now


class BoxWatch:
    """Looks regularly, on the timers' thread. A port or clock counts as down after `grace_s`, as for the health checks."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        moment: Callable[[], Moment],
        port_registry: PortRegistry,
        timers: Timers,
        grace_s: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._moment = moment
        self._port_registry = port_registry
        self._timers = timers
        self._grace_s = grace_s
        self._down_since: dict[str, float] = {}  # monotonic seconds, by subject
        self._known: dict[str, str] = {}  # the state that was told last, or need not be told
        self._disk_state = ""  # that of the last look
        self._disk_changes: list[_Told] = []

    def start(self) -> None:
        """Look regularly from now on."""
        self._timers.after(_LOOK_S, self._look_again)

    def look(self) -> None:
        """Look now, and write the events of what has changed. Raises StoreUnavailableError."""
        self._look_at_disk()
        if self._store.condition.state not in (State.OK, State.SPARING):
            return  # the timers must not wait for a disk that fails
        found = [*self._ports(), *self._clock_state()]
        new = [each for each in found if self._known.get(each.subject) != each.state]
        if new or self._disk_changes:
            self._store.write(lambda db: _write(db, [*new, *self._disk_changes], self._moment().now))
            self._known |= {each.subject: each.state for each in new}
            self._disk_changes.clear()

    def _look_again(self) -> None:
        try:
            self.look()
        except StoreUnavailableError as error:
            log.debug("the events of the box cannot be written now: %s", error)
        self._timers.after(_LOOK_S, self._look_again)

    def _ports(self) -> Iterator[_Told]:
        for status in self._port_registry.ports().values():
            subject = f"port:{status.port}"
            if status.state is PortState.PAUSED:  # as an operator wanted
                self._down_since.pop(subject, None)
                continue
            down = self._is_down(subject, works=status.state is PortState.UP)
            if down is None:
                continue
            data = {
                "port": status.port,
                "device": status.device,
                "state": status.state.value,
                "detail": status.detail,
            }
            type_ = EventType.PORT_DOWN if down else EventType.PORT_UP
            yield _Told(subject, "down" if down else "up", "up", type_, data)

    def _clock_state(self) -> Iterator[_Told]:
        status = self._clock.status()
        down = self._is_down("clock", works=status.trusted)
        if down is not None:
            type_ = EventType.CLOCK_UNTRUSTED if down else None
            state = "untrusted" if down else "trusted"
            yield _Told("clock", state, "trusted", type_, {"trusted": False, "detail": status.detail})

    def _is_down(self, subject: str, *, works: bool) -> bool | None:
        """Whether something is down; None: for less than the grace period."""
        now = self._clock.monotonic()
        if works:
            self._down_since.pop(subject, None)
            return False
        return True if now - self._down_since.setdefault(subject, now) >= self._grace_s else None

    def _look_at_disk(self) -> None:
        condition, free = self._store.condition, free_bytes(self._store.path.parent)
        state = condition.state.value
        enough = _ENOUGH_BYTES if self._disk_state == LITTLE else LITTLE_BYTES
        if condition.state is State.OK and free < enough:
            state = LITTLE
        if state != self._disk_state:
            self._disk_state = state
            data = {"state": state, "free_bytes": free, "detail": condition.detail}
            change = _Told("disk", state, State.OK.value, EventType.DISK_STATE, data, self._moment().now)
            self._disk_changes = [*self._disk_changes, change][-_CHANGES_KEPT:]


def _write(db: Transaction, told: list[_Told], now: int) -> None:
    for each in told:
        before = events.told_state(db, each.subject) or each.usual
        if before == each.state:
            continue
        events.state_changed(db, each.subject, each.state)
        if each.type is not None:
            events.write(db, each.type, None, each.at or now, data=each.data)
