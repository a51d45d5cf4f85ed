"""Classifies a line from a modem: a final result, an information line, or an unsolicited result code. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from modem.errors import Cause, cause


@dataclass(frozen=True, slots=True)
class Result:
    """The final result of a command (V.250, 5.7.1; 27.005, 3.2.5; 27.007, 9)."""

    family: str  # "OK", or as in `Cause`
    code: int | None = None
    text: str = ""  # the words of a modem in AT+CMEE=2 instead of a code

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.family == "OK"

    def cause(self, vendor: str = "") -> Cause:
        """The meaning of a failure, by the tables of `vendor`."""
        return cause(self.family, self.code, self.text, vendor=vendor)


OK: Final = Result("OK")
ERROR: Final = Result("ERROR")

_RESULTS: Final = {
    "OK": OK,
    "ERROR": ERROR,
    "COMMAND NOT SUPPORT": ERROR,  # Huawei
    "NA": ERROR,  # seen by ModemManager
    "TOO MANY PARAMETERS": ERROR,
    "ABORTED": ERROR,
}
_FAMILIES: Final = {"+CME ERROR": "CME", "+CMS ERROR": "CMS", "+EXT ERROR": "ERROR", "MODEM ERROR": "ERROR"}
_NUMERIC: Final = {"0": OK, "4": ERROR}  # AT V0

# The first characters of URCs; no answer to a command with another prefix begins with them.
_MARKS: Final = frozenset("+^*#!$%")
# The end of a call (V.250, 5.7.1), and in some modems of a USSD session.
CALL_ENDS: Final = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE"})
_SPOKEN: Final = frozenset(
    {
        *CALL_ENDS, "RING", "HANGUP",
        "RDY", "READY", "Call Ready", "CALL READY", "SMS Ready", "SMS READY", "SMS DONE", "PB DONE", "APP RDY",
        "START", "OPL UPDATING", "PNN UPDATING", "NORMAL POWER DOWN", "POWERED DOWN",
    }
)  # fmt: skip
_SPOKEN_TAGS: Final = (
    "UNDER-VOLTAGE",
    "OVER-VOLTAGE",
    "MISSED_CALL:",
    "VOICE CALL:",
    "HANGUP:",
    "DST:",
    "CONNECT",
    "SMS FULL",
    "SIM FULL",
    "SIM READY",
)

# Report an incoming call (27.007, 6.11 and 7.6).
RINGS: Final = frozenset({"RING", "+CRING", "+CLIP"})

# Sent once by a modem that has just started, by some only with the first answer after that.
_STARTS: Final = re.compile(r"MODEM ?: ?(START(UP|ED)?|READY)|MODEM START(UP|ED)?", re.IGNORECASE)

# Sent by a modem that has just started or is about to: its volatile settings are lost, and the running command gets no
# answer. Compared without blanks and in capitals; the first of them may continue (^SYSSTART AIRPLANE MODE).
_RESTARTS: Final = (
    "^SYSSTART", "RDY", "APPRDY", "*ATREADY:1", "+AT:READY", "NORMALPOWERDOWN", "POWEREDDOWN", "^SHUTDOWN", "+WIND:3",
)  # fmt: skip

# Sent by a modem that has become ready for something, in the forms of many vendors: it may have restarted, and may now
# accept settings that it refused before. Compared in the same way.
_READY: Final = re.compile(
    r"(?:CALL|SMS|PB|SIM|AT|APP)(?:READY|DONE|RDY)|\+CPIN:READY|\+QIND:(?:SMS|PB)DONE|\+PBREADY|\+WIND:[47]"
    r"|\^SIMST:1(?:,.*)?|#QSS:(?:\d,)?[123]|\+QUSIM:1|\+SIMREADY|\+UUSIMSTAT:[56]|\+CFUN:1|\+EIND:\d+|\*ATREADY.*"
    r"|\+AT(?::)?READY|MODEM:STARTUP"
)

# The next line belongs to these (27.005, 3.4.1).
_HEADS: Final = frozenset({"+CMT", "+CDS", "+CBM"})
_STATUS_DIGITS: Final = 3  # 001 occurs; a location area has four hexadecimal digits
_HIGHEST_STATUS: Final = 99  # the standard defines up to 11
_REGISTRATIONS: Final = frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG"})


@dataclass(frozen=True, slots=True)
class Urc:
    """An unsolicited result code. `pdu` is the line that followed a +CMT, +CDS or +CBM."""

    line: str
    pdu: str | None = None
    of_call: bool = field(default=False, compare=False)  # it ends a call that rang

    @property
    def tag(self) -> str:
        """The text before the colon."""
        return tag(self.line)

    @property
    def fields(self) -> list[str]:
        """The fields after the colon, without quotes."""
        return fields(self.line)


def tag(line: str) -> str:
    """The text before the colon, or the whole line."""
    return line.partition(":")[0].rstrip()


def fields(line: str) -> list[str]:
    """The text after the colon, split at commas outside quotes, without quotes and blanks. At least one field."""
    behind = line.partition(":")[2]
    if '"' not in behind:
        return [part.strip() for part in behind.split(",")]
    parts: list[str] = []
    part: list[str] = []
    quoted = False
    for char in behind:
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            parts.append("".join(part).strip())
            part = []
        else:
            part.append(char)
    parts.append("".join(part).strip())
    return parts


def result(line: str, *, numeric: bool = False) -> Result | None:
    """The final result in a line; None for any other line. `numeric`: the modem may be in V0: 0 is OK and 4 is ERROR."""
    found = _RESULTS.get(line)
    if found is not None:
        return found
    if numeric and line in _NUMERIC:
        return _NUMERIC[line]
    if "ERROR" not in line:
        return None
    head, _, rest = line.partition(":")
    family = _FAMILIES.get(head.rstrip())
    if family is None:
        return None
    rest = rest.strip()
    if rest.isascii() and rest.isdigit() and len(rest) <= 9:
        return Result(family, int(rest))
    return Result(family, None, rest)


def is_spoken(line: str) -> bool:
    """Whether a line that answers no command is a URC rather than noise."""
    return (
        line[0] in _MARKS
        or line in _SPOKEN
        or line.startswith(_SPOKEN_TAGS)
        or is_ready(line)
        or says_started(line)
    )


def is_restart(line: str) -> bool:
    """Whether the modem reports that it restarts or switches off."""
    said = line.replace(" ", "").upper()
    return said in _RESTARTS or said.startswith(_RESTARTS[0])


def is_ready(line: str) -> bool:
    """Whether the modem reports that it became ready for something."""
    return _READY.fullmatch(line.replace(" ", "").upper()) is not None


def says_started(line: str) -> bool:
    """Whether the modem reports that it has started. This does not end the running command."""
    return _STARTS.fullmatch(line) is not None


def owns_next_line(line: str) -> bool:
    """Whether a PDU follows, or a text in text mode. A +CDS in text mode has many fields and no second line."""
    name = tag(line)
    return name in _HEADS and not (name == "+CDS" and line.count(",") >= 3)


def is_text_form(line: str) -> bool:
    """Whether a +CMT or +CDS is in text mode. In PDU mode it has only `[<alpha>],<length>`."""
    if tag(line) not in ("+CMT", "+CDS"):
        return False
    parts = fields(line)
    return len(parts) > 2 or (len(parts) == 2 and bool(parts[1]) and not parts[1].isdecimal())


def answers(line: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a line belongs to the answer of the command whose answers begin with `prefixes`.

    A registration URC has the status first; the answer to a question has it second (see `asked_registration`).
    """
    name = line.partition(":")[0].rstrip()
    if name not in prefixes:
        return False
    return name not in _REGISTRATIONS or asked_registration(line) is not None


def asked_registration(line: str) -> int | None:
    """The `<stat>` of `+CREG: <n>,<stat>[,...]` and the like (27.007, 7.2); None for a URC.

    A URC has a location in the second place: in quotes, or usually four hexadecimal digits. Some modems write zeros
    before the status, quotes around both numbers, or only one quote of two.
    """
    parts = [part.strip() for part in line.partition(":")[2].split(",")]
    if len(parts) < 2:
        return None
    quotes = parts[1].count('"')
    status = parts[1].strip('"') if quotes == 1 or parts[0].startswith('"') else parts[1]
    if not (status.isascii() and status.isdigit() and len(status) <= _STATUS_DIGITS):
        return None
    return int(status) if int(status) <= _HIGHEST_STATUS else None


REFERENCES: Final = frozenset({"+CMGS", "+CMSS"})  # some modems answer +CMGS to both


def reference_of(line: str) -> int | None:
    """The `<mr>` of `+CMGS: <mr>[,<scts>]` (27.005, 3.5.1); None where it is missing."""
    first = fields(line)[0]
    if first.isascii() and first.isdigit() and len(first) <= 3 and int(first) <= 255:
        return int(first)
    return None
