"""An independent decoder of SMS-SUBMIT (23.040, 9.2.2.2) for the tests: strings of bits, and the gsm0338 alphabet.

It shares nothing with `modem`: what both get wrong they get wrong for different reasons.
"""

from __future__ import annotations

from dataclasses import dataclass

import gsm0338

_GSM = gsm0338.Codec()


@dataclass(frozen=True)
class Submit:
    """The content of a PDU for a service centre."""

    length: int  # octets after the SMSC address
    reject_duplicates: bool
    report: bool
    message_reference: int
    recipient: str
    pid: int
    dcs: int
    validity: int | None
    header: bytes
    text: str


def decode(pdu_hex: str) -> Submit:
    """Decode one SMS-SUBMIT, and check every length in it."""
    assert pdu_hex == pdu_hex.upper()
    octets = list(bytes.fromhex(pdu_hex))
    assert octets.pop(0) == 0, "the service centre of the SIM"
    length = len(octets)
    first = octets.pop(0)
    assert first & 0b10000011 == 0b01, "SMS-SUBMIT, no reply path"
    message_reference = octets.pop(0)
    digits = octets.pop(0)
    kind = octets.pop(0)
    semi_octets = "".join(f"{octets.pop(0):02x}"[::-1] for _ in range((digits + 1) // 2))
    assert semi_octets[digits:] in ("", "f")
    number = semi_octets[:digits].translate(str.maketrans("abcde", "*#abc"))
    assert kind in (0x91, 0x81)
    pid, dcs = octets.pop(0), octets.pop(0)
    assert first & 0b11000 in (0b00000, 0b10000), "no validity, or a relative one"
    validity = octets.pop(0) if first & 0b10000 else None
    user_data_length = octets.pop(0)
    header = bytes(octets[: octets[0] + 1]) if first & 0b1000000 else b""
    if dcs == 0x00:
        text = _seven_bit(octets, user_data_length, 8 * len(header))
    else:
        assert dcs == 0x08
        assert len(octets) == user_data_length
        text = bytes(octets[len(header) :]).decode("utf-16-be")
    assert len(octets) <= 140
    return Submit(
        length=length,
        reject_duplicates=bool(first & 0b100),
        report=bool(first & 0b100000),
        message_reference=message_reference,
        recipient="+" + number if kind == 0x91 else number,
        pid=pid,
        dcs=dcs,
        validity=validity,
        header=header,
        text=text,
    )


def _seven_bit(octets: list[int], septets: int, header_bits: int) -> str:
    assert len(octets) == (septets * 7 + 7) // 8
    stream = "".join(f"{octet:08b}"[::-1] for octet in octets)
    codes = [int(stream[start : start + 7][::-1], 2) for start in range(0, septets * 7, 7)]
    text, _ = _GSM.decode(bytes(codes[(header_bits + 6) // 7 :]))
    assert set(stream[septets * 7 :]) <= {"0"}, "spare bits are zero"
    assert isinstance(text, str)
    return text
