"""A part to be submitted, and its outcomes. Frozen, because they cross between threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from modem.errors import Cause
from modem.sms.segmentation import Segment


class Via(Enum):
    """How a part is submitted to the network."""

    DIRECT = "direct"  # AT+CMGS
    STORAGE = "storage"  # written to the modem's memory (AT+CMGW), sent from there (AT+CMSS), then deleted


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a part in a modem: the name of a memory, and an index in it."""

    memory: str
    index: int


def always() -> bool:
    """The permit of a part that may be handed over at any time."""
    return True


@dataclass(frozen=True, slots=True)
class Submission:
    """One part, claimed for this port, to be submitted once.

    `message_id`, `seq` and `token` come back unchanged in the `Outcome`; the port does not use them.
    """

    message_id: int
    seq: int  # 1-based, also the sequence number in the concatenation header
    total: int
    token: int
    recipient: str  # E.164
    segment: Segment
    reference: int  # the message's 8-bit concatenation reference (23.040, 9.2.3.24.1)
    validity_s: int | None = None  # how long the network may try to deliver (TP-VP); None: its own default
    alone: bool = False  # sent as a message of its own, without a concatenation header
    message_reference: int = 0  # the wanted TP-MR; most modems use their own
    reject_duplicates: bool = False  # TP-RD: the network may have accepted an earlier try of this part
    via: Via = Via.DIRECT
    # For a part sent from memory: whether this model is known to mark sent parts there. Otherwise the port finds that
    # out and reports it (see `Work.learned`).
    marks: bool = False
    # Asked by the port's thread immediately before the modem gets the PDU: false withholds it. It never waits.
    permitted: Callable[[], bool] = field(default=always, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The network accepted the part. `reference` is the TP-MR; None where the modem did not answer it."""

    reference: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The modem or the network refused: the part was not sent."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The outcome is not known: the modem has the PDU and did not answer.

    `asked`: it will not answer later either, even if the part is still in its memory.
    """

    reason: str
    asked: bool = False


class StoredState(Enum):
    """The state of a part in a modem's memory."""

    SENT = "sent"
    UNSENT = "unsent"
    GONE = "gone"  # it is not there, or its state is not conclusive
