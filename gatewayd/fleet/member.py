"""A box as a member of its fleet: what accepting, reading and counting need to know of its agent, and what they do for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from gatewayd.fleet.listener import ListeningConnection
from gatewayd.fleet.queue.names import Box, Seen
from gatewayd.sending.acceptance import StartedHere
from gatewayd.store import Transaction
from gatewayd.store.interfaces import AnyStore


class SharedLender(Protocol):
    """Lends connections to PostgreSQL, or to the copy in the store of this box."""

    def lend(self, *, only_shared: bool = False) -> AbstractContextManager[Transaction]:
        """A connection. `only_shared`: never one to the copy. Raises StoreUnavailableError."""


class Shared(AnyStore, Protocol):
    """The store of the fleet."""

    @property
    def readers(self) -> SharedLender:
        """For short reads."""

    @property
    def lists(self) -> SharedLender:
        """For reads that may take long."""

    @property
    def away_since(self) -> float | None:
        """Since when (monotonic) PostgreSQL cannot be used; None: it can."""

    def tell_of_events(self) -> None:
        """Tell those who follow events that another box wrote some."""


class Member(Protocol):
    """Any thread may call any method; none waits."""

    @property
    def name(self) -> str:
        """The name of this box."""

    @property
    def store(self) -> Shared:
        """The store of the fleet."""

    def box(self) -> Box | None:
        """This box under the last epoch that it took; None: it did not join since the start."""

    def seen(self) -> Seen | None:
        """The row of this box as it last saw it; None: PostgreSQL may have been restored since, so nothing is accepted."""

    def trouble(self) -> str | None:
        """The reason why messages of the fleet stop here, for health checks; None: they do not."""

    def is_open(self) -> bool:
        """Whether its lease is good, so that it may act for the fleet and hand over parts."""

    def box_that_starts(self) -> Box | None:
        """This box, where it may accept messages as started now; else None."""

    def adopt(self, started: Sequence[StartedHere]) -> None:
        """Messages were accepted as started by this box: the transaction is durable."""

    def lost_answer(self) -> None:
        """A commit was not answered that may have started messages: they are acted on under a new epoch only."""

    def wake(self) -> None:
        """Something changed: look at once."""

    def connect(self) -> ListeningConnection:
        """A connection of the caller's own, which it closes. Raises StoreUnavailableError."""

    def follow_notices(self, told: Callable[[], None]) -> None:
        """Call `told` when another box told that something concerns this one: it must return quickly, and not fail."""

    def follow_claimed(self, told: Callable[[Mapping[int, int]], None]) -> None:
        """Call `told` with the number of messages, by SIM id, that this box claimed."""

    def follow_settled(self, told: Callable[[Sequence[str]], None]) -> None:
        """Call `told` with the sms_ids of messages whose status this box changed in the fleet."""


class _OnlyShared:
    """Lends connections to PostgreSQL only."""

    def __init__(self, lender: SharedLender) -> None:
        self._lender = lender

    def lend(self) -> AbstractContextManager[Transaction]:
        """A connection. Raises StoreUnavailableError."""
        return self._lender.lend(only_shared=True)


class OnlyShared:
    """The store of the fleet without the copies of this box, whose ids of events and texts are others."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.readers = _OnlyShared(shared.readers)
        self.lists = _OnlyShared(shared.lists)
        self.write = shared.write
        self.take = shared.take
        self.follow_events = shared.follow_events
