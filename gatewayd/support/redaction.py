"""What may leave the box: no key, no PIN, no text, numbers by their last digits. Pure.

The conversations with modems are masked where they are kept (`modem.masking`); this is for everything else, in which there
should be none of these, and for a second look at those.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

_KEY: Final = re.compile(r"\b(gw|whsec)_[A-Za-z0-9+/=_-]{6,}")
_TOKEN: Final = re.compile(r"(?<![\w/.-])(?=\S*[0-9])[A-Za-z0-9_-]{40,}")
_PASSWORD: Final = re.compile(r"(?<=://)[^/@\s]+@")
# A name that speaks of something secret, and what it is set to.
_SECRET: Final = re.compile(
    r"""(\b\w*(?:pin2?|puk2?|pwd|passw\w*|secret|token)(?:\s*=|["']\s*[=:])\s*["']?)[^\s"',;\]})]+""",
    re.IGNORECASE,
)
_COMMAND: Final = re.compile(r"(AT\S{0,12}(?:PIN|PUK|PWD|LCK|LOCK|SPIC)\w*=)\S+", re.IGNORECASE)
_SPOKEN_PIN: Final = re.compile(r"\b((?:pin|puk)[^0-9\n]{0,20})[0-9]{4,8}\b", re.IGNORECASE)
_PDU: Final = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Fa-f]*[0-9])[0-9A-Fa-f]{16,}")
# Without its + a number is taken for one from the length of a subscriber's number on; what stands between digits only with it,
# or dates were numbers too.
_BLANK: Final = r"[\s.·•_\u00ad\u200b-\u200f\u2060()\[\]/,;:|+*-]"
# In a name that a person typed a number may be written in any way: everything with six digits is one.
_IN_NAME: Final = re.compile(rf"[+(]?\d(?:{_BLANK}{{0,3}}\d){{5,}}")
# Elsewhere what stands between digits must be the same each time, as in 70 12 34 56, with two to four digits a group; neither a
# date nor an address of the network of the box.
_GROUPED: Final = re.compile(
    r"(?<![\w.:,/-])(?!\d{4}-[01]\d-[0-3]\d(?!\d))(?!(?:10|127|172|192\.168|169\.254)\.)"
    r"\(?\d{1,4}\)?([ .\u00a0\u2007-\u200a\u202f·-])\d{2,4}(?:\1\d{2,4}){0,5}(?![\w:/-])"
)
_NUMBER: Final = re.compile(r"\+[0-9](?:[\s().-]{0,3}[0-9]){6,}|\d{8,}")


class Redactor:
    """Masks what must not leave. `secrets`: what is known to be secret, as the PINs of the configuration."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        # Not where it is part of a date or of a longer number: a PIN may look like a year.
        known = "|".join(re.escape(secret) for secret in sorted(secrets, key=len, reverse=True) if secret)
        self._known = re.compile(rf"(?<![0-9:.,T+-])(?:{known})(?![0-9:-]|[.,][0-9])") if known else None

    def text(self, text: str) -> str:
        """A text with everything masked that looks like a key, a PIN, a PDU or a number."""
        text = _KEY.sub(r"\1_…", text)
        text = _PASSWORD.sub("…@", text)
        text = _TOKEN.sub(_length, text)
        text = _COMMAND.sub(r"\1…", text)
        text = _SECRET.sub(r"\1…", text)
        text = _SPOKEN_PIN.sub(r"\1…", text)
        if self._known is not None:
            text = self._known.sub("…", text)
        return _GROUPED.sub(_grouped, _NUMBER.sub(_tail, _PDU.sub(_length_or_tail, text)))

    def tree(self, value: Any) -> Any:
        """The same for all texts in a JSON document, names too. Numbers that are no texts are counts and ids."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._value(str(key), each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(each) for each in value]
        return value

    def _value(self, key: str, value: Any) -> Any:
        if key == "name" and isinstance(value, str):
            return self.text(_IN_NAME.sub(_tail, value))
        return self.tree(value)


def _grouped(found: re.Match[str]) -> str:
    """A number in groups; fewer than eight digits are something else, as a version."""
    return _tail(found) if sum(map(str.isdigit, found[0])) >= 8 else found[0]


def _length(found: re.Match[str]) -> str:
    return f"({len(found[0])} characters)"


def _length_or_tail(found: re.Match[str]) -> str:
    """An IMEI or an ICCID is known by its end."""
    return _tail(found) if found[0].isdigit() and len(found[0]) <= 20 else _length(found)


def _tail(found: re.Match[str]) -> str:
    digits = "".join(char for char in found[0] if char.isdigit())
    return "…" + digits[-4 if len(digits) >= 14 else -2 :]
