"""Made-up numbers in place of real ones: of the same form, the same one for the same one within a file.

They come from the real ones by HMAC under a random key that is never written, so a file does not tell them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from modem.sms.check_digit import luhn

# Kept digits: they tell the maker, the network or the country, and no person.
_TAC = 8  # of an IMEI (23.003, 6.2.1)
_PLMN = 5  # MCC and MNC of an IMSI (23.003, 2.2)
_ISSUER = 7  # of an ICCID: 89, country and issuer (ITU-T E.118)
_COUNTRY = 3  # of an international number


class MadeUp:
    """Numbers for one file."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key
        self.real: set[str] = set()  # every number that was replaced, as digits

    def imei(self, digits: str) -> str:
        """For an IMEI (15 digits, or 14 without its check digit) or an IMEISV (16)."""
        self.real.add(digits)
        made = self._digits("imei", digits[:14], 14 - _TAC)
        body = digits[:_TAC] + made
        if len(digits) == 15:
            return body + luhn(body)
        return body + digits[14:]

    def imsi(self, digits: str) -> str:
        """For an IMSI."""
        self.real.add(digits)
        return digits[:_PLMN] + self._digits("imsi", digits, len(digits) - _PLMN)

    def iccid(self, digits: str) -> str:
        """For an ICCID without filler. Hexadecimal digits stay hexadecimal ones."""
        self.real.add(digits)
        body = digits[: len(digits) - 1]
        made = body[:_ISSUER] + self._digits("iccid", digits, len(body) - _ISSUER)
        return made + (luhn(made) if made.isdecimal() else self._digits("check", digits, 1))

    def number(self, number: str) -> str:
        """For a phone number, with or without a plus."""
        digits = number.lstrip("+")
        plus = number[: len(number) - len(digits)]
        if len(digits) > 4:
            self.real.add(digits)
        kept = _COUNTRY if plus or len(digits) > 10 else 0
        # The same subscriber with and without a country code stays the same one.
        made = self._digits("number", digits[-8:], 8)
        middle = self._digits("middle", digits, max(0, len(digits) - kept - 8))
        return (
            plus + (digits[:kept] + middle + made)[: len(digits)]
            if len(digits) > 8
            else plus + made[-len(digits) :]
        )

    def digits(self, digits: str) -> str:
        """For a run of digits of unknown meaning."""
        if len(digits) > 4:
            self.real.add(digits)
        return self._digits("run", digits, len(digits))

    def cell(self, digits: str) -> str:
        """For a location area or a cell identity, in hexadecimal digits."""
        value = self._octets("cell", digits.upper().lstrip("0") or "0")
        made = "".join(f"{octet & 15:X}" for octet in value)[: len(digits)]
        return made.lower() if digits.islower() else made

    def shape(self, text: str) -> str:
        """A text of unknown meaning as its shape: digits become random digits, letters random letters."""
        return "".join(map(_random_like, text))

    def _digits(self, kind: str, real: str, count: int) -> str:
        made = ""
        while len(made) < count:
            made += "".join(str(octet % 10) for octet in self._octets(f"{kind}{len(made)}", real))
        return made[:count]

    def _octets(self, kind: str, real: str) -> bytes:
        return hmac.new(self._key, f"{kind}:{real}".encode(), hashlib.sha256).digest()


def _random_like(character: str) -> str:
    if character.isdecimal():
        return secrets.choice("0123456789")
    if character in "abcdef":
        return secrets.choice("abcdef")
    if character in "ABCDEF":
        return secrets.choice("ABCDEF")
    if character.isalpha():
        return secrets.choice("ghijklmnopqrstuvwxyz" if character.islower() else "GHIJKLMNOPQRSTUVWXYZ")
    return character
