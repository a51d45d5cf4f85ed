"""Claims: a box takes waiting messages for its SIMs.

First those that are planned for the SIM, then those whose SIM cannot send, then some of longer queues. Of each: the highest
priority first, companies in turn, the oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewayd.fleet.queue.lanes import Lanes
from gatewayd.fleet.queue.names import Box, ClaimedMessage, Want
from gatewayd.store import Transaction
from gatewayd.timekeeping.clock import Moment


def claim(
    db: Transaction,
    box: Box,
    wants: Sequence[Want],
    *,
    lanes: Lanes,
    closed: frozenset[int],
    at: Moment,
) -> list[ClaimedMessage]:
    """Claim messages for these SIMs; they are `claimed` by this box under its epoch. Raises EpochOldError.

    `closed`: the companies whose sending window is closed. `lanes`: what the box remembers of the queue; it is changed, and is
    told with `forget` that a transaction was not committed. Nothing is claimed while the fleet is recovering. A message whose
    recipient opted out ends here.
    """
    raise NotImplementedError
