"""The newest state of PostgreSQL that this box saw, by which a join finds one that was restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class KnownFleet:
    """The state that PostgreSQL showed, over all epochs since the start. The thread of the agent uses it."""

    journal: int = 0  # the highest state of the journal that PostgreSQL has, of this incarnation
    last_message_id: int = 0  # the newest that was given; its message may not be kept
    boxes: Mapping[str, tuple[int, int]] = field(
        default_factory=dict
    )  # epoch and beat of each in the last look
