"""The last status of every port, and from it the place and state of each SIM.

Port threads publish a frozen `PortStatus`; other threads read. The registry is in memory only: after a restart each SIM of
the store is expected in the port where it was last seen, for the grace period.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from modem.driver.sim import SimState
from modem.port.status import PortState, PortStatus, SlotStatus

# States that do not end without a person: such a SIM has no grace period.
_DEAD = frozenset(
    {
        SimState.PIN_REQUIRED,
        SimState.PIN_REFUSED,
        SimState.PUK_REQUIRED,
        SimState.MODEM_LOCKED,
        SimState.ABSENT,
        SimState.FAILURE,
    }
)

# The changes of a port that are kept in memory: a modem in trouble makes a few in a minute. They are not written to the disk,
# which may be an SD card; the events `port.down` and `port.up` are.
_CHANGES_KEPT = 100

# In these states another sentence is no change of the state: the signal is weak, or another step of the start.
_ONE_EACH = frozenset({PortState.UP, PortState.STARTING})


@dataclass(frozen=True, slots=True)
class Presence:
    """The place and state of one SIM, from the last status of its port."""

    sim_id: int
    port: int
    slot: int
    up: bool  # its modem answers, and the SIM is unlocked
    registered: bool  # up, and its network accepts messages
    active: bool  # the modem uses its slot
    busy: bool  # active, and a submission is in progress on its port
    last_up: float  # monotonic seconds; of a SIM not seen since the start: the start
    dead: bool = False  # PIN, PUK, no SIM, SIM failure, or its port is paused
    there: bool = False  # by the last status of its port the SIM is in it, in any state

    def listed(self, now: float, grace_s: float) -> bool:
        """Whether it is listed: in a port, or up less than `grace_s` ago. `now`: monotonic seconds."""
        return self.there or now - self.last_up < grace_s

    def counts_on(self, now: float, grace_s: float) -> bool:
        """Whether messages are accepted for it: up, or lost for less than `grace_s`. `now`: monotonic seconds."""
        return self.up or (not self.dead and now - self.last_up < grace_s)


@dataclass(frozen=True, slots=True)
class PortChange:
    """A change of a port's state: a loss, a recovery, a restart, a pause."""

    at: float  # monotonic seconds
    state: PortState
    detail: str  # the reason, as one sentence


class PortRegistry:
    """The present state of ports and SIMs. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ports: dict[int, PortStatus] = {}
        self._sims: dict[int, Presence] = {}
        self._rests: dict[int, float] = {}
        self._sent: dict[int, float] = {}  # when each SIM last sent a part (monotonic seconds)
        self._suspected: set[int] = set()
        self._changes: dict[int, deque[PortChange]] = {}
        self._followers: list[Callable[[], None]] = []

    def follow(self, told: Callable[[], None]) -> None:
        """Call `told` after each change of whether, or where, a SIM can send. It must return quickly, and not fail."""
        self._followers.append(told)

    def expect(self, sims: Iterable[tuple[int, int, int]], now: float) -> None:
        """At the start: SIMs (id, port, slot) of the store that may come up soon."""
        with self._lock:
            for sim_id, port, slot in sims:
                self._sims[sim_id] = Presence(sim_id, port, slot, False, False, False, False, now)

    def publish(self, status: PortStatus, sim_ids: Mapping[str, int], now: float) -> bool:
        """Record the status of a port. `sim_ids`: the ids of its SIMs by ICCID.

        True where a SIM went down, or needs a person to come up.
        """
        with self._lock:
            self._note_change(status, now)
            self._ports[status.port] = status
            reported = {
                sim_ids[slot.iccid]: _presence(status, slot, sim_ids[slot.iccid], now)
                for slot in status.slots
                if slot.iccid in sim_ids
            }
            gone = changed = False
            for sim_id, presence in list(self._sims.items()):
                if sim_id not in reported and presence.port == status.port:
                    slot = status.slots[presence.slot - 1] if presence.slot <= len(status.slots) else None
                    lost = replace(presence, up=False, registered=False, active=False, busy=False)
                    paused = status.state is PortState.PAUSED
                    lost = replace(lost, dead=paused or slot is None or slot.sim in _DEAD)
                    # A locked SIM does not always report its ICCID: it counts as the SIM that was there.
                    reported[sim_id] = replace(
                        lost, there=slot is not None and not slot.iccid and _there(status, slot)
                    )
            for sim_id, presence in reported.items():
                before = self._sims.get(sim_id)
                changed = changed or before is None or _place(before) != _place(presence)
                if before is not None:
                    gone = gone or (before.up and not presence.up) or (presence.dead and not before.dead)
                if not presence.up and before is not None:
                    lost_at = now if before.up else before.last_up
                    self._sims[sim_id] = replace(presence, last_up=lost_at)
                else:
                    self._sims[sim_id] = presence
        if changed:
            for told in self._followers:
                told()
        return gone

    def forget(self, port: int) -> None:
        """A port was removed: its SIMs are in no port of this gateway."""
        with self._lock:
            self._ports.pop(port, None)
            self._changes.pop(port, None)
            for sim_id in [sim_id for sim_id, place in self._sims.items() if place.port == port]:
                del self._sims[sim_id]

    def changes(self, port: int) -> list[PortChange]:
        """The last changes of a port's state since the start, oldest first."""
        with self._lock:
            return list(self._changes.get(port, ()))

    def rest(self, sim_id: int, until: float) -> None:
        """A SIM claims no parts until this time (monotonic seconds)."""
        with self._lock:
            self._rests[sim_id] = until

    def rests(self, now: float) -> dict[int, float]:
        """The SIMs that rest, with the remaining seconds."""
        with self._lock:
            return {sim_id: until - now for sim_id, until in self._rests.items() if until > now}

    def sent(self, sim_id: int, at: float) -> None:
        """The network took a part from a SIM at this time (monotonic seconds)."""
        with self._lock:
            self._sent[sim_id] = at

    def sent_since(self, moment: float) -> set[int]:
        """The SIMs that sent a part at a time (monotonic seconds) or later."""
        with self._lock:
            return {sim_id for sim_id, at in self._sent.items() if at >= moment}

    def suspect(self, *sim_ids: int) -> None:
        """SIMs are suspected of being blocked by their operators."""
        with self._lock:
            self._suspected.update(sim_ids)

    def is_suspected(self, sim_id: int) -> bool:
        """Whether a SIM is suspected of being blocked."""
        with self._lock:
            return sim_id in self._suspected

    def clear(self, sim_id: int) -> None:
        """A SIM is not suspected any more, and need not rest."""
        with self._lock:
            self._suspected.discard(sim_id)
            self._rests.pop(sim_id, None)

    def _note_change(self, status: PortStatus, now: float) -> None:
        """Note a change of a port's state; a change of slot is none."""
        before = self._ports.get(status.port)
        noted = self._changes.setdefault(status.port, deque(maxlen=_CHANGES_KEPT))
        if before is not None and (before.state, before.detail) == (status.state, status.detail):
            return
        starts_after_up = (
            status.state is PortState.STARTING and bool(noted) and noted[-1].state is PortState.UP
        )
        if starts_after_up and len(status.slots) > 1:
            return  # it turns to another slot, which a busy port does every minute
        if noted and noted[-1].state is status.state and status.state in _ONE_EACH:
            return
        noted.append(PortChange(now, status.state, status.detail))

    def ports(self) -> dict[int, PortStatus]:
        """The last status of each port."""
        with self._lock:
            return dict(self._ports)

    def sims(self) -> dict[int, Presence]:
        """The place and state of each SIM, by its id."""
        with self._lock:
            return dict(self._sims)


def _presence(status: PortStatus, slot: SlotStatus, sim_id: int, now: float) -> Presence:
    up = status.state is PortState.UP and slot.sim is SimState.READY
    active = slot.slot == status.active_slot
    registered = up and slot.registration.carries_sms
    return Presence(
        sim_id,
        status.port,
        slot.slot,
        up,
        registered,
        active,
        status.busy and active,
        now,
        slot.sim in _DEAD or status.state is PortState.PAUSED,
        _there(status, slot),
    )


def _place(presence: Presence) -> Presence:
    """The place and state of a SIM without what changes with each message."""
    return replace(presence, busy=False, last_up=0.0)


def _there(status: PortStatus, slot: SlotStatus) -> bool:
    gone = status.state in (PortState.ABSENT, PortState.PAUSED)
    return not gone and slot.sim not in (SimState.ABSENT, SimState.UNKNOWN)
