"""Masks PINs, numbers and texts in the lines between the gateway and a modem. Pure.

Only lines that are known to be harmless are shown: any other line becomes its length. So a number that noise has cut in
two, or the echo of half a PIN, stays hidden as well.
"""

from __future__ import annotations

import re
from typing import Final

from modem.at.responses import is_spoken, result, tag

# Commands with a PIN, a PUK or a password: of 27.007, 7.4, 7.5 and 8.3, and of vendors.
_SECRET: Final = re.compile(r"(PIN|PUK|PWD|CLCK|LOCK|SPIC)[^;=]*=(?!\?)", re.IGNORECASE)
_HARMLESS_FIELD: Final = re.compile(r'\s*([0-9]|"?[A-Z][A-Z ]{1,7}"?)?\s*')  # a mode, a facility
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z _-]{0,15}")
_SHORT_CODE: Final = re.compile(r"[*#]{1,2}[0-9]{1,3}#")  # *123#: a public menu or balance code
_NUMBER: Final = re.compile(r"[+(]?[0-9][0-9 ()./-]*")
_STAMP: Final = re.compile(r"[0-9]{2,4}/[0-9]{2}/[0-9]{2},[0-9]{2}:[0-9]{2}:[0-9]{2}([+-][0-9]{1,2})?")

# Answers about the modem and the network. The values of any other tag count as private data.
_HARMLESS_TAGS: Final = frozenset(
    {
        "+CME ERROR", "+CMS ERROR", "+EXT ERROR", "MODEM ERROR",
        "+CREG", "+CGREG", "+CEREG", "+C5GREG", "+COPS", "+CSQ", "+CESQ", "+CGATT", "+CGEREP", "+CGEV",
        "+CMGS", "+CMGF", "+CMEE", "+CFUN", "+CNMI", "+CPMS", "+CSMS", "+CSCS", "+CSUS", "+CPIN", "+CPINR", "+CPAS",
        "+CMTI", "+CDSI", "+CGMI", "+CGMM", "+CGMR", "+WIND", "+QIND", "+QPINC", "+QUIMSLOT", "+QDSIM", "+QUSIM",
        "+QSIMSTAT", "+QURCCFG", "+SPIC", "+CRING", "+CIEV", "*ATREADY", "+AT", "^SYSSTART", "^SIMST", "^RSSI", "^MODE",
        "^SRVST", "^BOOT", "^HCSQ", "^SYSINFO", "^CPIN", "^SPIC", "^CURC", "^SMMEMFULL", "+ZPINPUK", "+ZUSIMR", "#QSS",
        "#PCT", "+UPINCNT", "+UUSIMSTAT", "%SIMREMOVED",
    }
)  # fmt: skip
_HARMLESS_REST: Final = re.compile(r'[\w ,.:;"()/_+-]*')
# The next line holds a PDU or a text (27.005, 3.4.1 and 4.1).
_HEADS: Final = frozenset({"+CMT", "+CDS", "+CBM", "+CMGR", "+CMGL"})
_ONE_LINE: Final = 1
_UNTIL_RESULT: Final = 1 << 30  # a text may have many lines
_FIGURES: Final = re.compile(r'[0-9A-F ,":]*')
_TAGGED: Final = re.compile(r"([+^*#!$%][A-Z][A-Z0-9]{1,15})\s*:(.*)", re.DOTALL)
_PLAIN_FIELD: Final = re.compile(r"[A-Z0-9 :;/()+.-]{0,24}")

# Commands that a modem answers with bare text about itself (27.007, 5.1 to 5.3; V.250, 6.1.3 to 6.1.6).
_ASKS_WHAT_IT_IS: Final = re.compile(r"AT(I[0-9]*|\+C?GM[IMR])", re.IGNORECASE)
_SPOKEN: Final = re.compile(r"[A-Za-z ]+( [0-9]{1,6})?")
_IDENTITY: Final = re.compile(r"[\w .,:;/()_+-]{1,80}")

_BARE_NUMBER: Final = re.compile(r"([0-9]{14,20})[Ff]{0,3}")  # IMEI, IMSI or ICCID
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_KINDS: Final = ("SMS-DELIVER", "SMS-SUBMIT", "SMS-STATUS-REPORT", "reserved")  # 23.040, 9.2.3.1

_LONG_HEX: Final = r"(?<![0-9A-Za-z])(?=[0-9A-Fa-f]*[0-9])[0-9A-Fa-f]{12,}"


class Mask:
    """Masks the lines of one modem in their order. It keeps the last command, and whether a text follows."""

    def __init__(self) -> None:
        self._asked = ""
        self._secret = False  # a PIN was sent: its echo may come in pieces
        self._texts = 0  # the number of next lines that hold a PDU or a text
        self._quote_open = False  # a USSD answer is unfinished

    def sent(self, text: str) -> str:
        """Mask bytes of the gateway, given without control characters."""
        self._texts, self._quote_open = 0, False
        if text[:2].upper() != "AT":
            return _content(text)
        self._asked = text
        self._secret = _SECRET.search(text) is not None
        return command(text)

    def received(self, line: str) -> str:
        """Mask one line of the modem, given without control characters, or the prompt."""
        if line.startswith(">"):
            rest = line.lstrip("> \t")
            return "> " + (self.received(rest) if rest else "")
        if self._asked.startswith(line):  # an echo, or the beginning of one
            return command(line)
        if result(line) is not None:
            self._texts, self._quote_open = 0, False
        elif self._quote_open:
            self._quote_open = line.count('"') % 2 == 0
            return _length(line)
        texts, self._texts = self._texts, max(0, self._texts - 1)
        return self._within_text(line) if texts else self._line(line)

    def _line(self, line: str) -> str:
        name = tag(line)
        if name in _HARMLESS_TAGS and _HARMLESS_REST.fullmatch(line[len(name) :]):
            return self._harmless(line)
        if found := _TAGGED.fullmatch(line):
            return self._tagged(found[1], found[2])
        if (result(line) is not None or (line[0].isalpha() and is_spoken(line))) and _SPOKEN.fullmatch(line):
            return _runs(line, 4)
        return self._bare(line)

    def _within_text(self, line: str) -> str:
        """Mask a line in the place of a PDU or a text. A URC may come in between, and the next text may begin."""
        name = tag(line)
        if name in _HEADS and (found := _TAGGED.fullmatch(line)):
            return self._tagged(found[1], found[2])
        if name in _HARMLESS_TAGS and _FIGURES.fullmatch(line[len(name) :]):
            return self._harmless(line)
        return _content(line)

    def _harmless(self, line: str) -> str:
        return _runs(line, 3 if self._secret else 6)

    def _tagged(self, name: str, rest: str) -> str:
        if "USD" in name:
            kind, comma, answer = rest.partition(",")
            self._quote_open = answer.count('"') % 2 == 1
            return f"{name}:{_runs(kind[:4], 3)}{comma}{_length(answer) if comma else ''}"
        if name in _HEADS:
            self._texts = _UNTIL_RESULT if name in ("+CMGR", "+CMGL") else _ONE_LINE
        parts = re.split(r'("[^"]*"?)', rest)
        return f"{name}:" + "".join(_quoted(part) if part[:1] == '"' else _fields(part) for part in parts)

    def _bare(self, line: str) -> str:
        if line in ("0", "4"):  # OK and ERROR in V0
            return line
        if not self._secret and _ASKS_WHAT_IT_IS.fullmatch(self._asked) and _IDENTITY.fullmatch(line):
            return _runs(line, 6)
        if found := _BARE_NUMBER.fullmatch(line):
            return _tail(found[1])
        return _content(line)


def command(text: str) -> str:
    """A command without PINs and passwords, and with only the last digits of numbers."""
    name, equals, arguments = text.partition("=")
    if name[:3].upper() == "ATD":
        return f"{name[:3]}{_length(text[3:])}"
    if not equals or arguments == "?":
        return _runs(text, 6)
    if _SECRET.search(text):
        fields = (field if _HARMLESS_FIELD.fullmatch(field) else "…" for field in arguments.split(","))
        return f"{_runs(name, 3)}={','.join(fields)}"
    if "USD" in text.upper():
        mode, comma, code = arguments.partition(",")
        code, _, coding = code.partition(",")
        bare = code.strip().strip('"')
        shown = f'"{bare}"' if _SHORT_CODE.fullmatch(bare) else _length(code)
        return f"{name}={_runs(mode[:4], 3)}{comma}{shown if comma else ''}{',' + _runs(coding, 3) if coding else ''}"
    parts = re.split(r'("[^"]*"?)', arguments)
    return f"{_runs(name, 6)}=" + "".join(
        part if part[:1] == '"' and _WORD.fullmatch(part.strip('"')) else _argument(part) for part in parts
    )


def shown(text: str) -> str:
    """A command or a line for a log: without PINs, and with only the length of a PDU."""
    if text[:2].upper() == "AT":
        return command(text)
    if len(text) > 30 and text.isalnum():
        return f"({len(text)} characters)"
    return text


def _argument(part: str) -> str:
    return _quoted(part) if part[:1] == '"' else _runs(part, 6)


def _quoted(part: str) -> str:
    """A value in quotes as a date, the end of a number, or its length."""
    inner = part.strip('"')
    if not inner or _STAMP.fullmatch(inner):
        return part
    return f'"{_tail(inner) if _NUMBER.fullmatch(inner) else _hidden(inner)}"'


def _fields(part: str) -> str:
    """The values outside quotes after a tag that is not known to be harmless."""
    return ",".join(
        _runs(field, 4) if _PLAIN_FIELD.fullmatch(field) else _length(field) for field in part.split(",")
    )


def _runs(text: str, longest: int) -> str:
    """`text` with every run of at least `longest` digits, or of many hexadecimal ones, hidden."""
    return re.sub(rf"{_LONG_HEX}|[0-9]{{{longest},}}", lambda found: _hidden(found[0]), text)


def _hidden(digits: str) -> str:
    return _tail(digits) if digits.isdigit() or _BARE_NUMBER.fullmatch(digits) else _length(digits)


def _tail(number: str) -> str:
    """The last digits of a number: two, or four of a number that is too long for a phone number."""
    digits = "".join(char for char in number if char.isdigit())
    if len(digits) < 5:
        return "…"
    return "…" + digits[-4 if len(digits) >= 14 else -2 :]


def _content(text: str) -> str:
    """A PDU as its kind and its length as in AT+CMGS; anything else as its length."""
    if not _HEX.fullmatch(text):
        return _length(text)
    octets = bytes.fromhex(text)
    # No SMSC address is longer (24.011, 8.2.5.1).
    if octets[0] > 12 or len(octets) < octets[0] + 2:
        return f"({len(octets)} octets in hexadecimal)"
    return f"({_KINDS[octets[1 + octets[0]] & 3]}, {len(octets) - 1 - octets[0]} octets)"


def _length(text: str) -> str:
    odd = sum(not 0x20 <= ord(char) < 0x7F for char in text)
    return f"({len(text)} characters, {odd} of them not ASCII)" if odd else f"({len(text)} characters)"
