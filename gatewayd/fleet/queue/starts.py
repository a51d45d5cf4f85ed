"""Starts and stamps: a message is given to modems only after its start, under the epoch of the box, is committed."""

from __future__ import annotations

from collections.abc import Sequence

from gatewayd.fleet.queue.names import Box, ListedRow, Stamped, Started
from gatewayd.store import Transaction


def start(db: Transaction, box: Box, message_ids: Sequence[int]) -> dict[int, Started]:
    """Start messages that this box claimed under its epoch; a missing one was lost: it is dropped. Raises EpochOldError.

    While the fleet is recovering nothing is started.
    """
    raise NotImplementedError


def stamp(db: Transaction, box: Box, rows: Sequence[ListedRow]) -> dict[int, Stamped]:
    """Give claimed and started rows of an older epoch of this box its present one. Raises EpochOldError.

    A missing one is not so any more, or was started by another incarnation. While the fleet is recovering nothing is stamped.
    """
    raise NotImplementedError
