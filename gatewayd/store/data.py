"""Data as most of the gateway uses it: in this box's database, or in one that several boxes share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from gatewayd.store.engine.connection import Transaction
from gatewayd.store.engine.writer import COMMIT_TIMEOUT_S

T = TypeVar("T")


class Lender(Protocol):
    """Lends connections that only read."""

    def lend(self) -> AbstractContextManager[Transaction]:
        """A connection, for as long as the block lasts. Raises StoreUnavailableError."""


class Data(Protocol):
    """Any thread may call any method. All raise StoreUnavailableError where the data cannot be used now."""

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
        """Run `work` in a transaction, perhaps twice, and return its result once it is durable (see `Store.write`)."""

    def take(self, work: Callable[[Transaction], T], *, then: Callable[[T], None] | None = None) -> T:
        """As `write`, for new messages and jobs that can wait."""

    def follow_events(self, told: Callable[[], None]) -> None:
        """Call `told` after commits that wrote events: it must return quickly, and not fail."""
