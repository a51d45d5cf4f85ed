"""Messages and status reports in text mode (27.005, 3.4.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.at.responses import is_text_form
from modem.driver.text_mode import read_report, read_text
from modem.sms.gsm7 import Alphabet, encode_gsm7, encode_ucs2, pack
from modem.sms.tpdu import Concat

HEAD = '+CMT: "+22376123456",,"26/11/22,10:00:00+04"'


@pytest.mark.parametrize(
    ("line", "in_text_mode"),
    [
        (HEAD, True),
        ('+CMT: "+22376123456","","26/11/22,10:00:00+00",145,4,0,0,"+22370000000",145,2', True),
        ('+CMT: "OrangeMoney","26/11/22,10:00:00+00"', True),
        ('+CDS: 6,8,"+22376123456",145,"26/11/22,10:00:00+00","26/11/22,10:00:07+00",0', True),
        ('+CDS: 6,8,,,"26/11/22,10:00:00+00","26/11/22,10:00:07+00",0', True),
        ("+CMT: ,30", False),
        ('+CMT: "A name",30', False),
        ("+CMT: 30", False),
        ("+CMT:", False),
        ("+CMT: ,", False),
        ("+CDS: 25", False),
        ("+CDS: ,25", False),
        ("+CMTI: 1,2,3", False),
    ],
)
def test_the_head_of_a_message_shows_the_mode(line: str, *, in_text_mode: bool) -> None:
    assert is_text_form(line) is in_text_mode


def test_the_time_is_read_with_its_zone() -> None:
    text = read_text(HEAD, "Bonjour")
    assert text is not None
    assert text.sent_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    assert text.text == "Bonjour"


@pytest.mark.parametrize("stamp", ["26/13/22,10:00:00+00", "", "26/11/22,10:00:00+99", "26/11/22,10:00:00"])
def test_a_message_with_an_invalid_time_is_read(stamp: str) -> None:
    text = read_text(f'+CMT: "36111",,"{stamp}"', "Bonjour")
    assert text is not None
    assert (text.text, text.sent_at) == ("Bonjour", None)


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("width", [8, 16])
def test_a_part_of_a_long_message_is_recognised_by_its_header(width: int, *, wide: bool) -> None:
    said = "Où êtes-vous ?" if wide else "Bonjour a tous, rendez-vous demain"
    header = bytes([5, 0, 3, 77, 3, 2]) if width == 8 else bytes([6, 8, 4, 0, 77, 3, 2])
    fill_bits = -8 * len(header) % 7
    data = encode_ucs2(said) if wide else pack(encode_gsm7(said), fill_bits)
    text = read_text(HEAD, (header + data).hex().upper())
    assert text is not None
    assert text.concat == Concat(77, width, 3, 2)
    assert text.text.rstrip("@") == said
    assert text.alphabet is (Alphabet.UCS2 if wide else Alphabet.GSM7)


def test_a_sender_in_ucs2_is_read() -> None:
    text = read_text('+CMT: "002B0032003200330037",,"26/11/22,10:00:00+00"', "00310032")
    assert text is not None
    assert (text.sender, text.text) == ("+2237", "12")


def test_a_status_report_is_read() -> None:
    report = read_report('+CDS: 6,255,"+22376123456",145,"26/11/22,10:00:00+00","26/11/22,10:00:07+00",70')
    assert report is not None
    assert (report.reference, report.recipient, report.status) == (255, "+22376123456", 70)
    assert report.service_centre_at is not None
    assert report.discharged_at == report.service_centre_at + timedelta(seconds=7)


@pytest.mark.parametrize(
    "line", ["+CDS:", "+CDS: 6,256,,,,,0", "+CDS: 6,8,,,,,", '+CDS: 6,x,"+223",145,"","",0']
)
def test_a_line_that_is_no_status_report_gives_none(line: str) -> None:
    assert read_report(line) is None


@given(head=st.text(max_size=80), body=st.text(max_size=200))
def test_any_message_is_read_without_an_error(head: str, body: str) -> None:
    for line in (head, f"+CMT: {head}", f"+CDS: {head}"):
        is_text_form(line)
        read_text(line, body)
        read_report(line)


@given(body=st.binary(max_size=160))
def test_any_octets_are_read_without_an_error(body: bytes) -> None:
    text = read_text(HEAD, body.hex().upper())
    assert text is not None
    text.text.encode("utf-16", "surrogatepass")
