"""Parsers for the information lines of answers: one line or all lines of an answer in, values out.

All are pure and never raise. +CUSD has its own file, `modem.driver.ussd`; registration lines have
`modem.at.responses.asked_registration`, because the channel needs it too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from modem.at.responses import fields, tag
from modem.sms.gsm7 import plain

UNSENT: Final = "2"  # <stat> of stored outgoing messages (27.005, 3.1)
SENT: Final = "3"
SENT_STATES: Final = frozenset({UNSENT, SENT})

# <stat> in text mode (27.005, 3.1) and the same state in PDU mode.
_STATE_WORDS: Final = {"REC UNREAD": "0", "REC READ": "1", "STO UNSENT": UNSENT, "STO SENT": SENT}

# A word that may be an ICCID. It may have hexadecimal digits (31.102, 4.2.1); Chinese operators use them.
_WORD: Final = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{17,23}(?![0-9A-Za-z])")
_ISSUED: Final = "89"  # the first digits of an ICCID: telecommunications (ITU-T E.118, 4)
_SWAPPED: Final = "98"  # the same with swapped nibbles
_FILE_DIGITS: Final = 20  # EF-ICCID has ten octets
_SHORTEST: Final = 17
_MOST_FILLER: Final = 3
_IMSI: Final = re.compile(r"(?<![0-9])[0-9]{14,15}(?![0-9])")
_IMEI: Final = re.compile(r"(?<![0-9])[0-9]{14,16}(?![0-9])")
_NUMBER: Final = re.compile(r"\+?[0-9 ().-]+")

_CLOCK: Final = re.compile(
    r"(?<![\d/])(19|20)?(\d\d)/(\d\d?)/(\d\d?) ?, ?(\d\d?):(\d\d):(\d\d)(?:\.\d+)? ?([+-]\d\d?)(?![\d:])",
    re.ASCII,
)
_MOST_QUARTERS: Final = 96
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_OF_1900S: Final = 70  # clocks that were never set begin in 1970 or, as GPS does, in 1980

_SETTING: Final = re.compile(r":\s*\"?([A-Za-z0-9-]{1,12})\"?")
_INDICATOR: Final = re.compile(r'\(\s*(?:"([^"]*)"|([A-Za-z][^,"()]*?))\s*,')


@dataclass(frozen=True, slots=True)
class Record:
    """One message in a memory: `<stat>` as a digit ("" without one), and the PDU ("" without one)."""

    index: int
    stat: str
    pdu: str


# The modem


def word(lines: Sequence[str], name: str) -> str:
    """The bare text that answers +CGMI, +CGMM, +CGMR or +CGSN; some modems put the command's name before it."""
    if not lines:
        return ""
    line = lines[0]
    return (line.partition(":")[2] if tag(line) == name else line).replace('"', "").strip()


def imei(text: str) -> str:
    """The IMEI in an answer to +CGSN; "" without one."""
    found = _IMEI.search(text)
    return found.group() if found else ""


def functionality(lines: Sequence[str]) -> int | None:
    """The `<fun>` of `+CFUN: <fun>` (27.007, 8.2)."""
    return _decimal(_field(lines, 0))


def setting(line: str) -> str:
    """The one value of `+CSCS: "GSM"`, `^USSDMODE: 0` and the like, without quotes; "" without one."""
    found = _SETTING.search(line)
    return found[1] if found else ""


def field_of(lines: Sequence[str], place: int) -> str:
    """The first non-empty field number `place`, counted from 0, of an answer's lines; "" without one."""
    for line in lines:
        parts = fields(line)
        if len(parts) > place and parts[place]:
            return parts[place]
    return ""


def network_time(line: str) -> int | None:
    """The time of `+CCLK: "yy/MM/dd,hh:mm:ss±zz"` (27.007, 8.15) in microseconds since the epoch.

    None without a time or without a time zone. The clock shows local time, and its zone in quarters of an hour ahead of
    UTC. Quotes may be missing, and the whole may be in UCS-2 digits (see `modem.sms.gsm7.plain`).
    """
    found = _CLOCK.search(line) or _CLOCK.search(plain(fields(line)[0]))
    if found is None:
        return None
    century, *others = found.groups()
    year, month, day, hour, minute, second, quarters = map(int, others)
    if abs(quarters) > _MOST_QUARTERS:
        return None
    if century is None:
        century = "19" if year >= _FIRST_OF_1900S else "20"
    try:
        local = datetime(100 * int(century) + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return (local - timedelta(minutes=15 * quarters) - _EPOCH) // timedelta(microseconds=1)


# The network


def signal_dbm(lines: Sequence[str]) -> int | None:
    """The signal strength of `+CSQ: <rssi>,<ber>` (27.007, 8.5); None where it is not known."""
    value = _decimal(_field(lines, 0))
    if value is None:
        return None
    if value <= 31:
        return -113 + 2 * value
    return -116 + value - 100 if 100 <= value <= 191 else None  # the scale of TD-SCDMA and LTE modems


def operator_mode(lines: Sequence[str]) -> int | None:
    """The `<mode>` of `+COPS: <mode>[,…]` (27.007, 7.3)."""
    return _decimal(_field(lines, 0))


def operator_name(lines: Sequence[str]) -> str:
    """The `<oper>` of `+COPS: <mode>,<format>,<oper>`: a name or a number; "" without one."""
    return plain(_field(lines, 2))


# The SIM


def sim_state(line: str) -> str:
    """The `<code>` of `+CPIN: <code>` (27.007, 8.3) in upper case, without quotes: READY, SIM PIN, PH-NET PIN…"""
    return line.partition(":")[2].strip(' "').upper()


def pin_attempts(lines: Sequence[str]) -> int | None:
    """The PIN attempts left in an answer to +CPINR (27.007, 8.65); None without them.

    Either `+CPINR: SIM PIN,3,3` in a line for each code, or only numbers, the first of them for the PIN. Some modems
    leave out the +CPINR.
    """
    alone: int | None = None
    for line in lines:
        first, *others = fields(line if ":" in line else f":{line}")
        if first.upper() == "SIM PIN" and others and others[0].isdecimal():
            return int(others[0])
        if alone is None and first.isdecimal():
            alone = int(first)
    return alone


def vendor_pin_attempts(lines: Sequence[str], place: int) -> int | None:
    """The PIN attempts left in a vendor's own answer, which has them in the field number `place`, counted from 0."""
    for line in lines:
        parts = fields(line)
        if len(parts) > place and parts[place].isdecimal():
            return int(parts[place])
    return None


def iccid(line: str) -> str:
    """The ICCID in a line, in upper case and without filler; "" without one.

    It has 17 to 20 digits, sometimes hexadecimal ones, sometimes filler, and in +CRSM its nibbles are swapped as in
    EF-ICCID (31.102, 4.2.1). With hexadecimal digits it must begin with 89, so that no other word is taken for one.
    """
    for found in _WORD.finditer(line):
        digits = found.group().upper()
        if digits.startswith(_SWAPPED) and len(digits) == _FILE_DIGITS:
            digits = _swapped(digits)
        number = digits.rstrip("F")
        if len(digits) - len(number) > _MOST_FILLER or not _SHORTEST <= len(number) <= _FILE_DIGITS:
            continue
        if number.isdecimal() or number.startswith(_ISSUED):
            return number
    return ""


def imsi(line: str) -> str:
    """The IMSI in an answer to +CIMI (27.007, 5.6); "" without one."""
    found = _IMSI.search(line)
    return found.group() if found else ""


def own_number(line: str) -> str:
    """The number of `+CNUM: [<alpha>],<number>,<type>` (27.007, 7.1): E.164 for an international one; "" without one."""
    parts = fields(line)
    number = re.sub(r"[ ().-]", "", _dialled(parts[1])) if len(parts) > 1 else ""
    digits = number.lstrip("+")
    if not (digits.isascii() and digits.isdigit()):
        return ""
    international = number.startswith("+") or (len(parts) > 2 and parts[2] == "145")
    return f"+{digits}" if international else digits


def has_service_centre(line: str) -> bool:
    """Whether `+CSCA: <sca>,<tosca>` (27.005, 3.3.1) holds a number."""
    return any(char.isdigit() for char in fields(line)[0])


# Stored messages


def memory_names(lines: Sequence[str]) -> list[str]:
    """The names of the memories in the answer to AT+CPMS?, in their order (27.005, 3.2.2)."""
    return [part for part in (fields(lines[0]) if lines else []) if part.isalpha()]


def memories(lines: Sequence[str]) -> list[str]:
    """All fields of the answer to AT+CPMS?: name, used and total of each memory."""
    return fields(lines[0]) if lines else []


def memory_for_new_messages(parts: Sequence[str]) -> tuple[str, int, int] | None:
    """Name, used and total places of the memory for incoming messages, from the fields of AT+CPMS?: the last three."""
    name, used, total = parts[-3:] if len(parts) > 2 else ("", "", "")
    if not (used.isdecimal() and total.isdecimal() and len(used) < 6 and len(total) < 6):
        return None
    return name, int(used), int(total)


def memory_list(lines: Sequence[str]) -> tuple[str, ...] | None:
    """The memories to read from, in the answer to AT+CPMS=?; None without a list."""
    group = re.search(r"\(([^()]*)\)", lines[0]) if lines else None
    return tuple(re.findall(r"[A-Z]{2}", group[1])) if group else None


def listed_records(lines: Sequence[str]) -> list[Record]:
    """The messages in an answer to +CMGL (27.005, 4.1). One without a PDU line has the PDU ""."""
    found: list[Record] = []
    within = False
    for line in lines:
        if tag(line) == "+CMGL":
            parts = fields(line)
            within = parts[0].isdecimal()
            if within:
                found.append(Record(int(parts[0]), _stat(parts, 1), ""))
        elif within and not found[-1].pdu:
            found[-1] = replace(found[-1], pdu=line)
    return found


def record(lines: Sequence[str], index: int) -> Record | None:
    """The message in an answer to AT+CMGR=`index` (27.005, 4.2); None without one.

    Some modems answer for an empty place with a message of length 0.
    """
    if not lines or tag(lines[0]) != "+CMGR":
        return None
    head = fields(lines[0])
    if len(lines) == 1 and head[-1] in ("", "0") and head[0] not in SENT_STATES:
        return None
    return Record(index, _stat(head, 0), lines[1] if len(lines) > 1 else "")


def written_index(line: str) -> int | None:
    """The index of `+CMGW: <index>` (27.005, 4.4); None for any other line."""
    return int(fields(line)[0]) if tag(line) == "+CMGW" and fields(line)[0].isdecimal() else None


def shows_text_mode(lines: Sequence[str], prefix: str) -> bool:
    """Whether the `<stat>` of a message is a word, as in text mode. `prefix` is +CMGL or +CMGR."""
    place = 1 if prefix == "+CMGL" else 0
    for line in lines:
        parts = fields(line) if tag(line) == prefix else []
        if len(parts) > place and any(char.isascii() and char.isalpha() for char in parts[place]):
            return True
    return False


def shows_pdus(lines: Sequence[str], prefix: str) -> bool:
    """Whether all lines except the heads of messages are hexadecimal octets."""
    bodies = [line for line in lines if tag(line) != prefix]
    return all(re.fullmatch(r"[0-9A-Fa-f]+", body) and len(body) % 2 == 0 for body in bodies)


# Modes and notifications


def message_format(lines: Sequence[str]) -> int | None:
    """The mode in an answer to AT+CMGF? or AT+CMGF=? (27.005, 3.2.3): 0 for PDU mode, 1 for text mode.

    `(0)` is a modem that has only PDU mode. None for anything else.
    """
    for line in lines:
        value = line.partition(":")[2].replace(" ", "").replace('"', "")
        if tag(line) == "+CMGF" and value in ("0", "(0)"):
            return 0
        if tag(line) == "+CMGF" and value == "1":
            return 1
    return None


def service(lines: Sequence[str]) -> str:
    """The `<service>` of `+CSMS: <service>,…` (27.005, 3.2.1); "" without one."""
    return _field(lines, 0)


def notification_setting(lines: Sequence[str]) -> tuple[int, ...]:
    """The values of `+CNMI: <mode>,<mt>,…` (27.005, 3.4.1); () unless all are numbers and there are at least two."""
    values = fields(lines[0]) if lines else []
    numbers = tuple(int(value) for value in values if value.isdecimal() and len(value) < 3)
    return numbers if len(numbers) == len(values) and len(numbers) > 1 else ()


def ranges(line: str) -> list[frozenset[int]]:
    """The values that a test command lists: `(0-2),(0,1)` gives {0, 1, 2} and {0, 1}."""
    groups: list[frozenset[int]] = []
    for group in re.findall(r"\(([^()]*)\)", line):
        values: set[int] = set()
        for part in group.split(","):
            low, _, high = part.strip().partition("-")
            if low.isdecimal() and len(low) < 3:
                values.update(range(int(low), int(high if high.isdecimal() and len(high) < 3 else low) + 1))
        groups.append(frozenset(values))
    return groups


def indicator_names(lines: Sequence[str]) -> list[str]:
    """The names in the answer to AT+CIND=? (27.007, 8.9), in their order: the first has the number 1 in +CIEV."""
    return [quoted or bare for quoted, bare in _INDICATOR.findall(" ".join(lines))]


def _field(lines: Sequence[str], place: int) -> str:
    """Field number `place` of the first line; "" without one."""
    parts = fields(lines[0]) if lines else []
    return parts[place] if len(parts) > place else ""


def _decimal(text: str) -> int | None:
    # str.isdigit also accepts the superscripts of latin-1, which come from noise.
    return int(text) if text.isdecimal() else None


def _stat(parts: Sequence[str], place: int) -> str:
    """<stat> as a digit; "" without one."""
    stat = parts[place] if len(parts) > place else ""
    return _STATE_WORDS.get(stat.upper(), stat)


def _dialled(number: str) -> str:
    """A number that may be written in UCS-2 digits."""
    decoded = plain(number)
    return decoded if _NUMBER.fullmatch(decoded) else number


def _swapped(nibbles: str) -> str:
    return "".join(nibbles[place + 1] + nibbles[place] for place in range(0, len(nibbles) - 1, 2))
