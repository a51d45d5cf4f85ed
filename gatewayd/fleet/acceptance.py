"""Acceptance into the shared queue: what two boxes that accept at the same moment must agree on is decided by locks of PostgreSQL.

The locks are always taken in this order: idempotency keys, companies, SIMs with limits. So 50 clients at three boxes that ask
for the last ten messages of a quota get exactly ten.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Final

from gatewayd.fleet import tables
from gatewayd.fleet.counts import QueueCounts
from gatewayd.fleet.member import Member
from gatewayd.fleet.presence import FleetPresence, FreeSims
from gatewayd.fleet.queue import acceptance
from gatewayd.fleet.queue.names import EpochOldError
from gatewayd.sending.acceptance import Asker, Ids, StartedHere, ToQueue
from gatewayd.sims.port_registry import Presence
from gatewayd.store import Transaction
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.tables.idempotency import Answering

log = logging.getLogger(__name__)

_BOXES: Final = 100
"""Task ids of a box leave its number when they are divided by this."""

_TICK: Final = 10_000  # microseconds: the time of a task id, in front of the number of the box


class FleetAcceptance:
    """Keeps messages in PostgreSQL."""

    def __init__(
        self, member: Member, presence: FleetPresence, counts: QueueCounts, free_sims: FreeSims
    ) -> None:
        self._member = member
        self._presence = presence
        self._counts = counts
        self._free_sims = free_sims
        self._tasks = _TaskIds()

    def begin(self, db: Transaction, askers: Sequence[Asker], most: int) -> Ids:
        """Lock idempotency keys, companies, and the SIMs with limits that these may use; then draw ids of the fleet.

        Task ids are those of this box.
        """
        box, seen = self._member.box(), self._member.seen()
        if box is None or seen is None or not self._presence.is_known:
            raise StoreUnavailableError
        keys = [_hash(asker.key_id, asker.key.key) for asker in askers if asker.key is not None]
        if keys:
            tables.lock_keys(db, keys)
        companies = {asker.company_id for asker in askers if not asker.sandbox}
        try:
            ids = acceptance.begin(db, companies, most, seen=seen)
        except EpochOldError:
            self._member.wake()
            raise StoreUnavailableError from None
        self._tasks.begin(db, box.number)
        return Ids(iter(ids), self._tasks.next)

    def presence(self) -> Mapping[int, Presence]:
        """The SIMs of all boxes."""
        return self._presence.presence()

    def rests(self, now: float) -> Mapping[int, float]:
        """The SIMs of all boxes that rest."""
        return self._presence.rests(now)

    def waiting(self, db: Transaction) -> dict[int, int]:
        """As the last look counted them: to count a million for each request would be slow."""
        return self._counts.waiting()

    def room(self, db: Transaction, most: int) -> int:
        """As the fleet allows."""
        return self._counts.room(most)

    def answering(self) -> Answering | None:
        """This box, until it begins anew."""
        box = self._member.box()
        if box is None:
            raise StoreUnavailableError
        return Answering(box.name, box.epoch)

    def queue(self, db: Transaction, rows: Sequence[ToQueue]) -> Sequence[StartedHere]:
        """Start the messages for which a port of this box is free; the others wait for any box."""
        box = self._member.box_that_starts()
        started: list[StartedHere] = []
        free = {} if box is None else {row.message_id: row.sim_id for row in rows if self._is_free_for(row)}
        if box is not None and free:
            try:
                found = acceptance.enqueue_started(db, free, box)
            except EpochOldError:  # nothing was changed: any box may send them
                self._member.wake()
            else:
                started = [StartedHere(id_, free[id_], box.epoch, row) for id_, row in found.items()]
        ids = {one.message_id for one in started}
        waiting = [row.message_id for row in rows if row.message_id not in ids]
        if waiting:
            acceptance.enqueue(db, waiting, accepted_by=self._member.name)
        return started

    def _is_free_for(self, row: ToQueue) -> bool:
        return not row.may_wait and self._counts.is_idle(row.sim_id) and self._free_sims.reserve(row.sim_id)

    def counted(self, db: Transaction, sim_ids: Sequence[int]) -> None:
        """Counted after the commit: see `QueueCounts.accepted`."""


class _TaskIds:
    """Task ids of this box: they rise, and no other box gives them. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._number: int | None = None
        self._last = 0

    def begin(self, db: Transaction, number: int) -> None:
        """Go on behind the newest one that this box gave, at the first use."""
        if self._number is not None:
            return
        last = tables.last_task_id(db, number % _BOXES, _BOXES)
        with self._lock:
            self._number, self._last = number % _BOXES, last // _BOXES

    def next(self, now: int) -> int:
        """The next task id, at a time in microseconds."""
        with self._lock:
            self._last = max(now // _TICK, self._last + 1)
            return self._last * _BOXES + (self._number or 0)


def _hash(key_id: int, key: str) -> int:
    """A number for the locks of PostgreSQL, which have 64 bits."""
    digest = hashlib.sha256(f"idempotency {key_id} {key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
