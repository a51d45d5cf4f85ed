"""What one part of a message says as it goes out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gatewayd.store import Transaction
from gatewayd.store.tables import parts
from modem.sms.gsm7 import Alphabet
from modem.sms.segmentation import Segment, segment

# In front of a part that goes out without its concatenation header, where it has room: that was 7 septets, or 3
# characters, long. It says that this is the rest of something.
CONTINUED = {Alphabet.GSM7: "...", Alphabet.UCS2: "…"}


@dataclass(frozen=True, slots=True)
class PartContent:
    """A part's text, how many parts the message has, and whether it goes out as a text of its own."""

    segment: Segment
    total: int
    alone: bool


def content_of(db: Transaction, message_id: int, text: str, seq: int, sim_id: int) -> PartContent:
    """Part `seq` of a message as this SIM sends it: alone where another SIM sent a part of it before."""
    segments = segment(text)
    alone = len(segments) > 1 and parts.carried_by_another(db, message_id, sim_id)
    piece = segments[seq - 1]
    if alone and seq > 1:
        piece = replace(piece, text=CONTINUED[piece.alphabet] + piece.text)
    return PartContent(piece, len(segments), alone)
