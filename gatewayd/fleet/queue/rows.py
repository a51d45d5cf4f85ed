"""The rows of the queue, to read."""

from __future__ import annotations

from gatewayd.fleet.queue.names import OwnRow
from gatewayd.store import Transaction


def own(db: Transaction, name: str) -> list[OwnRow]:
    """The rows that a box has, by message id."""
    raise NotImplementedError


def counts(db: Transaction, sim_ids: list[int], limit: int) -> dict[int, int]:
    """How many messages wait for each of these SIMs, counted up to a limit."""
    raise NotImplementedError
