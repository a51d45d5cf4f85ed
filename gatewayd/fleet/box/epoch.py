"""The state of one epoch of this box, which the steps of its agent share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatewayd.fleet.queue.names import Box, BoxRow, FleetRow, ListedRow


class JoinAnewError(Exception):
    """Only a new epoch can tell what this box has in the queue."""


@dataclass(slots=True)
class Epoch:
    """The state of one epoch. Each join makes a new one, and nothing of an old one is used again. One thread uses it."""

    box: Box
    acknowledged: int  # the highest number of an outcome that PostgreSQL has kept

    # PostgreSQL is as new as any box knows, or the fleet is told that it is not. A box that did not look for long cannot tell by
    # itself: it waits until each box that lives has joined since the server was started.
    trusted: bool
    forgot: bool  # PostgreSQL was restored, and this box does not know all that it sent since the backup
    # The server and the epochs of the other boxes, as the file of this one has them.
    kept: tuple[str, Mapping[str, int]]

    # Of the last look
    fleet: FleetRow | None = None
    others: tuple[BoxRow, ...] = ()
    tells_again: bool = False  # PostgreSQL was restored, and does not know yet that this box told everything
    looked: bool = False  # it came since the SIMs were last judged

    # In monotonic seconds
    look_at: float = 0.0
    beat_at: float = 0.0
    reconcile_at: float = 0.0

    by_comparison: set[int] = field(default_factory=set)  # messages that a comparison started
    to_release: list[ListedRow] = field(default_factory=list)  # dropped from the journal
    unknown: set[ListedRow] = field(default_factory=set)  # not in the journal, by the last comparison

    @property
    def recovering(self) -> bool:
        """Whether the boxes must tell everything again before anything is claimed. True before the first look."""
        return self.fleet is None or self.fleet.recovering
