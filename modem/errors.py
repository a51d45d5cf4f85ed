"""What a modem's error codes mean: for the message, for the SIM, and for the person who looks after both."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from modem import error_tables
from modem.error_tables import Row


class Kind(Enum):
    """Whose failure it is, and so what comes next."""

    RECIPIENT = "recipient"  # final: no SIM would do better
    SIM = "sim"  # this SIM's or port's: try another
    MOMENT = "moment"  # try again, backing off
    CONFIGURATION = "configuration"  # tell the operator


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something was refused. `reason` is a sentence for the operator, `reason_fr` the same in French."""

    family: str  # "CMS", "CME", "ERROR" (no code was given) or "LOCAL" (the gateway itself)
    code: int | None
    kind: Kind
    reason: str
    reason_fr: str
    words: str = field(default="", compare=False)  # that the modem said in place of a code

    @property
    def storage_full(self) -> bool:
        """Whether a message memory has no room: reading and deleting what lies there makes some."""
        return self.reason == error_tables.FULL[2]

    @property
    def outcome_unknown(self) -> bool:
        """Whether the network may have taken the message all the same, because its answer was not waited for."""
        return self.reason == error_tables.NETWORK_TIMEOUT[2]

    @property
    def malformed(self) -> bool:
        """Whether the modem cannot read what it was given: octets may have been lost on the line."""
        return self.reason == error_tables.BAD_COMMAND[2]

    @property
    def told(self) -> str:
        """Both sentences, with the code as the modem gave it."""
        return f"{self.reason} / {self.reason_fr}{self._code_told}"

    @property
    def told_en(self) -> str:
        """The English one, with the code as the modem gave it."""
        return f"{self.reason}{self._code_told}"

    @property
    def _code_told(self) -> str:
        if self.family == "LOCAL" or (self.code is None and not self.words):
            return ""
        return f" (+{self.family} ERROR: {self.words if self.code is None else self.code})"


# LOCAL codes: what the gateway found by itself. None of these parts was sent.
DEVICE_GONE: Final = 1
NO_PROMPT: Final = 2
NOT_WRITTEN: Final = 3
UNENCODABLE: Final = 4
NOT_KEPT: Final = 5
STILL_STORED: Final = 6
TEXT_MODE: Final = 7


_LONGEST_WORDS: Final = 80  # characters; the names in the standard have half as many


def cause(family: str, code: int | None, text: str = "", *, vendor: str = "") -> Cause:
    """What `code` of `family` means, or `text` where the modem gave words instead (`AT+CMEE=2`).

    `vendor` is a profile's vendor name: above 511 the same number means different things per vendor.
    Never raises: what no table knows is taken for a failure of the moment.
    """
    if code is None:
        code = code_of(family, text)
    kind, _, reason, reason_fr = _row(family, code, vendor)
    return Cause(family, code, _KINDS[kind], reason, reason_fr, _words(text))


def code_of(family: str, text: str) -> int | None:
    """The code that `text` names in a modem set to verbose errors, None where no standard has it."""
    name = text.strip().lower().replace("personalization", "personalisation")
    return _CODES.get((family, name)) if name else None


def _words(text: str) -> str:
    """What a modem said, fit to be shown."""
    return "".join(char if char.isprintable() else " " for char in text).strip()[:_LONGEST_WORDS]


def _row(family: str, code: int | None, vendor: str) -> Row:
    if code is None:
        return error_tables.BARE
    if family == "CMS":
        row = error_tables.CMS_BY_VENDOR.get(vendor, {}).get(code) or error_tables.CMS.get(code)
        return row or (error_tables.UNNAMED_NETWORK if 0 < code < 256 else error_tables.BARE)
    if family == "CME":
        return error_tables.CME.get(code, error_tables.BARE)
    if family == "LOCAL":
        return error_tables.LOCAL.get(code, error_tables.BARE)
    return error_tables.BARE


_KINDS: Final = {"R": Kind.RECIPIENT, "S": Kind.SIM, "M": Kind.MOMENT, "C": Kind.CONFIGURATION}
_CODES: Final = {
    (family, row[1]): code
    for family, table in (("CMS", error_tables.CMS), ("CME", error_tables.CME))
    for code, row in reversed(table.items())  # of two codes with one name the lower counts
    if row[1]
}
