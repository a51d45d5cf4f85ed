"""New messages enter the queue, in the transaction that accepts them."""

from __future__ import annotations

from collections.abc import Sequence

from gatewayd.fleet.queue.names import Box
from gatewayd.store import Transaction


def next_ids(db: Transaction, count: int) -> list[int]:
    """Ids of new messages, in rising order."""
    raise NotImplementedError


def enqueue(
    db: Transaction,
    message_ids: Sequence[int],
    *,
    accepted_by: str | None,
    started_by: Box | None = None,
) -> None:
    """Put messages that were inserted, with their SIM, into the queue; the boxes of their SIMs are woken.

    `accepted_by`: the box whose client may wait for the result. `started_by`: they are started by this box at once, which has
    a free port for each: raises EpochOldError. Scheduled and sandbox messages are not put here before they are due.
    """
    raise NotImplementedError
