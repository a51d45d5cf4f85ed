"""Chooses the SIM for a message.

The SIM that the client named; else a SIM of the company; else one of the recipient's operator; else the default SIM; else
any SIM. Within each of these groups the SIM with the shortest expected wait is chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gatewayd.sims.limits import room
from gatewayd.sims.port_registry import Presence
from gatewayd.store import Transaction
from gatewayd.store.tables import queue_counts, sims

# The components of a wait, in seconds. Only their proportions matter: a GSM network takes 3 to 6 s for a part, a
# change of slot takes 10 to 40 s until the other SIM is registered, and a lost modem may take minutes.
_PART_S = 4.0
_SWITCH_S = 30.0
_DOWN_S = 120.0


@dataclass(slots=True)
class Candidate:
    """A SIM that may take messages now. `room` (None: no limit) and `wait_s` change with each message given to it."""

    id: int
    number: str
    operator: str
    company_id: int | None
    is_default: bool
    cost: float
    room: int | None
    wait_s: float

    def take(self, parts: int) -> None:
        """Count one more message with this many parts."""
        self.wait_s += parts * _PART_S
        if self.room is not None:
            self.room -= 1


class Router:
    """Chooses among the SIMs of one company and the SIMs of no company, within one transaction."""

    def __init__(self, candidates: Iterable[Candidate], company_id: int) -> None:
        self._candidates = [sim for sim in candidates if sim.company_id in (None, company_id)]
        self._own = [sim for sim in self._candidates if sim.company_id == company_id]
        self._default = [sim for sim in self._candidates if sim.is_default]
        self._operators: dict[str, list[Candidate]] = {}

    def choose(self, sim_id: int | None, operator: str) -> Candidate | None:
        """The SIM `sim_id`, or the best SIM for a recipient of this operator; None: no SIM has room."""
        if sim_id is not None:
            return _soonest([sim for sim in self._candidates if sim.id == sim_id])
        return (
            _soonest(self._own)
            or _soonest(self._of_operator(operator))
            or _soonest(self._default)
            or _soonest(self._candidates)
        )

    def _of_operator(self, operator: str) -> list[Candidate]:
        if not operator:
            return []
        found = self._operators.get(operator)
        if found is None:
            wanted = operator.casefold()
            found = [sim for sim in self._candidates if wanted in sim.operator.casefold()]
            self._operators[operator] = found
        return found


def _soonest(candidates: list[Candidate]) -> Candidate | None:
    with_room = [sim for sim in candidates if sim.room is None or sim.room > 0]
    return min(with_room, key=lambda sim: (sim.wait_s, not sim.is_default, sim.id)) if with_room else None


def candidates(
    db: Transaction,
    presence: Mapping[int, Presence],
    *,
    company_id: int,
    today: str,
    now: float,
    grace_s: float,
    rests: Mapping[int, float],
) -> list[Candidate]:
    """The SIMs that may take messages of a company now: of `usable`, those of the company and those of no company."""
    found = usable(db, presence, queue_counts.waiting(db), today=today, now=now, grace_s=grace_s, rests=rests)
    return [sim for sim in found if sim.company_id in (None, company_id)]


def usable(
    db: Transaction,
    presence: Mapping[int, Presence],
    waiting: Mapping[int, int],
    *,
    today: str,
    now: float,
    grace_s: float,
    rests: Mapping[int, float],
) -> list[Candidate]:
    """The SIMs of all companies that may take messages now: enabled, with room, up or lost for less than `grace_s`.

    `waiting`: parts by SIM id, as `queue_counts.waiting`.
    """
    found: list[Candidate] = []
    for sim in sims.enabled(db, today):
        place = presence.get(sim.id)
        if place is None or not place.counts_on(now, grace_s):
            continue
        left = room(db, sim, today)
        if left is not None and left <= 0:
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
