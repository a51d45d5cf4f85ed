"""Doubts: messages of which nobody can tell whether the network took them."""

from __future__ import annotations

from collections.abc import Sequence

from gatewayd.fleet.queue.names import Doubt
from gatewayd.messages.effects import Effects
from gatewayd.store import Transaction
from gatewayd.store.tables.messages import Message
from gatewayd.timekeeping.clock import Moment


def open_doubts(db: Transaction, names: Sequence[str] | None = None) -> list[Doubt]:
    """The messages in doubt of these boxes (None: of all), by id."""
    raise NotImplementedError


def decide(
    db: Transaction,
    doubts: Sequence[Doubt],
    policy: str,
    *,
    max_attempts: int,
    at: Moment,
    effects: Effects,
) -> set[int]:
    """Apply `dispatch.in_doubt` (retry, hold or fail) to doubts that waited long enough; those that are not held.

    A doubt that changed since is left alone. Only a doubt of the first part alone is retried; of several parts only if the
    journal of its box told it. What may not be retried is held.
    """
    raise NotImplementedError


def settle_by_hand(db: Transaction, message: Message, verdict: str, at: Moment, effects: Effects) -> bool:
    """Apply a person's decision (sent, failed, retry) to a message in doubt. False: it is not in doubt."""
    raise NotImplementedError
