"""Chooses the SIM for a message.

The SIM that the client named; else a SIM of the company; else one of the recipient's operator; else the default SIM; else
any SIM. Among the SIMs of the company too those of the recipient's operator come first. Within each of these groups the SIM
with the shortest expected wait is chosen. Where numbers are portable, the operator of a prefix is not certain: then a SIM of
that operator comes first only if it can send as soon as the others, within the time of one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatewayd.sims.limits import Room, room
from gatewayd.sims.port_registry import Presence
from gatewayd.store import Transaction
from gatewayd.store.tables import queue_counts, sims
from gatewayd.timekeeping.clock import Moment

# The components of a wait, in seconds. Only their proportions matter: a GSM network takes 3 to 6 s for a part, a
# change of slot takes 10 to 40 s until the other SIM is registered, and a lost modem may take minutes.
_PART_S = 4.0
_SWITCH_S = 30.0
_DOWN_S = 120.0


@dataclass(slots=True)
class Candidate:
    """A SIM that may take messages now. `room` and `wait_s` change with each message given to it."""

    id: int
    number: str
    operator: str
    company_id: int | None
    is_default: bool
    cost: float
    room: Room
    wait_s: float

    def take(self, recipient: str, parts: int) -> None:
        """Count one more message."""
        self.wait_s += parts * _PART_S
        self.room.take(recipient, parts)


class Router:
    """Chooses among the SIMs of one company and the SIMs of no company, within one transaction.

    `portable`: a number may have moved to another operator than the one of its prefix.
    """

    def __init__(self, candidates: Iterable[Candidate], company_id: int, *, portable: bool) -> None:
        self._candidates = [sim for sim in candidates if sim.company_id in (None, company_id)]
        self._own = [sim for sim in self._candidates if sim.company_id == company_id]
        self._default = [sim for sim in self._candidates if sim.is_default]
        self._portable = portable
        self._on_net_of: dict[str, tuple[list[Candidate], list[Candidate]]] = {}

    def choose(self, sim_id: int | None, operator: str, recipient: str, parts: int) -> Candidate | None:
        """The SIM `sim_id`, or the best SIM for a recipient of this operator; None: no SIM may take the message."""
        if sim_id is not None:
            return _soonest([sim for sim in self._candidates if sim.id == sim_id], recipient, parts)
        own_on_net, on_net = self._of_operator(operator)
        return (
            self._on_net(own_on_net, self._own, recipient, parts)
            or _soonest(self._own, recipient, parts)
            or self._on_net(on_net, self._candidates, recipient, parts)
            or _soonest(self._default, recipient, parts)
            or _soonest(self._candidates, recipient, parts)
        )

    def _on_net(
        self, on_net: list[Candidate], among: list[Candidate], recipient: str, parts: int
    ) -> Candidate | None:
        """The best SIM of the recipient's operator; None: there is none, or its prefix is no reason to wait for it."""
        found = _soonest(on_net, recipient, parts)
        if found is None or not self._portable:
            return found
        first = _soonest(among, recipient, parts)
        return found if first is None or found.wait_s <= first.wait_s + _PART_S else None

    def _of_operator(self, operator: str) -> tuple[list[Candidate], list[Candidate]]:
        """The SIMs of an operator: those of the company, and all."""
        if not operator:
            return [], []
        found = self._on_net_of.get(operator)
        if found is None:
            wanted = operator.casefold()
            same = [sim for sim in self._candidates if wanted in sim.operator.casefold()]
            found = [sim for sim in same if sim.company_id is not None], same
            self._on_net_of[operator] = found
        return found


def _soonest(candidates: list[Candidate], recipient: str, parts: int) -> Candidate | None:
    best = min(candidates, key=_rank, default=None)
    if best is None or best.room.admits(recipient, parts):
        return best
    return min((sim for sim in candidates if sim.room.admits(recipient, parts)), key=_rank, default=None)


def _rank(sim: Candidate) -> tuple[float, bool, int]:
    return (sim.wait_s, not sim.is_default, sim.id)


def candidates(
    db: Transaction,
    presence: Mapping[int, Presence],
    *,
    company_id: int,
    at: Moment,
    now: float,
    grace_s: float,
    rests: Mapping[int, float],
) -> list[Candidate]:
    """The SIMs that may take messages of a company now: of `usable`, those of the company and those of no company."""
    found = usable(db, presence, queue_counts.waiting(db), at=at, now=now, grace_s=grace_s, rests=rests)
    return [sim for sim in found if sim.company_id in (None, company_id)]


def usable(
    db: Transaction,
    presence: Mapping[int, Presence],
    waiting: Mapping[int, int],
    *,
    at: Moment,
    now: float,
    grace_s: float,
    rests: Mapping[int, float],
) -> list[Candidate]:
    """The SIMs of all companies that may take messages now: enabled, with room, up or lost for less than `grace_s`.

    `waiting`: parts by SIM id, as `Acceptance.waiting`.
    """
    found: list[Candidate] = []
    for sim in sims.enabled(db):
        place = presence.get(sim.id)
        if place is None or not place.counts_on(now, grace_s):
            continue
        left = room(db, sim, at)
        if left.used_up:
            continue
        found.append(
            Candidate(
                sim.id,
                sim.shown_number,
                sim.shown_operator,
                sim.company_id,
                bool(sim.is_default),
                sim.cost,
                left,
                _expected_wait(waiting.get(sim.id, 0), place) + rests.get(sim.id, 0.0),
            )
        )
    return found


def _expected_wait(parts: int, place: Presence) -> float:
    wait = (parts + place.busy) * _PART_S
    if not place.registered:
        return wait + _DOWN_S
    return wait if place.active else wait + _SWITCH_S
