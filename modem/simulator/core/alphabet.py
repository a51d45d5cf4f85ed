"""The GSM 7-bit default alphabet (23.038, 6.2.1) as the network reads it.

Written apart from `modem/sms/gsm7.py` on purpose: a slip made once in each would be seen, one shared would not.
"""

from __future__ import annotations

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_CODES: dict[str, bytes] = {
    character: bytes([code]) for code, character in enumerate(_BASIC) if code != _ESCAPE
}
_CODES |= {character: bytes([_ESCAPE, code]) for code, character in _EXTENSION.items()}


def septets_of(text: str) -> bytes | None:
    """The text as septets, one an octet; None where a character is not in the alphabet."""
    try:
        return b"".join([_CODES[character] for character in text])
    except KeyError:
        return None


def text_of(septets: bytes) -> str:
    """The text of septets; an unknown extension is shown as the basic character (23.038, 6.2.1.1)."""
    characters: list[str] = []
    escaped = False
    for code in septets:
        if escaped:
            characters.append(_EXTENSION.get(code) or _BASIC[code])
            escaped = False
        elif code == _ESCAPE:
            escaped = True
        else:
            characters.append(_BASIC[code])
    return "".join(characters)


def pack(septets: bytes, fill: int = 0) -> bytes:
    """Septets into octets, least significant bit first, after `fill` zero bits (23.038, 6.1.2.1)."""
    bits = fill
    number = 0
    for septet in septets:
        number |= septet << bits
        bits += 7
    return number.to_bytes((bits + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill: int = 0) -> bytes:
    """`count` septets out of octets, leaving out the first `fill` bits."""
    number = int.from_bytes(octets, "little") >> fill
    return bytes([(number >> shift) & 0x7F for shift in range(0, 7 * count, 7)])
