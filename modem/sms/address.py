"""Addresses of a PDU: numbers in semi-octets, and alphanumeric names (23.040, 9.1.2)."""

from __future__ import annotations

import re

from modem.sms.gsm7 import decode_gsm7, unpack
from modem.sms.octet_reader import OctetReader, TpduError

# Types of address (23.040, 9.1.2.5): bit 7 set, type of number, ISDN numbering plan
_INTERNATIONAL = 0x91
_UNKNOWN = 0x81
_TYPE_OF_NUMBER = 0x70
_TYPE_INTERNATIONAL = 0x10
_TYPE_ALPHANUMERIC = 0x50

# Semi-octets (23.040, 9.1.2.3): two an octet, the first one low. With the two exchanged they are the octet's
# hexadecimal digits, where A to E stand for *#abc and F is the filler.
_SWAPPED = bytes(octet >> 4 | (octet & 0x0F) << 4 for octet in range(256))
_TO_HEX = str.maketrans("*#abc", "abcde")
_FROM_HEX = str.maketrans("abcde", "*#abc", "f")
_FILLER = "f"

_DIALLED = re.compile(r"\+[0-9]{1,15}|[0-9*#abc]{1,20}", re.ASCII)

_SMSC_MAX_OCTETS = 12  # a longer one is an erased place, all FF, or garbage

_NO_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")


def encode_address(number: str) -> bytes:
    """TP-DA: the count of digits, the type, and two digits an octet, the first one low (23.040, 9.1.2.5)."""
    if not _DIALLED.fullmatch(number):
        raise ValueError("the recipient is neither an E.164 number nor a short code")
    digits = number.removeprefix("+")
    filler = _FILLER if len(digits) % 2 else ""
    packed = bytes.fromhex(digits.translate(_TO_HEX) + filler).translate(_SWAPPED)
    return bytes([len(digits), _INTERNATIONAL if number.startswith("+") else _UNKNOWN]) + packed


def read_smsc(octets: OctetReader) -> str:
    """The address in front of the TPDU, whose length counts octets (24.011, 8.2.5.1)."""
    length = octets.one()
    if length > _SMSC_MAX_OCTETS:
        raise TpduError(f"an SMSC address of {length} octets")
    if length == 0:
        return ""
    address = octets.take(length)
    return _number(address[0], address[1:], 2 * length - 2)


def read_address(octets: OctetReader) -> str:
    """TP-OA or TP-RA, whose length counts semi-octets (23.040, 9.1.2.5)."""
    length, kind = octets.take(2)
    value = octets.take((length + 1) // 2)
    if kind & _TYPE_OF_NUMBER == _TYPE_ALPHANUMERIC:
        return _name(value, length)
    return _number(kind, value, length)


def _number(kind: int, value: bytes, length: int) -> str:
    digits = value.translate(_SWAPPED).hex()[:length].translate(_FROM_HEX)
    return "+" + digits if kind & _TYPE_OF_NUMBER == _TYPE_INTERNATIONAL and digits else digits


def _name(value: bytes, length: int) -> str:
    codes = unpack(value, length * 4 // 7)
    if len(codes) % 8 == 0 and codes.endswith(b"\x00"):
        # Seven characters fill 49 bits of 56. A sender that counts whole octets, not the used semi-octets, turns the
        # seven spare bits into an @.
        codes = codes[:-1]
    return decode_gsm7(codes).translate(_NO_CONTROLS)
