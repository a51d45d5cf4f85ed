"""Ends messages that expired before they were sent."""

from __future__ import annotations

from gatewayd.messages.effects import Effects
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Moment


def expire(db: Transaction, at: Moment, effects: Effects, limit: int) -> int:
    """End at most `limit` messages that wait or are only claimed and have expired; their number.

    One of which a part was sent fails as partly sent. Nothing while the clock is not trusted.
    """
    raise NotImplementedError


def next_expiry(db: Transaction) -> int | None:
    """The time at which the next message that waits or is claimed expires; None: none does."""
    raise NotImplementedError
