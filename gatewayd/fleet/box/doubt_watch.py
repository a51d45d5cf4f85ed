"""Counts how long messages are in doubt, on the clock of the box that decides them."""

from __future__ import annotations

from collections.abc import Iterable

from gatewayd.fleet.queue.names import Doubt


class DoubtWatch:
    """The doubts that this box may decide. One thread uses it."""

    def __init__(self) -> None:
        self._since: dict[Doubt, float] = {}

    def due(self, doubts: Iterable[Doubt], wait_s: float, now: float) -> list[Doubt]:
        """Those of the open doubts that have stayed the same for `wait_s`. `now`: of a clock that never jumps."""
        self._since = {doubt: self._since.get(doubt, now) for doubt in doubts}
        return [doubt for doubt, since in self._since.items() if now - since >= wait_s]
