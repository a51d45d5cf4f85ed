"""The state of a fleet and of PostgreSQL as the agent of this box last saw it, for all threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import monotonic

from gatewayd.fleet.queue.names import Box, BoxRow, FleetRow, Seen


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """The state that the agent last saw. Replaced as a whole; any thread reads it."""

    box: Box | None = None
    connected: bool = False
    away_since: float | None = None  # monotonic seconds
    reason: str = ""  # why PostgreSQL cannot be used; "" where it can
    recovering: bool = False
    behind: bool = False  # PostgreSQL had forgotten what this box told
    acknowledged: int = 0
    others: tuple[BoxRow, ...] = ()
    fleet: FleetRow | None = None
    silent_s: Mapping[str, float] = field(default_factory=dict)
    seen: Seen | None = (
        None  # the row of this box, as PostgreSQL last showed it while it was known to be no restored one
    )
    seen_at: float = 0.0  # monotonic seconds


class LastStatus:
    """The status of an agent. The thread of the agent notes what it saw; any thread reads `status`."""

    def __init__(self) -> None:
        self._status = AgentStatus()

    @property
    def status(self) -> AgentStatus:
        """The state that the agent last saw."""
        return self._status

    def joined(self, box: Box, acknowledged: int, *, behind: bool) -> None:
        """This box has a new epoch. `behind`: PostgreSQL had forgotten what this box told."""
        self._status = replace(
            self._status,
            box=box,
            connected=True,
            away_since=None,
            reason="",
            behind=behind,
            acknowledged=acknowledged,
        )

    def looked(self, fleet: FleetRow, others: tuple[BoxRow, ...], silent_s: Mapping[str, float]) -> None:
        """A look was answered. `silent_s`: for how many seconds each other box was silent."""
        self._status = replace(
            self._status, recovering=fleet.recovering, others=others, fleet=fleet, silent_s=silent_s
        )

    def saw(self, seen: Seen, at: float) -> None:
        """PostgreSQL is no restored one, or is known to be one, and shows this row of this box."""
        self._status = replace(self._status, seen=seen, seen_at=at)

    def told(self, acknowledged: int) -> None:
        """PostgreSQL has kept all outcomes up to this number."""
        self._status = replace(self._status, acknowledged=acknowledged)

    def lost(self, reason: str) -> None:
        """PostgreSQL, or the store of this box, cannot be used. The time of the first such loss since a join stays."""
        away_since = self._status.away_since if self._status.away_since is not None else monotonic()
        self._status = replace(self._status, connected=False, away_since=away_since, reason=reason)
