"""What a transaction changed that others must hear of, once it is durable."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PartKey:
    """One claim of one part."""

    message_id: int
    seq: int
    token: int

    @property
    def claim(self) -> tuple[int, int, int]:
        """As the store takes it."""
        return self.message_id, self.seq, self.token


@dataclass(slots=True)
class Effects:
    """Gathered within a transaction, acted upon after its commit."""

    changed: list[str] = field(default_factory=list)  # sms_id of messages with another status
    deferred: list[tuple[float, PartKey]] = field(default_factory=list)  # back-off in seconds
    doubtful: list[PartKey] = field(default_factory=list)
    in_memory: list[PartKey] = field(default_factory=list)  # doubtful too, but their modem may know
    queued: dict[int, int] = field(default_factory=dict)  # SIM id → how many messages were put into its queue
    shared: bool = False  # and idle SIMs may help with them
    sent_old: list[int] = field(default_factory=list)  # SIMs that claimed a part of their old backlog
    no_longer_old: list[tuple[int, int]] = field(
        default_factory=list
    )  # SIM id, last message id (see `Backlog.over`)
