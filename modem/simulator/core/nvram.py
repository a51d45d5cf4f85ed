"""A modem's non-volatile memory, with a count of writes, because such memory wears out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

URCS_EVERYWHERE = "all"


@dataclass(slots=True)
class Kept:
    """See the module."""

    urc_port: str = "usbat"  # which of its ports gets unsolicited lines
    follows: int = 0  # +CTZU and its like: the network sets the clock
    writes: Counter[str] = field(default_factory=Counter)  # by command
