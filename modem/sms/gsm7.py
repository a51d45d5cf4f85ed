"""The alphabets of a short message: GSM 7-bit and UCS-2 (23.038).

A *septet* is one 7-bit code. Septets are `bytes` with one septet a byte; `pack` and `unpack` convert them to the octets
of a PDU and back.
"""

from __future__ import annotations

import re
from enum import Enum
from types import MappingProxyType

from modem.sms import national_languages


class Alphabet(Enum):
    """The alphabet of a part."""

    GSM7 = "gsm7"  # the default alphabet and its extension table (23.038, 6.2.1)
    UCS2 = "ucs2"  # 16-bit units; UTF-16 in practice (23.038, 6.2.3)


class UnencodableError(ValueError):
    """The text has a character that the alphabet lacks: for UCS-2, half of a surrogate pair."""


def alphabet_for(text: str) -> Alphabet:
    """The alphabet to send `text` in: GSM 7-bit where it has every character, otherwise UCS-2."""
    return Alphabet.UCS2 if _BEYOND_GSM7.search(text) else Alphabet.GSM7


def septets(text: str) -> int:
    """The length of a GSM 7-bit text in septets: characters of the extension table count two.

    Only valid where `alphabet_for(text)` is GSM7.
    """
    return len(text.translate(_ENCODE))


def encode_gsm7(text: str) -> bytes:
    """The septets of `text`.

    Raises UnencodableError where `alphabet_for(text)` is not GSM7.
    """
    if beyond := _BEYOND_GSM7.search(text):
        raise UnencodableError(f"character {beyond.start() + 1} is not in the GSM 7-bit alphabet")
    return text.translate(_ENCODE).encode("latin-1")


def decode_gsm7(codes: bytes, *, locking: int = 0, single: int = 0) -> str:
    """The text of septets (0 to 127).

    `locking` and `single` are the national language identifiers of a header (23.040, 9.2.3.24.15 and .16); an unknown
    one selects the default table, as these clauses require. An escape before a code that its table lacks gives the
    character of the main table (23.038, 6.2.1.1); an escape at the end, or before another escape, gives a space
    (23.038, 6.2.1, notes).
    """
    main = _LOCKING_SHIFT.get(locking, _DEFAULT)
    extension = _SINGLE_SHIFT.get(single, _EXTENSION)
    characters: list[str] = []
    following = iter(codes)
    for code in following:
        if code != _ESCAPE:
            characters.append(main[code])
            continue
        escaped = next(following, _ESCAPE)
        characters.append(" " if escaped == _ESCAPE else extension.get(escaped, main[escaped]))
    return "".join(characters)


def pack(codes: bytes, fill_bits: int = 0) -> bytes:
    """The octets of these septets, after `fill_bits` zero bits (23.038, 6.1.2.1; 23.040, 9.2.3.24)."""
    number = 0
    for code in reversed(codes):
        number = number << 7 | code
    bits = fill_bits + 7 * len(codes)
    return (number << fill_bits).to_bytes((bits + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """The first `count` septets after `fill_bits` bits; septets beyond the octets are zero.

    The count is needed, because seven spare bits at the end look like one more septet, an `@`.
    """
    number = int.from_bytes(octets, "little") >> fill_bits
    return bytes(number >> 7 * index & 0x7F for index in range(count))


def encode_ucs2(text: str) -> bytes:
    """The octets of `text` in UTF-16, most significant first.

    Raises UnencodableError for half of a surrogate pair.
    """
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError as error:
        raise UnencodableError(f"character {error.start + 1} is half of a surrogate pair") from None


def decode_ucs2(octets: bytes) -> str:
    """The text of UTF-16 octets, most significant first.

    Half of a surrogate pair stays as it is: its other half may be in the next part (see
    `modem.sms.segmentation.join`). An odd last octet is left out.
    """
    even = octets[: len(octets) // 2 * 2]
    return even.decode("utf-16-be", "surrogatepass")


def plain(text: str) -> str:
    """Decode a string in a modem's answer that is UCS-2 in hexadecimal digits; any other string stays unchanged.

    Modems that refuse AT+CSCS="GSM" write this form (27.005, 3.1; 27.007, 5.5). Decimal digits may also be a number: they
    are decoded only where they give characters of the Western alphabets.
    """
    if not _UCS2_DIGITS.fullmatch(text):
        return text
    decoded = decode_ucs2(bytes.fromhex(text))
    if all(char.isprintable() and char < _WESTERN_END for char in decoded):
        return decoded
    wide = not text.isdecimal() and len(decoded) >= _SURELY_WIDE
    return decoded if wide and all(char.isalnum() or char == " " for char in decoded) else text


_UCS2_DIGITS = re.compile(r"(?:[0-9A-Fa-f]{4}){2,}")
_WESTERN_END = "\u0250"
_SURELY_WIDE = 3  # characters in other alphabets: so many are no name that only looks like hexadecimal digits

_ESCAPE = 0x1B

# 23.038, 6.2.1. The index is the septet; the escape is in its own place.
_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

# 23.038, A.3.1: the differences of Turkish from the default alphabet
_TURKISH_LOCKING = _DEFAULT.translate(str.maketrans("èìØøÆæ¡¿", "€ıĞğŞşİç"))

# 23.038, A.3.3
_PORTUGUESE_LOCKING = (
    "@£$¥êéúíóç\nÔô\rÁá"
    "Δ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ"
    " !\"#º%&'()*+,-./"
    "0123456789:;<=>?"
    "ÍABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÃÕÚÜ§"
    "~abcdefghijklmno"
    "pqrstuvwxyzãõ`üà"
)

# 23.038, 6.2.1.1
_EXTENSION = MappingProxyType(
    {
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
)

# 23.038, A.2.1 to A.2.3: each extends the default extension table.
_TURKISH_SINGLE = MappingProxyType(
    _EXTENSION | {0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş"}
)
_SPANISH_SINGLE = MappingProxyType(
    _EXTENSION
    | {
        0x09: "ç",
        0x41: "Á",
        0x49: "Í",
        0x4F: "Ó",
        0x55: "Ú",
        0x61: "á",
        0x69: "í",
        0x6F: "ó",
        0x75: "ú",
    }
)
_PORTUGUESE_SINGLE = MappingProxyType(
    _EXTENSION
    | {
        0x05: "ê",
        0x09: "ç",
        0x0B: "Ô",
        0x0C: "ô",
        0x0E: "Á",
        0x0F: "á",
        0x12: "Φ",
        0x13: "Γ",
        0x15: "Ω",
        0x16: "Π",
        0x17: "Ψ",
        0x18: "Σ",
        0x19: "Θ",
        0x1F: "Ê",
        0x41: "À",
        0x49: "Í",
        0x4F: "Ó",
        0x55: "Ú",
        0x5B: "Ã",
        0x5C: "Õ",
        0x61: "Â",
        0x69: "í",
        0x6F: "ó",
        0x75: "ú",
        0x7B: "ã",
        0x7C: "õ",
        0x7F: "â",
    }
)

# By national language identifier (23.038, 6.2.1.2.4). Only read, never sent: few phones and modems outside these
# countries support them.
_LOCKING_SHIFT = MappingProxyType(
    {1: _TURKISH_LOCKING, 3: _PORTUGUESE_LOCKING, **national_languages.LOCKING_SHIFT}
)
_SINGLE_SHIFT = MappingProxyType(
    {1: _TURKISH_SINGLE, 2: _SPANISH_SINGLE, 3: _PORTUGUESE_SINGLE, **national_languages.SINGLE_SHIFT}
)

# For str.translate: character → its septets, as characters of the same number.
_ENCODE = {ord(character): chr(code) for code, character in enumerate(_DEFAULT) if code != _ESCAPE} | {
    ord(character): chr(_ESCAPE) + chr(code) for code, character in _EXTENSION.items()
}

_BEYOND_GSM7 = re.compile(f"[^{re.escape(''.join(map(chr, _ENCODE)))}]")
