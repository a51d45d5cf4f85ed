"""Mask secrets in text: keys, PINs and message texts disappear, numbers keep their last digits. Pure.

AT transcripts are masked where they are stored (`modem.at.redaction`). This module masks everything else, which should contain
no secrets, and masks the transcripts a second time.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Any, Final

_KEY: Final = re.compile(r"\b(gw|whsec)_[A-Za-z0-9+/=_-]{6,}")
_TOKEN: Final = re.compile(r"(?<![\w/.-])(?=\S*[0-9])[A-Za-z0-9_-]{40,}")
_PASSWORD: Final = re.compile(r"(?<=://)[^/@\s]+@")
# A name that suggests a secret, and its value.
_SECRET: Final = re.compile(
    r"""(\b\w*(?:pin2?|puk2?|pwd|passw\w*|secret|token)(?:\s*=|["']\s*[=:])\s*["']?)[^\s"',;\]})]+""",
    re.IGNORECASE,
)
_COMMAND: Final = re.compile(r"(AT\S{0,12}(?:PIN|PUK|PWD|LCK|LOCK|SPIC)\w*=)\S+", re.IGNORECASE)
_SPOKEN_PIN: Final = re.compile(r"\b((?:pin|puk)[^0-9\n]{0,20})[0-9]{4,8}\b", re.IGNORECASE)
_PDU: Final = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Fa-f]*[0-9])[0-9A-Fa-f]{16,}")
# Separators between the digits of a number: spaces, dots, dashes, slashes and parentheses.
_BETWEEN: Final = r"[^\S\r\n\t]|[.()/\u2010-\u2015\u2212-]"
# Seven digits after a + are a phone number. Without the + a phone number has at least eight digits.
_NUMBER: Final = re.compile(rf"\+\d(?:(?:{_BETWEEN}){{0,3}}\d){{6,}}|\d{{8,}}")
# Digits in groups. Dates, times, decimals and LAN addresses look alike (see `_tail_of_groups`).
_GROUPS: Final = re.compile(
    rf"(?<![\d.+/-])(?<!\d:)\(?\d{{1,6}}(?:(?:{_BETWEEN}){{1,3}}\d{{1,6}})+(?![^\W_]|:\d)"
)
_DATE: Final = re.compile(
    r"\d{4}([-./])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?!\d)"
    r"|(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|1[0-2])\2(?:19|20)\d\d(?!\d)"
)
_LOAD: Final = re.compile(r"\d+\.\d\d \d+\.\d\d \d+\.\d\d \d+/\d+(?: \d+)?")  # /proc/loadavg
_DECIMAL: Final = re.compile(r"\d+\.\d+")
_DOTTED: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?")
_FEWEST_DIGITS: Final = 8
# Names that a person chose, with the key around them: six digits in all may be a phone number, however it is written.
_NAMES: Final = frozenset({"companies.name"})
_FEWEST_DIGITS_OF_A_NAME: Final = 6


class Redactor:
    """Masks secrets in texts and documents. `secrets`: known secrets, such as the PINs of the configuration."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        # Not within a date or a longer number: a PIN may look like a year.
        known = "|".join(re.escape(secret) for secret in sorted(secrets, key=len, reverse=True) if secret)
        self._known = re.compile(rf"(?<![0-9:.,T+-])(?:{known})(?![0-9:-]|[.,][0-9])") if known else None

    def text(self, text: str) -> str:
        """Mask everything in a text that looks like a key, a PIN, a PDU or a phone number."""
        text = _KEY.sub(r"\1_…", text)
        text = _PASSWORD.sub("…@", text)
        text = _TOKEN.sub(_length, text)
        text = _COMMAND.sub(r"\1…", text)
        text = _SECRET.sub(r"\1…", text)
        text = _SPOKEN_PIN.sub(r"\1…", text)
        if self._known is not None:
            text = self._known.sub("…", text)
        return _GROUPS.sub(_tail_of_groups, _NUMBER.sub(_tail, _PDU.sub(_length_or_tail, text)))

    def tree(self, value: Any, key: str = "") -> Any:
        """Mask all texts and keys of a JSON document. JSON numbers are counts and ids, and stay.

        `key`: the position of the value, as `parent.key`.
        """
        if isinstance(value, str):
            return self.text(_without_digits(value) if key in _NAMES else value)
        if isinstance(value, dict):
            around = key.rpartition(".")[2]
            return {self.text(str(name)): self.tree(each, f"{around}.{name}") for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(each, key) for each in value]
        return value


def _without_digits(name: str) -> str:
    many = sum(char.isdigit() for char in name) >= _FEWEST_DIGITS_OF_A_NAME
    return re.sub(r"\d+", "…", name) if many else name


def _length(found: re.Match[str]) -> str:
    return f"({len(found[0])} characters)"


def _length_or_tail(found: re.Match[str]) -> str:
    """Keep the end of an IMEI or ICCID; replace longer texts by their length."""
    return _tail(found) if found[0].isdigit() and len(found[0]) <= 20 else _length(found)


def _tail(found: re.Match[str]) -> str:
    digits = "".join(char for char in found[0] if char.isdigit())
    return "…" + digits[-4 if len(digits) >= 14 else -2 :]


def _tail_of_groups(found: re.Match[str]) -> str:
    text = found[0]
    date = _DATE.match(text)
    if date is not None:
        return date[0] + _GROUPS.sub(_tail_of_groups, text[date.end() :])
    digits = [char for char in text if char.isdigit()]
    if (
        len(digits) < _FEWEST_DIGITS
        or _DECIMAL.fullmatch(text)
        or _LOAD.fullmatch(text)
        or _is_of_a_lan(text)
    ):
        return text
    return f"…{''.join(digits[-2:])}"


def _is_of_a_lan(text: str) -> bool:
    """True for a private IPv4 address or network, which an engineer needs to see."""
    if not _DOTTED.fullmatch(text):
        return False
    try:
        return ipaddress.ip_network(text, strict=False).is_private
    except ValueError:
        return False
