"""Writes SMS-SUBMIT, reads SMS-DELIVER and SMS-STATUS-REPORT (23.040).

All are hexadecimal with the SMSC address in front, the form of AT+CMGS, +CMGR, +CMGL, +CMT and +CDS in PDU mode
(27.005, 3.1, `<pdu>`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from modem.sms.address import encode_address, read_address, read_smsc
from modem.sms.gsm7 import Alphabet, decode_gsm7, decode_ucs2, encode_gsm7, encode_ucs2, pack, unpack
from modem.sms.octet_reader import OctetReader, TpduError
from modem.sms.segmentation import MAX_PARTS, Segment, join
from modem.sms.time_stamp import aware, clock_reading, time_stamp, zone_on_earth
from modem.sms.user_data_header import (
    Concat,
    concat_header,
    concat_of,
    discards,
    locking_shift,
    port_of,
    read_elements,
    single_shift,
)

__all__ = ["Concat", "Deliver", "Pdu", "ReportKind", "Signal", "StatusReport", "TpduError", "parse", "submit"]


class ReportKind(Enum):
    """The state of a part by its status report (23.040, 9.2.3.15)."""

    DELIVERED = "delivered"  # the transaction is completed
    PENDING = "pending"  # the service centre is still trying: another report follows
    FAILED = "failed"  # the service centre stopped trying


class Signal(Enum):
    """The kind of an SMS-DELIVER that is no text for a person. The values are names for programs."""

    TYPE_0 = "type_0"  # acknowledged and discarded by every telephone (23.040, 9.2.3.9)
    VOICEMAIL = "voicemail"  # a message waiting indication whose text is to be discarded (23.038, 4)
    SIM_DATA = "sim_data"  # written by an operator to its SIM card (23.040, 9.2.3.9)


@dataclass(frozen=True, slots=True)
class Pdu:
    """The PDU for AT+CMGS: its hexadecimal digits, and the number of octets after the SMSC address."""

    hex: str
    length: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """An SMS-DELIVER: an incoming text, or one part of it (23.040, 9.2.2.1)."""

    smsc: str
    sender: str  # "+…" for an international number; otherwise digits, or a name
    # For one of several parts: it may begin or end with half of a surrogate pair, which UTF-8 (and SQLite) refuses. Only
    # `modem.sms.segmentation.join` over all parts gives valid text.
    # For 8-bit or compressed data: the octets in hexadecimal.
    text: str
    sent_at: datetime | None  # the service centre's time stamp, aware; None where it is not a date
    concat: Concat | None
    alphabet: Alphabet | None  # None: 8-bit or compressed data
    # 0: shown at once and not stored; 1: for the modem; 2: for the SIM; 3: for a terminal
    message_class: int | None
    pid: int
    dcs: int
    # The date and time of a time stamp without a valid time zone; `sent_at` is None then.
    sent_clock: datetime | None = None
    # The destination port: the application at the recipient (23.040, 9.2.3.24.3 and .4).
    port: int | None = None
    discards: bool = False  # the header allows to discard the text once an indicator is set
    copy: int = (
        0  # the number of messages with the same octets in the modem's memory that were read before this one
    )
    # The received octets with TP-MMS cleared, because a repetition may have another TP-MMS.
    octets: bytes = field(default=b"", compare=False, repr=False)

    @property
    def signal(self) -> Signal | None:
        """The kind of a message that is no text; None for texts and data."""
        if self.pid == _PID_TYPE_0:
            return Signal.TYPE_0
        if self.pid == _PID_SIM_DATA:
            return Signal.SIM_DATA
        if self.discards or self.dcs >> 4 == _DISCARD_GROUP:
            return Signal.VOICEMAIL
        return None

    @property
    def is_data(self) -> bool:
        """Whether this is for a program: octets, or addressed to a port, such as MMS and WAP push."""
        return self.alphabet is None or self.port is not None

    @property
    def encoding(self) -> str:
        """`gsm7`, `ucs2`, or `8bit` where `text` has hexadecimal digits."""
        return "8bit" if self.alphabet is None else self.alphabet.value

    @property
    def has_date(self) -> bool:
        """Whether the time stamp is a date, with a time zone or without."""
        return self.sent_at is not None or self.sent_clock is not None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """An SMS-STATUS-REPORT: the delivery state of a sent part (23.040, 9.2.2.3)."""

    smsc: str
    reference: int  # the TP-MR that the modem answered when the part was submitted
    recipient: str  # "+…" for an international number; otherwise digits
    service_centre_at: (
        datetime | None
    )  # when the service centre accepted the part, aware; None without a valid date
    discharged_at: datetime | None  # when it was delivered or last tried, aware; None without a valid date
    status: int  # TP-ST
    # The date and time of TP-SCTS where neither it nor TP-DT has a valid time zone; `service_centre_at` is None then.
    service_centre_clock: datetime | None = None

    @property
    def kind(self) -> ReportKind:
        """The meaning of the status. Reserved values count with their group; values above 0x7F are failures."""
        if self.status < 0x20:
            return ReportKind.DELIVERED
        if self.status < 0x40:
            return ReportKind.PENDING
        return ReportKind.FAILED


def submit(
    recipient: str,
    segment: Segment,
    *,
    seq: int,
    total: int,
    reference: int,
    validity_s: int | None = None,
    report: bool = True,
    reject_duplicates: bool = False,
    message_reference: int = 0,
) -> Pdu:
    """The SMS-SUBMIT of one part (23.040, 9.2.2.2), for the service centre of the SIM.

    `recipient` is E.164 with its `+`, or a short code without one. `reference` (0 to 255) is the same for all parts of
    a message; a message of one part has no header. `validity_s` is how long the service centre may try to deliver, rounded
    up to a value of the standard: 5 minutes to 63 weeks; None selects the default of the service centre.
    `message_reference` is the TP-MR, which most modems overwrite.

    Raises ValueError for invalid arguments (UnencodableError where the text does not fit its alphabet).
    """
    if not 1 <= seq <= total <= MAX_PARTS:
        raise ValueError(f"there is no part {seq} of {total}")
    header = b"" if total == 1 else concat_header(reference, total=total, seq=seq)
    first = (
        _SUBMIT
        | (_REJECT_DUPLICATES if reject_duplicates else 0)
        | (_VALIDITY_RELATIVE if validity_s is not None else 0)
        | (_STATUS_REPORT_REQUEST if report else 0)
        | (_HEADER_INDICATOR if header else 0)
    )
    dcs = 0x00 if segment.alphabet is Alphabet.GSM7 else 0x08
    validity = b"" if validity_s is None else bytes([_relative_validity(validity_s)])
    tpdu = (
        bytes([first, message_reference])
        + encode_address(recipient)
        + bytes([_PID, dcs])
        + validity
        + _user_data(header, segment)
    )
    return Pdu(hex=_SMSC_OF_SIM + tpdu.hex().upper(), length=len(tpdu))


def parse(pdu_hex: str) -> Deliver | StatusReport:
    """Read the PDU of a stored or delivered message.

    Raises TpduError for any invalid string, and no other error.
    """
    try:
        octets = OctetReader(bytes.fromhex(pdu_hex))
    except ValueError:
        raise TpduError("not hexadecimal, or half an octet") from None
    smsc = read_smsc(octets)
    first = octets.one()
    kind = first & 0x03
    if kind == _SUBMIT:
        raise TpduError("an SMS-SUBMIT: a stored outgoing message")
    if kind == _STATUS_REPORT:
        return _read_status_report(octets, smsc)
    # SMS-DELIVER, or the reserved fourth kind, which must be read as one (23.040, 9.2.3.1).
    return _read_deliver(octets, smsc, header=bool(first & _HEADER_INDICATOR))


_SMSC_OF_SIM = "00"
_PID = 0x00  # short message, no interworking (23.040, 9.2.3.9)
_PID_TYPE_0 = 0x40
_PID_SIM_DATA = 0x7F
_DISCARD_GROUP = 0b1100  # of TP-DCS: message waiting indication, discard message (23.038, 4)

# The first octet (23.040, 9.2.3.1 to 9.2.3.7, 9.2.3.23 and 9.2.3.25)
_SUBMIT = 0x01
_STATUS_REPORT = 0x02
_REJECT_DUPLICATES = 0x04
_VALIDITY_RELATIVE = 0x10
_STATUS_REPORT_REQUEST = 0x20
_HEADER_INDICATOR = 0x40
_MORE_TO_COME = 0x04  # TP-MMS, inverted

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800


def _relative_validity(seconds: int) -> int:
    """TP-VP for at least `seconds`, 63 weeks at most (23.040, 9.2.3.12.1)."""
    if seconds <= 12 * _HOUR:
        return max(_steps(seconds, 5 * _MINUTE), 1) - 1
    if seconds <= 24 * _HOUR:
        return 143 + _steps(seconds - 12 * _HOUR, 30 * _MINUTE)
    if seconds <= 30 * _DAY:
        return 166 + _steps(seconds, _DAY)
    return 192 + min(_steps(seconds, _WEEK), 63)


def _steps(seconds: int, step: int) -> int:
    """The number of steps that cover `seconds`."""
    return -(-seconds // step)


def _user_data(header: bytes, segment: Segment) -> bytes:
    """TP-UDL and TP-UD (23.040, 9.2.3.16 and 9.2.3.24)."""
    if segment.alphabet is Alphabet.GSM7:
        codes = encode_gsm7(segment.text)
        header_septets, fill_bits = _septets_of(header)
        length = header_septets + len(codes)
        data = header + pack(codes, fill_bits)
    else:
        data = header + encode_ucs2(segment.text)
        length = len(data)
    if len(data) > 140:
        raise ValueError("the text is longer than one part can hold")
    return bytes([length]) + data


def _septets_of(header: bytes) -> tuple[int, int]:
    """The number of septets that a header occupies, and the fill bits of the last one."""
    bits = 8 * len(header)
    taken = -(-bits // 7)
    return taken, 7 * taken - bits


def _read_status_report(octets: OctetReader, smsc: str) -> StatusReport:
    """Read up to TP-ST. The optional fields after it (TP-PI and others) are not needed, and often wrong."""
    reference = octets.one()
    recipient = read_address(octets)
    rest = octets.take(15)
    taken, discharged = clock_reading(rest[:7]), clock_reading(rest[7:14])
    # Each stamp's own time zone first, then that of the other: both come from the same service centre.
    zones = [zone_on_earth(rest[place]) for place, at in ((6, taken), (13, discharged)) if at is not None]
    zone = next(filter(None, zones), None)
    service_centre_at = aware(taken, zone_on_earth(rest[6]) or zone)
    return StatusReport(
        smsc=smsc,
        reference=reference,
        recipient=recipient,
        service_centre_at=service_centre_at,
        discharged_at=aware(discharged, zone_on_earth(rest[13]) or zone),
        status=rest[14],
        service_centre_clock=taken if service_centre_at is None else None,
    )


def _read_deliver(octets: OctetReader, smsc: str, *, header: bool) -> Deliver:
    sender = read_address(octets)
    pid = octets.one()
    dcs = octets.one()
    stamp = octets.take(7)
    sent_at = time_stamp(stamp)
    length = octets.one()
    alphabet, message_class = _coding(dcs)
    data = octets.take(-(-length * 7 // 8) if alphabet is Alphabet.GSM7 else length)
    head = data[: data[0] + 1] if header and data else b""
    if head and len(head) <= data[0]:
        raise TpduError("the header is longer than the user data")
    elements = read_elements(head[1:])
    concat = concat_of(elements)
    text = _text(data, length, head, alphabet, elements)
    return Deliver(
        smsc=smsc,
        sender=sender,
        text=text if concat else join([text]),
        sent_at=sent_at,
        concat=concat,
        alphabet=alphabet,
        message_class=message_class,
        pid=pid,
        dcs=dcs,
        sent_clock=clock_reading(stamp) if sent_at is None else None,
        port=port_of(elements),
        discards=discards(elements),
        octets=_without_more(octets.taken),
    )


def _without_more(taken: bytes) -> bytes:
    """The octets of an SMS-DELIVER with TP-MMS cleared: it depends on the other messages that wait at the service centre."""
    first = 1 + taken[0]
    return taken[:first] + bytes([taken[first] & ~_MORE_TO_COME]) + taken[first + 1 :]


def _coding(dcs: int) -> tuple[Alphabet | None, int | None]:
    """The alphabet (None: 8-bit or compressed data) and the class of a TP-DCS (23.038, 4)."""
    group = dcs >> 4
    if group < 0b1000:  # general data coding, and the same with automatic deletion
        message_class = dcs & 0x03 if dcs & 0x10 else None
        if dcs & 0x20:  # compressed (23.042), not used in practice
            return None, message_class
        # The reserved fourth alphabet is read as the default one.
        return (Alphabet.GSM7, None, Alphabet.UCS2, Alphabet.GSM7)[dcs >> 2 & 0x03], message_class
    if group == 0b1111:  # data coding and class
        return None if dcs & 0x04 else Alphabet.GSM7, dcs & 0x03
    # 1110: message waiting indication in UCS-2, to be stored. 1101: the same in GSM 7-bit. 1100: to be discarded.
    # Reserved values are read as GSM 7-bit.
    return Alphabet.UCS2 if group == 0b1110 else Alphabet.GSM7, None


def _text(
    data: bytes, length: int, head: bytes, alphabet: Alphabet | None, elements: dict[int, bytes]
) -> str:
    """The text after the header; `length` is TP-UDL."""
    body = data[len(head) :]
    if alphabet is None:
        return body.hex().upper()
    if alphabet is Alphabet.UCS2:
        return decode_ucs2(body)
    header_septets, fill_bits = _septets_of(head)
    codes = unpack(body, max(length - header_septets, 0), fill_bits)
    return decode_gsm7(codes, locking=locking_shift(elements), single=single_shift(elements))
