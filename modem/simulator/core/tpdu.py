"""The network's side of 23.040: SMS-SUBMIT read strictly, SMS-DELIVER and SMS-STATUS-REPORT built.

Written apart from `modem/sms/tpdu.py` on purpose, so that an error in the one is not undone by the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from modem.simulator.core import alphabet

MAX_USER_DATA = 140  # octets (9.2.3.16)
MAX_SEPTETS = 160
MAX_ADDRESS_DIGITS = 20  # 9.1.2.5: ten octets of semi-octets
INVALID = 304  # 27.005 3.2.5: "invalid PDU mode parameter"
UNSUPPORTED_ALPHABET = 144  # TP-FCS 0x90 (9.2.3.22)
UNSPECIFIED_DCS_ERROR = 159  # TP-FCS 0x9F
INVALID_ADDRESS = 195  # TP-FCS 0xC3, "invalid SME address"
PROTOCOL_ERROR = 111  # 24.011 E-2, "protocol error, unspecified"

_GSM7, _EIGHT_BIT, _UCS2 = 0, 1, 2
_DIGITS = "0123456789*#abc"
_INTERNATIONAL = 0x91


class RefusedTpduError(Exception):
    """The TPDU is not an SMS-SUBMIT, or not one that the network carries. `code` is the +CMS ERROR to answer."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Which part of which message this is (9.2.3.24.1 and 9.2.3.24.8)."""

    reference: int
    wide: bool  # the 16-bit reference
    total: int
    seq: int


@dataclass(frozen=True, slots=True)
class Submit:
    """An SMS-SUBMIT (9.2.2.2)."""

    reject_duplicates: bool
    report: bool
    header: bool  # TP-UDHI
    reply_path: bool
    reference: int
    address: bytes  # the octets of TP-DA: length, type, semi-octets
    recipient: str  # digits, with + where the type of number is international
    pid: int
    dcs: int
    validity_s: int | None
    user_data_length: int
    user_data: bytes

    def text(self) -> str:
        """The text of this part alone; hexadecimal digits where it holds 8-bit data."""
        return decode(self.dcs, self.header, self.user_data_length, self.user_data)

    def concatenation(self) -> Concatenation | None:
        """The part's place in a longer message; None for a whole message."""
        return concatenation(self.user_data) if self.header else None


def parse_submit(octets: bytes) -> Submit:
    """Read a TPDU (without service centre address) as strictly as 9.2.2.2 is written.

    Raises `RefusedTpduError`.
    """
    try:
        return _parse_submit(octets)
    except IndexError:
        raise RefusedTpduError(INVALID, "the TPDU ends too early") from None


def _parse_submit(octets: bytes) -> Submit:
    first = octets[0]
    if first & 0x03 != 0x01:
        raise RefusedTpduError(INVALID, "TP-MTI is not SMS-SUBMIT")
    address, recipient, at = _address(octets, 2)
    pid, dcs = octets[at], octets[at + 1]
    at += 2
    validity_format = (first >> 3) & 0x03
    size = (0, 7, 1, 7)[validity_format]
    validity = octets[at : at + size]
    if len(validity) != size:
        raise RefusedTpduError(INVALID, "the validity period ends too early")
    length = octets[at + size]
    user_data = octets[at + size + 1 :]
    kind = _alphabet(dcs)
    if length > (MAX_SEPTETS if kind == _GSM7 else MAX_USER_DATA):
        raise RefusedTpduError(INVALID, "TP-UDL is beyond the maximum")
    if len(user_data) != (length * 7 + 7) // 8 if kind == _GSM7 else len(user_data) != length:
        raise RefusedTpduError(INVALID, "TP-UDL does not match the user data")
    if first & 0x40:
        _check_header(user_data, kind)
    elif kind == _UCS2 and length % 2:
        raise RefusedTpduError(INVALID, "half a UCS-2 character")
    return Submit(
        reject_duplicates=bool(first & 0x04),
        report=bool(first & 0x20),
        header=bool(first & 0x40),
        reply_path=bool(first & 0x80),
        reference=octets[1],
        address=address,
        recipient=recipient,
        pid=pid,
        dcs=dcs,
        validity_s=_validity_s(validity_format, validity),
        user_data_length=length,
        user_data=user_data,
    )


def _address(octets: bytes, at: int) -> tuple[bytes, str, int]:
    digits, kind = octets[at], octets[at + 1]
    if not 1 <= digits <= MAX_ADDRESS_DIGITS:
        raise RefusedTpduError(INVALID, f"an address of {digits} digits")
    if not kind & 0x80:
        raise RefusedTpduError(INVALID, "the type of address lacks its extension bit")
    end = at + 2 + (digits + 1) // 2
    packed = octets[at + 2 : end]
    if len(packed) != (digits + 1) // 2:
        raise RefusedTpduError(INVALID, "the address ends too early")
    if kind & 0x70 == 0x50:
        raise RefusedTpduError(INVALID_ADDRESS, "an alphanumeric address cannot be sent to")
    nibbles = [nibble for octet in packed for nibble in (octet & 0x0F, octet >> 4)]
    if digits % 2 and nibbles.pop() != 0x0F:
        raise RefusedTpduError(INVALID, "an odd address does not end in F")
    if 0x0F in nibbles:
        raise RefusedTpduError(INVALID, "a filler inside the address")
    number = "".join([_DIGITS[nibble] for nibble in nibbles])
    if kind & 0x70 == 0x10:
        if not number.isdecimal():
            raise RefusedTpduError(INVALID_ADDRESS, "an international number has digits only")
        number = "+" + number
    return octets[at:end], number, end


def _alphabet(dcs: int) -> int:
    group = dcs >> 4
    if group < 0x8:  # general data coding, and marked for automatic deletion (23.038, 4)
        if dcs & 0x20:
            raise RefusedTpduError(UNSPECIFIED_DCS_ERROR, "compressed text is not carried")
        kind = (dcs >> 2) & 0x03
        if kind == 0x03:
            raise RefusedTpduError(UNSUPPORTED_ALPHABET, "a reserved alphabet")
        return kind
    if group < 0xC:
        raise RefusedTpduError(UNSUPPORTED_ALPHABET, "a reserved coding group")
    if group == 0xF:
        return _EIGHT_BIT if dcs & 0x04 else _GSM7
    return _UCS2 if group == 0xE else _GSM7


def _check_header(user_data: bytes, kind: int) -> None:
    if not user_data or user_data[0] + 1 > len(user_data):
        raise RefusedTpduError(INVALID, "the user data header is longer than the user data")
    end = user_data[0] + 1
    at = 1
    while at < end:
        if at + 2 > end or at + 2 + user_data[at + 1] > end:
            raise RefusedTpduError(PROTOCOL_ERROR, "an information element runs over its header")
        element, size = user_data[at], user_data[at + 1]
        if (element, size) in {(0x00, 3), (0x08, 4)}:
            total, seq = user_data[at + size], user_data[at + size + 1]
            if not 1 <= seq <= total:
                raise RefusedTpduError(PROTOCOL_ERROR, f"part {seq} of {total}")
        elif element in {0x00, 0x08}:
            raise RefusedTpduError(PROTOCOL_ERROR, f"a concatenation element of {size} octets")
        at += 2 + size
    if kind == _UCS2 and (len(user_data) - end) % 2:
        raise RefusedTpduError(INVALID, "half a UCS-2 character")


def _validity_s(validity_format: int, octets: bytes) -> int | None:
    """Seconds of a relative TP-VP (9.2.3.12.1); None where there is none, or one of the rarer forms."""
    if validity_format != 0x02:
        return None
    value = octets[0]
    if value <= 143:
        return (value + 1) * 300
    if value <= 167:
        return 12 * 3600 + (value - 143) * 1800
    if value <= 196:
        return (value - 166) * 86400
    return (value - 192) * 7 * 86400


def concatenation(user_data: bytes) -> Concatenation | None:
    """The first concatenation element of a user data header, None without one."""
    end = user_data[0] + 1
    at = 1
    while at + 2 <= end:
        element, size = user_data[at], user_data[at + 1]
        value = user_data[at + 2 : at + 2 + size]
        if element == 0x00 and size == 3:
            return Concatenation(value[0], wide=False, total=value[1], seq=value[2])
        if element == 0x08 and size == 4:
            return Concatenation(value[0] << 8 | value[1], wide=True, total=value[2], seq=value[3])
        at += 2 + size
    return None


def decode(dcs: int, header: bool, length: int, user_data: bytes) -> str:
    """The text that user data holds, without its header; hexadecimal digits where it holds 8-bit data."""
    kind = _alphabet(dcs)
    skip = user_data[0] + 1 if header else 0
    if kind == _GSM7:
        hidden = (skip * 8 + 6) // 7
        return alphabet.text_of(alphabet.unpack(user_data, length, 0)[hidden:])
    if kind == _UCS2:
        return user_data[skip:].decode("utf-16-be", "replace")
    return user_data[skip:].hex().upper()


def is_default_alphabet(dcs: int) -> bool:
    """Whether user data of this coding scheme is GSM 7-bit text (23.038, 4)."""
    try:
        return _alphabet(dcs) == _GSM7
    except RefusedTpduError:
        return False


def address(number: str) -> bytes:
    """An address field (9.1.2.5): +223... international, digits of unknown type, anything else alphanumeric."""
    digits = number.removeprefix("+")
    if digits and all(digit in _DIGITS for digit in digits):
        kind = _INTERNATIONAL if number.startswith("+") else 0x81
        return bytes([len(digits), kind]) + _semi_octets(digits)
    septets = alphabet.septets_of(number) or b""
    packed = alphabet.pack(septets)
    return bytes([(len(septets) * 7 + 3) // 4, 0xD0]) + packed


def service_centre(number: str) -> bytes:
    """The address of a service centre as modems put it before a TPDU: length in octets, type, semi-octets."""
    digits = number.removeprefix("+")
    if not digits:
        return b"\x00"
    packed = _semi_octets(digits)
    return bytes([1 + len(packed), _INTERNATIONAL if number.startswith("+") else 0x81]) + packed


def _semi_octets(digits: str) -> bytes:
    nibbles = [_DIGITS.index(digit) for digit in digits]
    if len(nibbles) % 2:
        nibbles.append(0x0F)
    return bytes([low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True)])


def timestamp(moment: datetime) -> bytes:
    """Seven octets of TP-SCTS (9.2.3.11), with the zone in quarters of an hour."""
    quarters = int((moment.utcoffset() or timedelta()).total_seconds()) // 900
    fields = (moment.year % 100, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    octets = [value // 10 | (value % 10) << 4 for value in fields]
    zone = abs(quarters)
    octets.append(zone // 10 | (zone % 10) << 4 | (0x08 if quarters < 0 else 0))
    return bytes(octets)


def deliver(
    sender: str,
    at: datetime,
    *,
    pid: int,
    dcs: int,
    user_data_length: int,
    user_data: bytes,
    header: bool = False,
    reply_path: bool = False,
) -> bytes:
    """An SMS-DELIVER (9.2.2.1) with this user data, unchanged, and no more messages to come."""
    first = 0x04 | (0x40 if header else 0) | (0x80 if reply_path else 0)
    head = bytes([first]) + address(sender) + bytes([pid, dcs]) + timestamp(at)
    return head + bytes([user_data_length]) + user_data


def deliver_text(
    sender: str, text: str, at: datetime, *, reference: int = 0, dcs: int | None = None
) -> list[bytes]:
    """A text from a phone: as many SMS-DELIVER as it takes."""
    septets = alphabet.septets_of(text)
    if septets is not None and dcs in {None, 0x00, 0x10}:
        return _deliver_septets(sender, septets, at, reference, dcs or 0)
    octets = text.encode("utf-16-be")
    pieces = _pieces(octets, 140, 134, lambda start: octets[start] & 0xFC == 0xDC)
    parts = []
    for seq, piece in enumerate(pieces, 1):
        header = _concatenation_header(reference, len(pieces), seq)
        user_data = header + piece
        parts.append(
            deliver(
                sender,
                at,
                pid=0,
                dcs=0x08 if dcs is None else dcs,
                user_data_length=len(user_data),
                user_data=user_data,
                header=bool(header),
            )
        )
    return parts


def _deliver_septets(sender: str, septets: bytes, at: datetime, reference: int, dcs: int) -> list[bytes]:
    pieces = _pieces(septets, 160, 153, lambda start: septets[start - 1] == 0x1B)
    parts = []
    for seq, piece in enumerate(pieces, 1):
        header = _concatenation_header(reference, len(pieces), seq)
        fill = -len(header) * 8 % 7
        user_data = header + alphabet.pack(piece, fill)
        length = (len(header) * 8 + fill) // 7 + len(piece)
        parts.append(
            deliver(
                sender, at, pid=0, dcs=dcs, user_data_length=length, user_data=user_data, header=bool(header)
            )
        )
    return parts


def _pieces(data: bytes, alone: int, together: int, splits: Callable[[int], bool]) -> list[bytes]:
    """Cut data into parts that fit, never where `splits` says that a character would be cut in two."""
    if len(data) <= alone:
        return [data]
    pieces = []
    start = 0
    while start < len(data):
        end = min(start + together, len(data))
        while end < len(data) and splits(end):
            end -= 1
        pieces.append(data[start:end])
        start = end
    return pieces


def _concatenation_header(reference: int, total: int, seq: int) -> bytes:
    return bytes([5, 0x00, 3, reference & 0xFF, total, seq]) if total > 1 else b""


def status_report(
    submit: Submit, reference: int, accepted_at: datetime, discharged_at: datetime, status: int
) -> bytes:
    """An SMS-STATUS-REPORT (9.2.2.3) for a submission."""
    head = bytes([0x06, reference]) + submit.address
    return head + timestamp(accepted_at) + timestamp(discharged_at) + bytes([status])


def without_zones(report: bytes) -> bytes:
    """An SMS-STATUS-REPORT whose two time stamps have invalid time zone octets, as two networks send them."""
    taken = 4 + (report[2] + 1) // 2 + 6
    discharged = taken + 7
    return report[:taken] + b"\xe1" + report[taken + 1 : discharged] + b"\xc2" + report[discharged + 1 :]


@dataclass(frozen=True, slots=True)
class Received:
    """The fields of an SMS-DELIVER that text mode shows (27.005, 3.4.3)."""

    first: int
    sender: str
    sender_type: int
    pid: int
    dcs: int
    at: str  # yy/MM/dd,hh:mm:ss+zz
    header: bool
    user_data_length: int
    user_data: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """The fields of an SMS-STATUS-REPORT that text mode shows."""

    first: int
    reference: int
    recipient: str
    recipient_type: int
    accepted_at: str
    discharged_at: str
    status: int


def read_deliver(octets: bytes) -> Received:
    """Take an SMS-DELIVER of this network apart."""
    sender, kind, at = _any_address(octets, 1)
    return Received(
        first=octets[0],
        sender=sender,
        sender_type=kind,
        pid=octets[at],
        dcs=octets[at + 1],
        at=_shown_time(octets[at + 2 : at + 9]),
        header=bool(octets[0] & 0x40),
        user_data_length=octets[at + 9],
        user_data=octets[at + 10 :],
    )


def read_report(octets: bytes) -> Report:
    """Take an SMS-STATUS-REPORT of this network apart."""
    recipient, kind, at = _any_address(octets, 2)
    return Report(
        first=octets[0],
        reference=octets[1],
        recipient=recipient,
        recipient_type=kind,
        accepted_at=_shown_time(octets[at : at + 7]),
        discharged_at=_shown_time(octets[at + 7 : at + 14]),
        status=octets[at + 14],
    )


def _any_address(octets: bytes, at: int) -> tuple[str, int, int]:
    length, kind = octets[at], octets[at + 1]
    end = at + 2 + (length + 1) // 2
    packed = octets[at + 2 : end]
    if kind & 0x70 == 0x50:
        return alphabet.text_of(alphabet.unpack(packed, length * 4 // 7)), kind, end
    nibbles = [nibble for octet in packed for nibble in (octet & 0x0F, octet >> 4)][:length]
    number = "".join([_DIGITS[nibble] for nibble in nibbles if nibble < len(_DIGITS)])
    return ("+" + number if kind & 0x70 == 0x10 else number), kind, end


def _shown_time(octets: bytes) -> str:
    year, month, day, hour, minute, second = [f"{octet & 0x0F}{octet >> 4}" for octet in octets[:6]]
    sign = "-" if octets[6] & 0x08 else "+"
    quarters = (octets[6] & 0x07) * 10 + (octets[6] >> 4)
    return f"{year}/{month}/{day},{hour}:{minute}:{second}{sign}{quarters:02}"


def utc(seconds: float) -> datetime:
    """Wall-clock seconds as the network writes them: Mali keeps UTC."""
    return datetime.fromtimestamp(seconds, UTC)
