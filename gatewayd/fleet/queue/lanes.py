"""The memory of a claiming box: from where it reads each lane of the queue, and whose turn it is.

What was claimed leaves dead entries at the beginning of a lane until PostgreSQL removes them, which takes long while any reader is
open. So a box remembers up to which id it claimed in each lane. Ids are not committed in their order: only what was claimed some
time ago is passed over, and each minute everything is read again. What waits again after a claim has an index of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

Lane = tuple[int, int, int, int, int]
"""Planned SIM, pinned, priority, company, transactional."""

_SETTLED_S: Final = 10.0
"""An accepting transaction is certainly over so long after it drew its ids: the time limits of the connections see to this."""

_FULL_LOOK_S: Final = 60.0


@dataclass(slots=True)
class _Place:
    reads_from: int = 0  # ids above this
    claimed: int = 0  # the highest at the last turn
    newest: int = 0


class Lanes:
    """Where each lane of the queue begins, and which company was served last. One thread uses it. `monotonic`: its clock."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._places: dict[Lane, _Place] = {}
        self._served: dict[tuple[int, int], int] = {}
        self._turned = self._cleared = monotonic()

    def forget(self) -> None:
        """Forget the places, after a claim that was not committed, or whose answer was lost."""
        self._places.clear()
        self._turned = self._cleared = self._monotonic()

    def pass_time(self) -> None:
        """Before a claim: pass over what was claimed some time ago; from time to time begin anew."""
        now = self._monotonic()
        if now - self._cleared >= _FULL_LOOK_S:
            self.forget()
        elif now - self._turned >= _SETTLED_S:
            self._turned = now
            for place in self._places.values():
                place.reads_from, place.claimed = place.claimed, place.newest

    def known(self, sim_ids: Iterable[int]) -> list[tuple[Lane, int]]:
        """The lanes of these SIMs that are known, in order, with the id above which each is read."""
        wanted = set(sim_ids)
        return sorted((lane, place.reads_from) for lane, place in self._places.items() if lane[0] in wanted)

    def claimed(self, lane: Lane, message_id: int) -> None:
        """A message of a lane was claimed, and all before it were claimed or may not be."""
        place = self._places.setdefault(lane, _Place())
        place.newest = max(place.newest, message_id)

    def served_last(self, sim_id: int, priority: int) -> int:
        """The company that was served last at a SIM; -1: none was."""
        return self._served.get((sim_id, priority), -1)

    def served(self, sim_ids: Iterable[int]) -> list[tuple[int, int, int]]:
        """The company that was served last at each of these SIMs, by priority: SIM, priority, company."""
        wanted = set(sim_ids)
        return [(*key, company_id) for key, company_id in self._served.items() if key[0] in wanted]

    def serve(self, sim_id: int, priority: int, company_id: int) -> None:
        """Note whose message a SIM took."""
        self._served[sim_id, priority] = company_id
