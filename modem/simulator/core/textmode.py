"""Text mode (27.005, 3): messages as the program types and sees them."""

from __future__ import annotations

from modem.simulator.core import alphabet, tpdu
from modem.simulator.core.results import CmsError
from modem.simulator.core.settings import Settings
from modem.simulator.core.storage import STATUS_TEXT, Stored

INVALID_TEXT = 305  # 27.005, 3.2.5
_REPORT_WANTED, _HEADER, _VALIDITY = 0x20, 0x40, 0x18


def shown(text: str, charset: str) -> str:
    """Text as the program sees it; each character of the result is one octet on the line."""
    if charset == "UCS2":
        return text.encode("utf-16-be").hex().upper()
    if charset == "GSM":
        septets = alphabet.septets_of(text)
        return text if septets is None else septets.decode("latin-1")
    return text


def typed(octets: bytes, charset: str) -> str:
    """Text that the program typed. Raises `CmsError` where the octets are none in this character set."""
    if charset == "UCS2":
        return _unhex(octets).decode("utf-16-be", "replace")
    if charset == "GSM":
        if any(octet > 0x7F for octet in octets):
            raise CmsError(INVALID_TEXT)
        return alphabet.text_of(octets)
    return octets.decode("latin-1")


def _unhex(octets: bytes) -> bytes:
    try:
        return bytes.fromhex(octets.decode("ascii"))
    except ValueError:
        raise CmsError(INVALID_TEXT) from None


def submit(settings: Settings, recipient: str, body: bytes, too_long: int) -> bytes:
    """The SMS-SUBMIT of a typed text under +CSMP and +CSCS. Raises `CmsError`, with `too_long` for its length."""
    first, validity, pid, dcs = settings.csmp
    user_data, length = _user_data(settings, body, too_long)
    head = bytes([first & 0xFB | 0x01, 0]) + tpdu.address(recipient) + bytes([pid, dcs])
    if first & _VALIDITY == 0x10:
        head += bytes([validity])
    elif first & _VALIDITY:
        raise CmsError(303)  # the other forms of validity cannot be given as one number
    return head + bytes([length]) + user_data


def _user_data(settings: Settings, body: bytes, too_long: int) -> tuple[bytes, int]:
    first, _, _, dcs = settings.csmp
    is_data = bool(dcs & 0x0C) if dcs < 0x80 else bool(dcs & 0x04)
    if is_data or first & _HEADER:  # then two hexadecimal digits stand for an octet (27.005, 3.1 <data>)
        octets = _unhex(body)
        if len(octets) > tpdu.MAX_USER_DATA:
            raise CmsError(too_long)
        length = len(octets) if is_data else len(octets) * 8 // 7
        return octets, length
    septets = alphabet.septets_of(typed(body, settings.cscs))
    if septets is None:
        raise CmsError(INVALID_TEXT)
    if len(septets) > tpdu.MAX_SEPTETS:
        raise CmsError(too_long)
    return alphabet.pack(septets), len(septets)


def deliver_line(settings: Settings, octets: bytes) -> str:
    """+CMT of an SMS-DELIVER."""
    message = tpdu.read_deliver(octets)
    sender = shown(message.sender, settings.cscs)
    head = f'+CMT: "{sender}",,"{message.at}"'
    if settings.csdh:
        head += (
            f",{message.sender_type},{message.first},{message.pid},{message.dcs},,,{message.user_data_length}"
        )
    return f"{head}\r\n{_data(settings, message)}"


def report_line(octets: bytes) -> str:
    """+CDS of an SMS-STATUS-REPORT."""
    return f"+CDS: {_report(octets)}"


def _report(octets: bytes) -> str:
    report = tpdu.read_report(octets)
    return (
        f'{report.first},{report.reference},"{report.recipient}",{report.recipient_type},'
        f'"{report.accepted_at}","{report.discharged_at}",{report.status}'
    )


def read_lines(settings: Settings, stored: Stored) -> list[str]:
    """+CMGR of a stored message."""
    status = STATUS_TEXT[stored.status]
    if stored.is_report:
        return [f'+CMGR: "{status}",{_report(stored.tpdu)}']
    if stored.tpdu[0] & 0x03 == 0x01:
        message = tpdu.parse_submit(stored.tpdu)
        text = _shown_data(settings, message.dcs, message.header, message.user_data_length, message.user_data)
        return [f'+CMGR: "{status}","{shown(message.recipient, settings.cscs)}",', text]
    received = tpdu.read_deliver(stored.tpdu)
    head = f'+CMGR: "{status}","{shown(received.sender, settings.cscs)}",,"{received.at}"'
    if settings.csdh:
        centre, kind = _service_centre(stored.pdu)
        head += (
            f",{received.sender_type},{received.first},{received.pid},{received.dcs},"
            f'"{centre}",{kind},{received.user_data_length}'
        )
    return [head, _data(settings, received)]


def list_lines(settings: Settings, index: int, stored: Stored) -> list[str]:
    """+CMGL of a stored message."""
    status = STATUS_TEXT[stored.status]
    if stored.is_report:
        return [f'+CMGL: {index},"{status}",{_report(stored.tpdu)}']
    if stored.tpdu[0] & 0x03 == 0x01:
        head, text = read_lines(settings, stored)
        return [f"+CMGL: {index},{head.removeprefix('+CMGR: ')}", text]
    received = tpdu.read_deliver(stored.tpdu)
    head = f'+CMGL: {index},"{status}","{shown(received.sender, settings.cscs)}",,"{received.at}"'
    if settings.csdh:
        head += f",{received.sender_type},{received.user_data_length}"
    return [head, _data(settings, received)]


def _service_centre(pdu: bytes) -> tuple[str, int]:
    if pdu[0] == 0:
        return "", 129
    digits = "".join([f"{octet & 0x0F:X}{octet >> 4:X}" for octet in pdu[2 : 1 + pdu[0]]]).rstrip("F")
    return ("+" + digits if pdu[1] == 0x91 else digits), pdu[1]


def _data(settings: Settings, message: tpdu.Received) -> str:
    return _shown_data(settings, message.dcs, message.header, message.user_data_length, message.user_data)


def _shown_data(settings: Settings, dcs: int, header: bool, length: int, user_data: bytes) -> str:
    """27.005, 3.1 `<data>`: text in the chosen character set, or hexadecimal octets where it is none."""
    if header or not tpdu.is_default_alphabet(dcs):
        return user_data.hex().upper()
    return shown(tpdu.decode(dcs, header, length, user_data), settings.cscs)
