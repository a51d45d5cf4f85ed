"""The SIMs of all boxes: those of this box as its ports tell, those of others as their boxes told."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from gatewayd.fleet.tables import BoxState, SimPlace
from gatewayd.sims.port_registry import PortRegistry, Presence

_TAKEN_S: Final = 1.0
"""How long a port counts as taken for a message that its SIM has not sent: it may have failed."""


@dataclass(frozen=True, slots=True)
class _Beat:
    """When the beat of a box last changed, in monotonic seconds."""

    epoch: int
    beat: int
    at: float


@dataclass(frozen=True, slots=True)
class _Others:
    """The known state of other boxes. Replaced as a whole."""

    presence: Mapping[int, Presence]
    rests: Mapping[int, float]  # until, monotonic seconds
    boxes: Mapping[int, str]  # the box of each SIM, also of this one


_NONE: Final = _Others({}, {}, {})


@dataclass(frozen=True, slots=True)
class _Reservation:
    """A port was taken for a message of a SIM at this time (monotonic seconds)."""

    sim_id: int
    at: float


class FleetPresence:
    """One thread calls `noted`, any thread the other methods."""

    def __init__(self, name: str, port_registry: PortRegistry) -> None:
        self._name = name
        self._port_registry = port_registry
        self._beats: dict[str, _Beat] = {}
        self._last_up: dict[int, float] = {}
        self._others: _Others | None = None  # none were noted yet

    @property
    def is_known(self) -> bool:
        """Whether other boxes were noted. Before that a message could be refused for lack of a SIM that another box has."""
        return self._others is not None

    def noted(
        self, boxes: Sequence[BoxState], places: Sequence[SimPlace], dead_after_s: float, now: float
    ) -> None:
        """Boxes and places were read at this time (monotonic seconds).

        A box whose beat did not change for `dead_after_s` here counts as gone: messages for its SIMs are planned elsewhere.
        """
        living: set[str] = set()
        for box in boxes:
            before = self._beats.get(box.name)
            if before is None or (before.epoch, before.beat) != (box.epoch, box.beat):
                self._beats[box.name] = _Beat(box.epoch, box.beat, now)
            if box.state == "member" and box.alive and now - self._beats[box.name].at < dead_after_s:
                living.add(box.name)
        presence: dict[int, Presence] = {}
        rests: dict[int, float] = {}
        for place in places:
            if place.box == self._name:
                continue
            up = place.up and place.box in living
            if up:
                self._last_up[place.sim_id] = now
            presence[place.sim_id] = Presence(
                place.sim_id,
                place.port,
                place.slot,
                up,
                up and place.registered,
                place.active,
                place.busy,
                self._last_up.get(place.sim_id, float("-inf")),
                place.dead or place.box not in living,
                place.there,
            )
            if place.rests_s > 0:
                rests[place.sim_id] = now + place.rests_s
        self._others = _Others(presence, rests, {place.sim_id: place.box for place in places})

    def presence(self) -> dict[int, Presence]:
        """The place and state of each SIM. A SIM in a port of this box is there, whatever other boxes told."""
        others, own = self._known().presence, self._port_registry.sims()
        return {
            **own,
            **{
                sim_id: place
                for sim_id, place in others.items()
                if sim_id not in own or (place.up and not own[sim_id].there)
            },
        }

    def rests(self, now: float) -> dict[int, float]:
        """The SIMs that rest, with the remaining seconds."""
        others = {sim_id: until - now for sim_id, until in self._known().rests.items() if until > now}
        return {**others, **self._port_registry.rests(now)}

    def box_of(self, sim_id: int) -> str:
        """The name of the box in which a SIM was last seen."""
        own = self._port_registry.sims().get(sim_id)
        if own is not None and own.there:
            return self._name
        return self._known().boxes.get(sim_id, self._name)

    def own_places(self, now: float) -> list[SimPlace]:
        """The places of the SIMs of this box, as it tells them."""
        rests = self._port_registry.rests(now)
        return [
            SimPlace(
                sim_id,
                self._name,
                place.port,
                place.slot,
                place.up,
                place.registered,
                place.active,
                place.busy,
                place.dead,
                place.there,
                round(rests.get(sim_id, 0.0)),
            )
            for sim_id, place in sorted(self._port_registry.sims().items())
        ]

    def _known(self) -> _Others:
        return _NONE if self._others is None else self._others


class FreeSims:
    """The SIMs of this box whose port has nothing to do. Any thread may call it."""

    def __init__(self, port_registry: PortRegistry) -> None:
        self._port_registry = port_registry
        self._lock = threading.Lock()
        self._reserved: dict[int, _Reservation] = {}  # by port

    def reserve(self, sim_id: int) -> bool:
        """Whether a new message may be started on a SIM at once. Its port counts as taken then, until the SIM has sent a part."""
        place, now = self._port_registry.sims().get(sim_id), monotonic()
        if place is None or not place.registered or not place.active or place.busy:
            return False
        if sim_id in self._port_registry.rests(now):
            return False
        with self._lock:
            before = self._reserved.get(place.port)
            if before is not None and before.at + _TAKEN_S > now and not self._has_sent(before):
                return False
            self._reserved[place.port] = _Reservation(sim_id, now)
        return True

    def _has_sent(self, reservation: _Reservation) -> bool:
        return reservation.sim_id in self._port_registry.sent_since(reservation.at)
