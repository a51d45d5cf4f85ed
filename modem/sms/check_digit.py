"""The check digit of an ICCID and of an IMEI (ISO/IEC 7812-1; ITU-T E.118; 3GPP 23.003, 6.2)."""

from __future__ import annotations


def luhn(digits: str) -> str:
    """The check digit that belongs after `digits`."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
