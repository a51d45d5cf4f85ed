"""Writes USSD codes for AT+CUSD and reads +CUSD (27.007, 7.15). Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from modem.sms.gsm7 import decode_gsm7, decode_ucs2, encode_gsm7, encode_ucs2, pack, unpack

LONGEST_CODE: Final = 160  # characters; the network accepts 182 septets (22.090)

# The characters with the same value in ASCII and the GSM alphabet, without the quote that ends a code.
CODE: Final = rf"[ !#%&'()*+,./0-9:;<=>?A-Za-z-]{{1,{LONGEST_CODE}}}"
"""A regular expression for a code, or a reply to a menu."""

_CODE: Final = re.compile(CODE)


class Form(Enum):
    """The form of a code in AT+CUSD, and of an answer in +CUSD."""

    PLAIN = "plain"  # as text, in the character set of AT+CSCS
    PACKED = "packed"  # as hexadecimal octets of packed septets (23.038, 6.1.2.3)
    UCS2 = "ucs2"  # as hexadecimal octets of UCS-2


class Session(Enum):
    """The `<m>` of +CUSD: the state of the session."""

    DONE = "done"
    OPEN = "open"  # a menu: the network waits for a reply
    ENDED = "ended"  # by the network
    ELSEWHERE = "elsewhere"  # another client on the modem answered
    NOT_SUPPORTED = "not_supported"
    TIMED_OUT = "timed_out"  # in the network

    @property
    def answered(self) -> bool:
        """Whether the network answered the code."""
        return self in (Session.DONE, Session.OPEN)


_NO_TEXT: Final = frozenset({"Cc", "Cn", "Co"})  # control, unassigned, private
_SESSIONS: Final = dict(enumerate(Session))  # in the order of their numbers


@dataclass(frozen=True, slots=True)
class Reply:
    """The network's answer to one code."""

    session: Session
    text: str  # "" without a text
    reason: str = field(default="", compare=False)  # the modem's line in place of +CUSD, such as NO CARRIER


@dataclass(frozen=True, slots=True)
class UssdAnswer:
    """The network's answers to a code, and to the replies after it in the same session."""

    port: int
    slot: int
    iccid: str  # of the SIM, as in `SlotStatus`
    replies: tuple[Reply, ...]  # at least one
    unsaid: int  # codes that were not sent because the session had ended before

    @property
    def text(self) -> str:
        """The last text of the network."""
        return self.replies[-1].text

    @property
    def session(self) -> Session:
        """The last state of the session. An open one was closed afterwards."""
        return self.replies[-1].session


class UssdError(Exception):
    """There is no answer; the text gives the reason, and a remedy."""


class UssdUnavailableError(UssdError):
    """The port cannot send a code now: nothing went to the network, or the modem was lost meanwhile."""


class UssdRefusedError(UssdError):
    """The modem refused the code. `misunderstood`: it may accept another form."""

    def __init__(self, reason: str, *, misunderstood: bool = False) -> None:
        super().__init__(reason)
        self.misunderstood = misunderstood


class UssdSilentError(UssdError):
    """The network did not answer in time."""


def is_code(text: str) -> bool:
    """Whether this can be sent: `*123#`, or a reply to a menu."""
    return _CODE.fullmatch(text) is not None


def encode(code: str, form: Form) -> str:
    """A code (see `is_code`) as the text between the quotes of AT+CUSD."""
    if form is Form.UCS2:
        return encode_ucs2(code).hex().upper()
    if form is Form.PLAIN:
        return code
    septets = encode_gsm7(code)
    if len(septets) % 8 == 7:
        septets += b"\r"  # otherwise seven spare bits would read as an @ (23.038, 6.1.2.3.1)
    return pack(septets).hex().upper()


def parse(line: str, form: Form = Form.PLAIN, charset: str = "GSM") -> Reply:
    """Read `+CUSD: <m>[,<str>[,<dcs>]]` as modems write it; the line is its bytes as latin-1.

    `form` and `charset` (of AT+CSCS) are those of the question; the answer may have others. Never raises.
    """
    body = line.partition(":")[2].strip()
    mode = re.match(r"[0-9]?", body)
    session = _SESSIONS.get(int(mode[0]) if mode and mode[0] else 0, Session.ENDED)
    rest = body.partition(",")[2].strip(" ")
    said, dcs = _quoted(rest) if '"' in rest else _unquoted(rest)
    return Reply(session, decode(said, dcs, form, charset))


def decode(said: str, dcs: int | None, form: Form = Form.PLAIN, charset: str = "GSM") -> str:
    """The text of a `<str>`. The `dcs` (23.038, 5) counts only where the text fits it. Never raises."""
    octets = _octets(said)
    if octets is not None:
        coding = _coding(dcs)
        wide = _wide(octets)
        if _likely_wide(wide) or (wide and coding == "ucs2" and not said.isdecimal()):
            return _clean(wide)
        if coding == "8bit":
            return _clean(_bytes_text(octets))
        narrow = _unpacked(octets)
        if form is Form.PACKED or (not said.isdecimal() and _likely(narrow)):
            return _clean(narrow)
    raw = said.encode("latin-1", "replace")
    if charset == "GSM" and max(raw, default=0) < 0x80:
        return _clean(decode_gsm7(raw))
    return _clean(_bytes_text(raw))


def _quoted(rest: str) -> tuple[str, int | None]:
    """Text between the first quote and the last one, and the coding scheme; the last quote may be missing."""
    inside = rest[rest.index('"') + 1 :]
    said, quote, after = inside.rpartition('"')
    if not quote:
        return inside, None
    dcs = re.match(r"\s*,\s*([0-9]{1,3})(?![0-9])", after)
    return said, int(dcs[1]) if dcs else None


def _unquoted(rest: str) -> tuple[str, int | None]:
    said, comma, dcs = rest.rpartition(",")
    if comma and re.fullmatch(r"\s*[0-9]{1,3}\s*", dcs) and _octets(said.strip()) is not None:
        return said.strip(), int(dcs)
    return rest.strip(), None


def _octets(said: str) -> bytes | None:
    """The octets of hexadecimal digits; None for any other text. A modem never mixes upper and lower case."""
    if not re.fullmatch(r"[0-9A-F]{2,}|[0-9a-f]{2,}", said) or (len(said) % 2 and len(said) < 8):
        return None
    return bytes.fromhex(said[: len(said) // 2 * 2])  # a long one may have been cut


def _coding(dcs: int | None) -> str:
    """The alphabet of a coding scheme of cell broadcast and USSD (23.038, 5)."""
    if dcs is None:
        return ""
    if dcs == 0x11:
        return "ucs2"
    if dcs & 0xC0 == 0x40 or dcs & 0xF0 == 0x90:
        return {0x04: "8bit", 0x08: "ucs2"}.get(dcs & 0x0C, "gsm7")
    if dcs & 0xF0 == 0xF0:
        return "8bit" if dcs & 0x04 else "gsm7"
    return "gsm7"


def _wide(octets: bytes) -> str:
    """Octets as UCS-2, up to the filler, after which some modems send garbage; "" where that is no text."""
    text = re.split("[\0\uffff]", decode_ucs2(octets))[0].lstrip("\ufeff")
    readable = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    unreadable = any(unicodedata.category(char) in _NO_TEXT and not char.isspace() for char in readable)
    return "" if unreadable else readable


def _likely_wide(text: str) -> bool:
    """Whether it is certainly UCS-2: mostly Latin, Greek, Cyrillic or Arabic, which rarely come by chance."""
    return 2 * sum(char < "\u0700" for char in text) > len(text)


def _unpacked(octets: bytes) -> str:
    """Octets as packed septets, without the filler at their end."""
    count = len(octets) * 8 // 7
    septets = unpack(octets, count)
    if count % 8 == 0 and septets[-1:] in (b"\r", b"\0"):
        septets = septets[:-1]
    return decode_gsm7(septets)


def _likely(text: str) -> bool:
    """Whether it is text. Other data gives Greek letters and signs when it is unpacked."""
    common = sum((char.isascii() and char.isprintable()) or char in "\r\néèàùçÇÉ€" for char in text)
    return 5 * common >= 4 * len(text)


def _bytes_text(octets: bytes) -> str:
    """Octets as UTF-8 where they are valid, otherwise as latin-1."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _clean(text: str) -> str:
    """Text without control characters except line feeds, and without blanks around it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in lines if char == "\n" or char.isprintable() or char.isspace()).strip()
