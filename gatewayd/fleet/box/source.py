"""Gives messages of the fleet back that a SIM of this box cannot send."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from queue import Empty, SimpleQueue

from gatewayd.fleet.box.own_sims import OwnSims
from gatewayd.fleet.queue.names import STARTED, ListedRow
from gatewayd.messages.effects import Effects
from gatewayd.store import Transaction
from gatewayd.store.tables import shared_messages, sims
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Moment


class SharedSource:
    """The queue of the fleet as sending sees it (see `MessageSource`). Any thread may call any method."""

    def __init__(self, own_sims: OwnSims, wake: Callable[[], None]) -> None:
        """`wake`: called when a message was given back."""
        self._own_sims = own_sims
        self._wake = wake
        self._elsewhere: frozenset[int] = frozenset()
        self._given_back: SimpleQueue[ListedRow] = SimpleQueue()

    def note_elsewhere(self, sim_ids: frozenset[int]) -> None:
        """The SIMs of other boxes that can send now."""
        self._elsewhere = sim_ids

    def take_given_back(self) -> list[ListedRow]:
        """The messages that were given back since the last call, as the fleet holds them: they are to be released there."""
        found: list[ListedRow] = []
        try:
            while True:
                found.append(self._given_back.get_nowait())
        except Empty:
            return found

    def is_shared(self, db: Transaction, message_id: int) -> bool:
        """See `MessageSource.is_shared`."""
        return shared_messages.find(db, message_id) is not None

    def hand_back(
        self, db: Transaction, message: Message, refused_by: Collection[int], at: Moment, effects: Effects
    ) -> bool:
        """See `MessageSource.hand_back`. It leaves the journal first; its release is asked after that is durable."""
        found = shared_messages.find(db, message.id)
        if found is None or message.pinned or not self._another_may(db, message, refused_by):
            return False
        state, epoch = found
        if state != STARTED:
            return False
        shared_messages.drop(db, [message.id])
        effects.after_commit.append(partial(self._give_back, ListedRow(message.id, STARTED, epoch)))
        return True

    def _give_back(self, row: ListedRow) -> None:
        self._given_back.put(row)
        self._wake()

    def _another_may(self, db: Transaction, message: Message, refused_by: Collection[int]) -> bool:
        for sim_id in (self._own_sims.ready() | self._elsewhere) - set(refused_by):
            sim = sims.at_work(db, sim_id)
            if sim is not None and sim.enabled and sim.company_id in (None, message.company_id):
                return True
        return False
