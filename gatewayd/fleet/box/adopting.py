"""Adopts the messages that this box accepted as started: they need no claim."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, SimpleQueue

from gatewayd.fleet.box.epoch import Epoch, JoinAnewError
from gatewayd.fleet.box.taking import Taking
from gatewayd.sending.acceptance import StartedHere


class Adopting:
    """The messages that were accepted as started. The agent's thread calls `adopt`; any may call the others."""

    def __init__(self, taking: Taking) -> None:
        self._taking = taking
        self._accepted: SimpleQueue[StartedHere | None] = SimpleQueue()  # None: an answer was lost

    def accept(self, started: Sequence[StartedHere]) -> None:
        """Have messages adopted that were accepted as started by this box, after the commit."""
        for one in started:
            self._accepted.put(one)

    def lose_answer(self) -> None:
        """An acceptance as started was not answered: only a new epoch can tell what became of it."""
        self._accepted.put(None)

    def adopt(self, epoch: Epoch) -> None:
        """Adopt what was accepted under this epoch, but for what a comparison started: that is in the journal already.

        Raises StoreUnavailableError, and JoinAnewError where an answer was lost.
        """
        found = self._take_accepted(epoch)
        if not found:
            return
        sims = {one.message_id: one.sim_id for one in found.values()}
        rows = {one.message_id: one.row for one in found.values()}
        self._taking.adopt(epoch.box, sims, rows)

    def _take_accepted(self, epoch: Epoch) -> dict[int, StartedHere]:
        found: dict[int, StartedHere] = {}
        try:
            while True:
                one = self._accepted.get_nowait()
                if one is None:
                    raise JoinAnewError
                if one.epoch == epoch.box.epoch and one.message_id not in epoch.by_comparison:
                    found[one.message_id] = one
        except Empty:
            return found
