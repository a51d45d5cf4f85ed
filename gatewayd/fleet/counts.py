"""The length of the shared queue, as a box knows it between two looks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gatewayd.fleet.tables import Share


class QueueCounts:
    """The counts of the last look, and what this box accepted since then. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: tuple[Share, ...] = ()
        self._scheduled = 0
        self._most = 0
        self._added: Counter[int] = Counter()
        self._waits: Counter[int] = Counter()  # messages by SIM that no box had
        self._told: Counter[int] = (
            Counter()
        )  # accepted messages by SIM, which are not counted as a metric yet

    def noted(self, shares: Sequence[Share], scheduled: int, most: int) -> None:
        """The queue was counted. `most`: how many messages may wait in the fleet."""
        with self._lock:
            self._shares, self._scheduled, self._most = tuple(shares), scheduled, most
            self._added.clear()
            self._waits.clear()
            for share in self._shares:
                if share.waiting:
                    self._waits[share.sim_id] += share.messages

    def accepted(self, by_sim: Mapping[int, int], count: int, started: Iterable[int] = ()) -> None:
        """This box accepted messages: their number by SIM, and of all with those that have no SIM yet.

        `started`: the SIMs of those that it sends at once.
        """
        with self._lock:
            self._added.update(by_sim)
            self._added.subtract(started)
            self._added[0] += count - sum(by_sim.values())
            self._waits.update(by_sim)
            self._waits.subtract(started)
            self._told.update(by_sim)
            self._told[0] += count - sum(by_sim.values())

    def waiting(self) -> dict[int, int]:
        """Parts that are not sent yet, by the SIM that is planned for them."""
        with self._lock:
            found: Counter[int] = Counter()
            for share in self._shares:
                found[share.sim_id] += share.parts
            found.update({sim_id: count for sim_id, count in self._added.items() if sim_id})
            return dict(found)

    def pending(self) -> int:
        """Messages that are not final."""
        with self._lock:
            return sum(share.messages for share in self._shares) + self._scheduled + self._added.total()

    def claimed(self, by_sim: Mapping[int, int]) -> None:
        """This box claimed messages: their number by the SIM that sends them."""
        with self._lock:
            for sim_id, count in by_sim.items():
                self._waits[sim_id] = max(0, self._waits[sim_id] - count)

    def is_idle(self, sim_id: int) -> bool:
        """Whether no message waits for a SIM, as far as this box knows."""
        with self._lock:
            return not self._waits[sim_id]

    def room(self, most: int) -> int:
        """How many more messages may wait. `most`: where the fleet did not tell yet."""
        with self._lock:
            allowed = self._most or most
        return allowed - self.pending()

    def shares(self) -> tuple[Share, ...]:
        """The counts of the last look."""
        with self._lock:
            return self._shares

    def take_accepted(self) -> list[int]:
        """The SIM of each message that was accepted since the last call; 0: none yet."""
        with self._lock:
            told, self._told = self._told, Counter()
        return list(told.elements())
