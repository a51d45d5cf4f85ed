"""Splits a text into parts, and joins the parts again (23.040, 9.2.3.24.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modem.sms.gsm7 import Alphabet, alphabet_for, encode_ucs2, septets

MAX_PARTS = 255  # the header counts them in one octet

# The room in 140 octets of user data, without and with a header of 6 octets: septets or 16-bit units.
_ROOM_ALONE = {Alphabet.GSM7: 160, Alphabet.UCS2: 70}
_ROOM_BESIDE_HEADER = {Alphabet.GSM7: 153, Alphabet.UCS2: 67}


class TextTooLongError(ValueError):
    """The text needs more parts than a message can have."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The text of one part, and its alphabet, which is the same for all parts of a message."""

    text: str
    alphabet: Alphabet


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a text as a message. A unit is a septet of GSM 7-bit, or 16 bits of UCS-2."""

    alphabet: Alphabet
    parts: int
    units: int  # of the whole text
    units_per_part: int
    units_left: int  # in the last part


def size(text: str) -> Size:
    """The size of `text` as `segment` splits it; raises as `segment`."""
    segments = segment(text)
    alphabet = segments[0].alphabet
    room = (_ROOM_ALONE if len(segments) == 1 else _ROOM_BESIDE_HEADER)[alphabet]
    lengths = [_length(one.text, alphabet) for one in segments]
    return Size(alphabet, len(segments), sum(lengths), room, room - lengths[-1])


def segment(text: str) -> tuple[Segment, ...]:
    """Split `text` into as few parts as possible; their texts joined are `text` again.

    A text that fits one part needs no header. No character is split: neither an escape sequence in GSM 7-bit nor a
    surrogate pair in UCS-2.

    Raises UnencodableError for half of a surrogate pair, TextTooLongError above 255 parts.
    """
    alphabet = alphabet_for(text)
    if _length(text, alphabet) <= _ROOM_ALONE[alphabet]:
        return (Segment(text, alphabet),)
    parts = tuple(Segment(part, alphabet) for part in _split(text, alphabet))
    if len(parts) > MAX_PARTS:
        raise TextTooLongError(f"the text takes {len(parts)} parts; a message has {MAX_PARTS} at most")
    return parts


def join(texts: Iterable[str]) -> str:
    """The text of a message, from the texts of its parts in their order.

    Some senders cut between the halves of a surrogate pair: these are joined here. A single half becomes U+FFFD.
    """
    units = "".join(texts).encode("utf-16-be", "surrogatepass")
    return units.decode("utf-16-be", "replace")


def _length(text: str, alphabet: Alphabet) -> int:
    """The length in septets or 16-bit units."""
    return septets(text) if alphabet is Alphabet.GSM7 else len(encode_ucs2(text)) // 2


def _split(text: str, alphabet: Alphabet) -> Iterable[str]:
    """Fill each part with whole characters until the next one does not fit."""
    room = _ROOM_BESIDE_HEADER[alphabet]
    while text:
        part = text[:room]
        while (excess := _length(part, alphabet) - room) > 0:
            part = part[: -((excess + 1) // 2)]  # a character has at most two units
        yield part
        text = text[len(part) :]
