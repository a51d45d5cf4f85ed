"""A box as a member of its fleet: what accepting, reading and counting need to know of its agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gatewayd.fleet.queue.names import Box


class Member(Protocol):
    """Any thread may call any method; none waits."""

    @property
    def name(self) -> str:
        """The name of this box."""

    def box(self) -> Box | None:
        """This box under its present epoch; None while it has none."""

    def is_open(self) -> bool:
        """Whether its lease is good, so that it may act for the fleet and hand over parts."""

    def reserve(self, sim_id: int) -> bool:
        """Whether a new message may be started on this SIM at once, because its port has nothing to do. The port counts as taken then."""

    def adopt(self, message_ids: Sequence[int]) -> None:
        """Messages were accepted as started by this box: the transaction is durable."""

    def lost_answer(self) -> None:
        """A commit was not answered that may have started messages: they are acted on under a new epoch only."""

    def wake(self) -> None:
        """Something changed: look at once."""
