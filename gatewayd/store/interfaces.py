"""A store as its callers see it: the database of this box, or the one that the boxes of a fleet share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from gatewayd.store.engine.connection import Transaction
from gatewayd.store.engine.writer import COMMIT_TIMEOUT_S

T = TypeVar("T")


class Lender(Protocol):
    """Lends connections for reading."""

    def lend(self) -> AbstractContextManager[Transaction]:
        """A connection, for as long as the block lasts. Raises StoreUnavailableError."""


class AnyStore(Protocol):
    """Reads and writes of tables, see `gatewayd.store.store.Store`."""

    @property
    def readers(self) -> Lender:
        """For short reads."""

    @property
    def lists(self) -> Lender:
        """For reads that may take long."""

    def write(
        self,
        work: Callable[[Transaction], T],
        timeout_s: float = COMMIT_TIMEOUT_S,
        *,
        then: Callable[[T], None] | None = None,
    ) -> T:
        """Run `work` in a transaction and return its result once it is durable. `work` may run twice."""

    def take(self, work: Callable[[Transaction], T], *, then: Callable[[T], None] | None = None) -> T:
        """As `write`, for new messages and jobs that can wait."""

    def follow_events(self, told: Callable[[], None]) -> None:
        """Call `told` after each commit that wrote events."""
