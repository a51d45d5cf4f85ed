"""The text of one part as it is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gatewayd.store import Transaction
from gatewayd.store.tables import parts
from modem.sms.gsm7 import Alphabet
from modem.sms.segmentation import Segment, segment

# The prefix of a part that is sent without its concatenation header, which leaves 7 septets or 3 characters free. It shows
# that the text is the rest of a message.
CONTINUED = {Alphabet.GSM7: "...", Alphabet.UCS2: "…"}


@dataclass(frozen=True, slots=True)
class PartContent:
    """The text of a part, the number of parts of its message, and whether it is sent without a concatenation header."""

    segment: Segment
    total: int
    alone: bool


def content_of(db: Transaction, message_id: int, text: str, seq: int, sim_id: int) -> PartContent:
    """Part `seq` of a message as this SIM sends it: `alone` where another SIM sent a part of the message before."""
    segments = segment(text)
    alone = len(segments) > 1 and parts.carried_by_another(db, message_id, sim_id)
    piece = segments[seq - 1]
    if alone and seq > 1:
        piece = replace(piece, text=CONTINUED[piece.alphabet] + piece.text)
    return PartContent(piece, len(segments), alone)
