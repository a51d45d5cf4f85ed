"""A part as it is handed to a modem, and what becomes of it. Frozen: it crosses between threads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from modem.errors import Cause
from modem.sms.segmentation import Segment


class Via(Enum):
    """How a part is handed to the network."""

    DIRECT = "direct"  # AT+CMGS
    STORAGE = "storage"  # written to the modem's memory (AT+CMGW), sent from there (AT+CMSS), then deleted


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part lies in a modem: the name of a memory, and an index in it."""

    memory: str
    index: int


@dataclass(frozen=True, slots=True)
class Submission:
    """One part, claimed for this port: hand it to the network, once.

    `message_id`, `seq` and `token` come back unchanged in the `Outcome`; they mean nothing to the port.
    """

    message_id: int
    seq: int  # 1-based, also the sequence number in the concatenation header
    total: int
    token: int
    recipient: str  # E.164
    segment: Segment
    reference: int  # the message's 8-bit concatenation reference (23.040, 9.2.3.24.1)
    validity_s: int | None = None  # how long the network may go on trying (TP-VP); None: its own default
    alone: bool = False  # it goes out as a text of its own, without a concatenation header
    message_reference: int = 0  # the TP-MR asked for; most modems take their own
    reject_duplicates: bool = False  # TP-RD: an earlier try of this part may have been taken
    via: Via = Via.DIRECT
    # Of a part sent from memory: whether it is known that this model marks there what it sent. Else that is to be
    # looked at, and told (see `Work.learned`).
    marks: bool = False


@dataclass(frozen=True, slots=True)
class Submitted:
    """The network took the part. `reference` is the TP-MR, None where the modem did not tell it."""

    reference: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The modem or the network said no: the part was not sent."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Nobody knows: the modem took the PDU and never said what became of it.

    `asked`: nor will it, though the part still lies in its memory.
    """

    reason: str
    asked: bool = False


class Fate(Enum):
    """What a modem's memory says of a part that was written to it."""

    SENT = "sent"
    UNSENT = "unsent"
    GONE = "gone"  # it is not there, or says nothing that counts
