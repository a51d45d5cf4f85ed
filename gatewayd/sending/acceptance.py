"""The place where accepted messages are kept, as `Intake` sees it: by default, the store of this box."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gatewayd.ids import next_task_id
from gatewayd.records import Idempotency
from gatewayd.sims.port_registry import PortRegistry, Presence
from gatewayd.store import Transaction
from gatewayd.store.tables import event_counts, messages, queue_counts
from gatewayd.store.tables.idempotency import Answering


@dataclass(frozen=True, slots=True)
class Asker:
    """The sender of a request that a transaction is about to accept, or of a scheduled message that is due."""

    company_id: int
    key_id: int = 0
    key: Idempotency | None = None
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of the messages that a transaction may keep. `task_id`: the next one, at a time in microseconds."""

    messages: Iterator[int]
    task_id: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class ToQueue:
    """A message that got its SIM in this transaction."""

    message_id: int
    sim_id: int
    may_wait: bool  # for the sending window of its company


@dataclass(frozen=True, slots=True)
class StartedHere:
    """A message that this box sends at once."""

    message_id: int
    sim_id: int
    epoch: int  # of the box when it was accepted
    row: Mapping[str, object] = field(compare=False)  # of the message, by column name


class Acceptance(Protocol):
    """Where messages are kept. Methods with a transaction run within it, and may run twice."""

    def begin(self, db: Transaction, askers: Sequence[Asker], most: int) -> Ids:
        """The ids of up to `most` new messages; the first step of a transaction that accepts messages of these senders.

        Others that do so wait for its end, and those that take from the limits of the same SIMs.
        """

    def presence(self) -> Mapping[int, Presence]:
        """The place and state of each SIM that may take messages, by its id."""

    def rests(self, now: float) -> Mapping[int, float]:
        """The SIMs that rest, with the remaining seconds. `now`: monotonic seconds."""

    def waiting(self, db: Transaction) -> dict[int, int]:
        """Queued parts by SIM id; a SIM without any may be missing."""

    def room(self, db: Transaction, most: int) -> int:
        """How many more messages may wait. `most`: of this box's settings."""

    def answering(self) -> Answering | None:
        """The box that answers requests, where several boxes keep messages in the same place."""

    def queue(self, db: Transaction, rows: Sequence[ToQueue]) -> Sequence[StartedHere]:
        """Messages and their parts were written: put them into the queue. Those that this box sends at once."""

    def counted(self, db: Transaction, sim_ids: Sequence[int]) -> None:
        """Count messages that were accepted: the SIM of each, 0 where none was chosen yet."""


class OwnAcceptance:
    """A box that keeps messages in its own store, whose writer runs one transaction at a time.

    `beside_shared`: the store also holds messages that several boxes share, whose ids are their own.
    """

    def __init__(self, port_registry: PortRegistry, *, beside_shared: bool = False) -> None:
        self._port_registry = port_registry
        self._next_ids = messages.next_own_ids if beside_shared else messages.next_ids

    def begin(self, db: Transaction, askers: Sequence[Asker], most: int) -> Ids:
        """The ids behind the newest message. No other transaction runs."""
        message_id, last = self._next_ids(db)
        return Ids(itertools.count(message_id), _TaskIds(last).next)

    def presence(self) -> Mapping[int, Presence]:
        """The SIMs of the ports."""
        return self._port_registry.sims()

    def rests(self, now: float) -> Mapping[int, float]:
        """As the ports told."""
        return self._port_registry.rests(now)

    def waiting(self, db: Transaction) -> dict[int, int]:
        """As the writing connection counts them."""
        return queue_counts.waiting(db)

    def room(self, db: Transaction, most: int) -> int:
        """As the settings allow."""
        return most - queue_counts.pending(db)

    def answering(self) -> Answering | None:
        """No other box."""
        return None

    def queue(self, db: Transaction, rows: Sequence[ToQueue]) -> Sequence[StartedHere]:
        """Their parts are the queue."""
        return ()

    def counted(self, db: Transaction, sim_ids: Sequence[int]) -> None:
        """Count them on the writing connection."""
        event_counts.accepted(db, sim_ids)


class _TaskIds:
    """Task ids behind the last one."""

    def __init__(self, last: int) -> None:
        self._last = last

    def next(self, now: int) -> int:
        """The next task id."""
        self._last = next_task_id(now, self._last)
        return self._last
