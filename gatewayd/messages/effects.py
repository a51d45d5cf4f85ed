"""Side effects that a transaction collects; they are performed after its commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PartKey:
    """One claim of one part."""

    message_id: int
    seq: int
    token: int

    @property
    def claim(self) -> tuple[int, int, int]:
        """The three arguments of the store's functions."""
        return self.message_id, self.seq, self.token


@dataclass(slots=True)
class Effects:
    """The side effects of one transaction."""

    changed: list[str] = field(default_factory=list)  # sms_ids of messages whose status changed
    deferred: list[tuple[float, PartKey]] = field(default_factory=list)  # back-off in seconds
    doubtful: list[PartKey] = field(default_factory=list)
    in_memory: list[PartKey] = field(
        default_factory=list
    )  # in doubt too, but the modem's memory may show the outcome
    queued: dict[int, int] = field(default_factory=dict)  # SIM id → number of messages added to its queue
    shared: bool = False  # other SIMs may send the queued messages too
    sent_old: list[int] = field(default_factory=list)  # SIMs that claimed a part of the outage backlog
    no_longer_old: list[tuple[int, int]] = field(
        default_factory=list
    )  # SIM id, last place (see `OutageBacklog.over`)
    after_commit: list[Callable[[], None]] = field(default_factory=list)  # changes of memory
