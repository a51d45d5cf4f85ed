"""Recognises an SMS-SUBMIT in a modem's memory by the fields that modems do not change. Pure."""

from __future__ import annotations

from typing import Final

_SUBMIT: Final = 0x01
_KIND: Final = 0x03
_VALIDITY: Final = 0x18  # TP-VPF (23.040, 9.2.3.3)
_RELATIVE: Final = 0x10
_HEADER: Final = 0x40


def fingerprint(pdu_hex: str) -> bytes | None:
    """Recipient, coding and text of an SMS-SUBMIT with the SMSC address before it; None for any other or cut PDU.

    A modem may change the SMSC address, TP-MR, TP-RD and TP-VP, so these do not count. Two parts with the same fingerprint
    are the same text to the same recipient.
    """
    try:
        octets = bytes.fromhex(pdu_hex)
    except ValueError:
        return None
    submit = octets[1 + octets[0] :] if octets else b""
    if len(submit) < 4 or submit[0] & _KIND != _SUBMIT:
        return None
    after_number = 4 + (submit[2] + 1) // 2
    coding = submit[after_number + 1 : after_number + 2]  # after TP-PID
    validity = submit[0] & _VALIDITY
    skipped = 0 if not validity else 1 if validity == _RELATIVE else 7
    text = submit[after_number + 2 + skipped :]
    if not coding or not text:
        return None
    return bytes([submit[0] & _HEADER]) + submit[2:after_number] + coding + text
