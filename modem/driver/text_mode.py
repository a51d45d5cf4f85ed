"""Reads messages and status reports that arrive in text mode: +CMT and +CDS (27.005, 3.4.1). Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from modem.at.responses import fields
from modem.sms.gsm7 import Alphabet, decode_gsm7, decode_ucs2, unpack
from modem.sms.tpdu import Concat, Deliver, StatusReport

_STAMP: Final = re.compile(r"(\d\d)/(\d\d)/(\d\d),\s*(\d\d):(\d\d):(\d\d)([+-]\d\d?)?", re.ASCII)
_MOST_QUARTERS: Final = 96
_HEX: Final = re.compile(r"(?:[0-9A-F]{2}){2,}|(?:[0-9a-f]{2}){2,}", re.ASCII)
_CONCAT_8, _CONCAT_16 = bytes([5, 0, 3]), bytes([6, 8, 4])  # the header of a part (23.040, 9.2.3.24)
_PLUS_UCS2: Final = "002B"
_COMMON_BELOW: Final = "\u0700"  # Latin, Greek, Cyrillic and Arabic; other octets rarely give these by chance


def read_text(head: str, text: str) -> Deliver | None:
    """Read a +CMT in text mode: `<oa>,[<alpha>],<scts>[,…]` in `head`, then the line `text`. None without a sender.

    Text mode does not give the alphabet: hexadecimal digits count as UCS-2, or as the part of a long message, only
    where nothing else is likely.
    """
    parts = fields(head)
    sender = _number(parts[0])
    if not sender:
        return None
    stamp = _STAMP.search(head)
    said, alphabet, concat = _body(text, all_wide=sender != parts[0])
    return Deliver(
        smsc="",
        sender=sender,
        text=said,
        sent_at=_time(stamp) if stamp else None,
        concat=concat,
        alphabet=alphabet,
        message_class=None,
        pid=0,
        dcs=8 if alphabet is Alphabet.UCS2 else 0,
        octets=f"{head}\n{text}".encode("latin-1", "replace"),
    )


def read_report(line: str) -> StatusReport | None:
    """Read a +CDS in text mode: `<fo>,<mr>,[<ra>],[<tora>],<scts>,<dt>,<st>`. None for any other line."""
    parts = fields(line)
    if len(parts) < 4 or not _is_octet(parts[1]) or not _is_octet(parts[-1]):
        return None
    times = [_time(found) for found in _STAMP.finditer(line)]
    quoted = parts[2] if len(parts) > 5 else ""
    return StatusReport(
        smsc="",
        reference=int(parts[1]),
        recipient=_number(quoted),
        service_centre_at=times[0] if times else None,
        discharged_at=times[1] if len(times) > 1 else None,
        status=int(parts[-1]),
    )


def _is_octet(said: str) -> bool:
    return said.isascii() and said.isdigit() and len(said) < 4 and int(said) < 256


def _number(said: str) -> str:
    """A number or name; with AT+CSCS="UCS2" it has hexadecimal digits."""
    if (
        len(said) % 4 == 0
        and _HEX.fullmatch(said)
        and said.upper().startswith((_PLUS_UCS2, "003", "004", "005"))
    ):
        return decode_ucs2(bytes.fromhex(said))
    return said


def _time(stamp: re.Match[str]) -> datetime | None:
    """Read `yy/MM/dd,hh:mm:ss±zz`, the zone in quarters of an hour. None without a date or a zone."""
    year, month, day, hour, minute, second = (int(part) for part in stamp.groups()[:6])
    if stamp[7] is None or abs(int(stamp[7])) > _MOST_QUARTERS:
        return None
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
        return local - timedelta(minutes=15 * int(stamp[7]))
    except (ValueError, OverflowError):
        return None


def _body(text: str, *, all_wide: bool) -> tuple[str, Alphabet, Concat | None]:
    """The text, its alphabet, and its place in a long message. `all_wide`: the sender came as UCS-2."""
    octets = bytes.fromhex(text) if _HEX.fullmatch(text) else b""
    if octets[:3] in (_CONCAT_8, _CONCAT_16) and len(octets) > octets[0]:
        end = octets[0] + 1
        *reference, total, seq = octets[3:end]
        if 1 <= seq <= total:
            concat = Concat(int.from_bytes(bytes(reference), "big"), 8 * len(reference), total, seq)
            return *_part(octets[end:], fill_bits=-8 * end % 7), concat
    wide = _wide(octets)
    if wide and (all_wide or not text.isdecimal()):
        return wide, Alphabet.UCS2, None
    return text, Alphabet.GSM7, None


def _part(data: bytes, *, fill_bits: int) -> tuple[str, Alphabet]:
    """Read the data after the header of a part: UCS-2, or packed septets (23.040, 9.2.3.24)."""
    wide = _wide(data)
    if wide:
        return wide, Alphabet.UCS2
    codes = unpack(data, (8 * len(data) - fill_bits) // 7, fill_bits)
    return decode_gsm7(codes), Alphabet.GSM7


def _wide(octets: bytes) -> str:
    """Octets as UCS-2; "" where another meaning is likelier."""
    if len(octets) < 2 or len(octets) % 2:
        return ""
    wide = decode_ucs2(octets)
    readable = wide.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    legible = all(char.isprintable() or char.isspace() for char in readable)
    common = sum(char < _COMMON_BELOW for char in wide)
    return wide if legible and 2 * common > len(wide) else ""
