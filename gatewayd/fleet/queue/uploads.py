"""Uploads: what happened to the messages of a box, from its journal, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gatewayd.fleet.queue.names import Box, Outcome, Uploaded
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Calendar

TextTaken = Callable[[Transaction, int, int], None]
"""Called for each text that came in, within the transaction: with its id in the inbox, and the time."""


def upload(
    db: Transaction,
    box: Box,
    outcomes: Sequence[Outcome],
    *,
    calendar: Calendar,
    submit_timeout_s: float,
    text_taken: TextTaken | None = None,
) -> Uploaded:
    """Keep outcomes with rising numbers; those that are kept already are passed over. Raises EpochOldError for another incarnation.

    What was sent is kept whatever became of the message; its state changes only where this box has it, under the epoch of the
    outcome. An outcome that cannot be taken is set aside; the others are taken. The caller commits.
    """
    raise NotImplementedError
