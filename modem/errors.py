"""The meaning of a modem's error codes: the kind of the failure, the next step, and a sentence for the operator."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from modem import error_tables
from modem.error_tables import Behaviour, Row


class Kind(Enum):
    """The side that failed, which decides the next step."""

    RECIPIENT = "recipient"  # final: no SIM would do better
    SIM = "sim"  # this SIM's or port's: try another
    MOMENT = "moment"  # try again, backing off
    CONFIGURATION = "configuration"  # tell the operator


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a modem refused a command. `reason` is a sentence for the operator, `reason_fr` the same in French."""

    family: str  # "CMS", "CME", "ERROR" (no code was given) or "LOCAL" (the gateway itself)
    code: int | None
    kind: Kind
    reason: str
    reason_fr: str
    vendor_text: str = field(default="", compare=False)  # the text of a modem that gives no code
    behaviour: Behaviour = field(default=Behaviour.NOTHING, compare=False, repr=False)

    @property
    def storage_full(self) -> bool:
        """Whether a message memory has no room. Reading and deleting stored messages makes some."""
        return bool(self.behaviour & Behaviour.STORAGE_FULL)

    @property
    def outcome_unknown(self) -> bool:
        """Whether the network may have accepted the message: the modem did not wait for its answer."""
        return bool(self.behaviour & Behaviour.OUTCOME_UNKNOWN)

    @property
    def malformed(self) -> bool:
        """Whether the modem cannot read the command: octets may have been lost on the line."""
        return bool(self.behaviour & Behaviour.MALFORMED)

    @property
    def busy(self) -> bool:
        """Whether the same command succeeds in a moment."""
        return bool(self.behaviour & Behaviour.BUSY)

    @property
    def unknown_command(self) -> bool:
        """Whether the modem may not have the command at all."""
        return bool(self.behaviour & Behaviour.UNKNOWN_COMMAND)

    @property
    def other_ussd_form(self) -> bool:
        """Whether a USSD code may be accepted in another form. Nothing of it went to the network."""
        return bool(self.behaviour & Behaviour.OTHER_USSD_FORM)

    @property
    def wrong_mode(self) -> bool:
        """Whether the modem may be in text mode."""
        return bool(self.behaviour & Behaviour.WRONG_MODE)

    @property
    def repeat_once(self) -> bool:
        """Whether the same PDU is submitted once more at once."""
        return bool(self.behaviour & Behaviour.REPEAT_ONCE)

    @property
    def no_such_index(self) -> bool:
        """Whether the memory has no message at this index."""
        return bool(self.behaviour & Behaviour.NO_SUCH_INDEX)

    @property
    def no_service_centre(self) -> bool:
        """Whether the SIM has no service centre number."""
        return bool(self.behaviour & Behaviour.NO_SERVICE_CENTRE)

    @property
    def no_network(self) -> bool:
        """Whether the registration may be lost."""
        return bool(self.behaviour & Behaviour.NO_NETWORK)

    @property
    def modem_failed(self) -> bool:
        """Whether the modem itself failed, or gave no reason."""
        return self.family != "LOCAL" and (self.code is None or bool(self.behaviour & Behaviour.MODEM_FAILED))

    @property
    def refuses_at(self) -> bool:
        """Whether some modems answer even `AT` with it until their SIM is unlocked."""
        return bool(self.behaviour & Behaviour.REFUSES_AT)

    @property
    def sim_trouble(self) -> bool:
        """Whether the SIM is absent, locked or broken."""
        return bool(self.behaviour & Behaviour.SIM_TROUBLE)

    @property
    def text(self) -> str:
        """Both sentences, with the code as the modem gave it."""
        return f"{self.reason} / {self.reason_fr}{self._code_text}"

    @property
    def text_en(self) -> str:
        """The English sentence, with the code as the modem gave it."""
        return f"{self.reason}{self._code_text}"

    @property
    def _code_text(self) -> str:
        if self.family == "LOCAL" or (self.code is None and not self.vendor_text):
            return ""
        return f" (+{self.family} ERROR: {self.vendor_text if self.code is None else self.code})"


# LOCAL codes: faults that the gateway found itself. No such part was sent.
DEVICE_GONE: Final = 1
NO_PROMPT: Final = 2
NOT_WRITTEN: Final = 3
UNENCODABLE: Final = 4
NOT_KEPT: Final = 5
STILL_STORED: Final = 6
TEXT_MODE: Final = 7
WITHHELD: Final = 8


_LONGEST_WORDS: Final = 80  # characters; the names in the standard have half as many


def cause(family: str, code: int | None, text: str = "", *, vendor: str = "") -> Cause:
    """The meaning of `code` of `family`, or of `text` where the modem gave vendor_text instead (`AT+CMEE=2`).

    `vendor` is a profile's vendor name: above 511 the same number means different things per vendor.
    Never raises: an unknown code counts as a failure of the moment.
    """
    if code is None:
        code = code_of(family, text)
    row = _row(family, code, vendor)
    return Cause(family, code, _KINDS[row.kind], row.reason, row.reason_fr, _printable(text), row.behaviour)


def code_of(family: str, text: str) -> int | None:
    """The code whose name in the standard is `text` (verbose errors, `AT+CMEE=2`); None for an unknown name."""
    name = text.strip().lower().replace("personalization", "personalisation")
    return _CODES.get((family, name)) if name else None


def _printable(text: str) -> str:
    """The vendor_text of a modem in printable characters, at most 80."""
    return "".join(char if char.isprintable() else " " for char in text).strip()[:_LONGEST_WORDS]


def _row(family: str, code: int | None, vendor: str) -> Row:
    if code is None:
        return error_tables.ERROR if family == "ERROR" else error_tables.BARE
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
    (family, row.name): code
    for family, table in (("CMS", error_tables.CMS), ("CME", error_tables.CME))
    for code, row in reversed(table.items())  # of two codes with one name the lower counts
    if row.name
}
