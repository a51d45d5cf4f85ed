"""Redaction hides PINs, numbers, PDUs and texts in every form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.at.redaction import Mask, command
from modem.at.transcript import Direction, Transcript
from modem.sms.segmentation import segment
from modem.sms.tpdu import submit

DELIVER = "07912223010000F0040B912232547698F00000628011010101000AC8329BFD06DDDF723619"
REPORT = "07912223010000F006010B912232547698F0628011010100006280110101500000"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("AT", "AT"),
        ("AT+CNMI=2,1,0,1,0", "AT+CNMI=2,1,0,1,0"),
        ('AT+CPMS="SM","SM","SM"', 'AT+CPMS="SM","SM","SM"'),
        ("AT+CMGS=23", "AT+CMGS=23"),
        ("AT+CRSM=176,12258,0,0,10", "AT+CRSM=176,12258,0,0,10"),
        ("AT+CPIN?", "AT+CPIN?"),
        ('AT+CPIN="1234"', "AT+CPIN=…"),
        ("AT+CPIN=12345678", "AT+CPIN=…"),
        ('AT^CPIN=1,"1234"', "AT^CPIN=1,…"),
        ('AT+CPIN="12345678","1234"', "AT+CPIN=…,…"),
        ('AT+CPWD="SC","1234","5678"', 'AT+CPWD="SC",…,…'),
        ('AT+CLCK="SC",1,"1234"', 'AT+CLCK="SC",1,…'),
        ('AT+CLCK="SC",2', 'AT+CLCK="SC",2'),
        ('AT+CMEE=1;+CPIN="1234"', "AT+CMEE=…"),
        ('AT+CPINR="SIM PIN"', 'AT+CPINR="SIM PIN"'),
        ('AT+CSCA="+22370000012",145', 'AT+CSCA="…12",145'),
        ('AT+CUSD=1,"*123#",15', 'AT+CUSD=1,"*123#",15'),
        ('AT+CUSD=1,"*144*70123456*1234#",15', "AT+CUSD=1,(21 characters),15"),
        ("ATD*144*1234#;", "ATD(11 characters)"),
        ("ATD+22370123456;", "ATD(13 characters)"),
        (submit("+22370123456", segment("Bonjour")[0], seq=1, total=1, reference=0).hex, "(SMS-SUBMIT, 20 octets)"),
        ("Bonjour", "(7 characters)"),
    ],
)  # fmt: skip
def test_commands_are_masked(said: str, shown: str) -> None:
    assert Mask().sent(said) == shown


@pytest.mark.parametrize(
    ("asked", "lines", "shown"),
    [
        ("AT", ["OK"], ["OK"]),
        ("AT+CREG?", ['+CREG: 2,1,"00C3","0186A3C",7'], ['+CREG: 2,1,"00C3","0186A3C",7']),
        ("AT+COPS?", ['+COPS: 0,0,"Orange ML"'], ['+COPS: 0,0,"Orange ML"']),
        ("AT+CPIN?", ["+CPIN: SIM PIN", "+CME ERROR: 16"], ["+CPIN: SIM PIN", "+CME ERROR: 16"]),
        ("AT+CGMM", ["EC25", "21.157.31.00"], ["EC25", "21.157.31.00"]),
        ("AT+CGSN", ["356938035643809"], ["…3809"]),
        ("AT+CIMI", ["610020000000017"], ["…0017"]),
        ("AT+CCID", ["8922301000000000017F"], ["…0017"]),
        ("AT+QCCID", ["+QCCID: 8922301000000000017F"], ["+QCCID: …0017"]),
        ("AT+CCID", ['+CCID: "8922301000000000017F"'], ['+CCID: "…0017"']),
        ("AT+CRSM=176,12258,0,0,10", ['+CRSM: 144,0,"982203010000000000A1"'], ['+CRSM: 144,0,"(20 characters)"']),
        ("AT+CNUM", ['+CNUM: "Maman","+22370000017",145'], ['+CNUM: "(5 characters)","…17",145']),
        ("AT+CNUM", ['+CNUM: "","70 00 00 17",129'], ['+CNUM: "","…17",129']),
        ("AT+CSCA?", ['+CSCA: "+22370000012",145'], ['+CSCA: "…12",145']),
        ("", ['+CMTI: "SM",3', "RING", '+CLIP: "+22370123456",145'], ['+CMTI: "SM",3', "RING", '+CLIP: "…56",145']),
        ("", ['+CMT: "Maman",29', DELIVER], ['+CMT: "(5 characters)",29', "(SMS-DELIVER, 29 octets)"]),
        ("", ["+CDS: 25", REPORT], ["+CDS: 25", "(SMS-STATUS-REPORT, 25 octets)"]),
        ("AT+CMGR=1", ["+CMGR: 0,,29", DELIVER, "OK"], ["+CMGR: 0,,29", "(SMS-DELIVER, 29 octets)", "OK"]),
        (
            "AT+CMGR=1",
            ['+CMGR: "REC READ","+22370123456",,"24/05/01,12:00:00+00"', "Code 4711", "+COPS: rendezvous", "OK"],
            ['+CMGR: "(8 characters)","…56",,"24/05/01,12:00:00+00"', "(9 characters)", "(17 characters)", "OK"],
        ),
        (
            "",
            ['+CUSD: 0,"Solde', "+CREG: 500", 'merci",15', "+CREG: 1"],
            ["+CUSD: 0,(6 characters)", "(10 characters)", "(9 characters)", "+CREG: 1"],
        ),
        ('AT+CPIN="1234"', ['AT+CPIN="1234"', "OK"], ["AT+CPIN=…", "OK"]),
        ('AT+CPIN="1234"', ["AT+CP", '+CREG: 1"1234"', 'IN="1234"'], ["AT+CP", '+CREG: 1"…"', "(9 characters)"]),
        ("AT", ["Attention 70123456"], ["(18 characters)"]),
        ("AT", ["RING 70123456", "\xff\xfe7012"], ["(13 characters)", "(6 characters, 2 of them not ASCII)"]),
    ],
)  # fmt: skip
def test_answers_are_masked(asked: str, lines: list[str], shown: list[str]) -> None:
    mask = Mask()
    mask.sent(asked)
    assert [mask.received(line) for line in lines] == shown


digits = st.text("0123456789", min_size=1)
pins = st.text("0123456789", min_size=4, max_size=8)
numbers = st.builds("{}{}".format, st.sampled_from(["+", ""]), st.text("0123456789", min_size=8, max_size=15))
pdus = st.one_of(
    st.sampled_from([DELIVER, REPORT]),
    st.builds(
        lambda number, text: submit(number, segment(text)[0], seq=1, total=1, reference=0).hex,
        st.builds("+{}".format, st.text("123456789", min_size=8, max_size=15)),
        st.text("abcdefghij 0123456789", min_size=10, max_size=60),
    ),
)
texts = st.text("abcdefghijklmnopqrstuvwxyz 0123456789", min_size=6, max_size=60).map("Votre ".__add__)
urcs = st.sampled_from(["+CREG: 1", '+CMTI: "SM",3', "RING", "^RSSI: 17", "", "*PSUTTZ: 2024,5,1,12,0,0,1,0"])

# (bytes of the gateway, bytes of the modem, the secret in them)
Commands = tuple[str, str, str]
talks: st.SearchStrategy[Commands] = st.one_of(
    st.builds(lambda pin: (f'AT+CPIN="{pin}"', "\r\nOK\r\n", pin), pins),
    st.builds(lambda pin: (f'AT+CLCK="SC",1,"{pin}"', "\r\n+CME ERROR: 16\r\n", pin), pins),
    st.builds(lambda pin: (f'AT+CPWD="SC","{pin}","{pin}"', "\r\nOK\r\n", pin), pins),
    st.builds(lambda number: (f'AT+CSCA="{number}",145', "\r\nOK\r\n", number), numbers),
    st.builds(lambda number: ("AT+CNUM", f'\r\n+CNUM: ,"{number}",145\r\n\r\nOK\r\n', number), numbers),
    st.builds(lambda number: ("AT", f'\r\n+CLIP: "{number}",145,,,,0\r\nOK\r\n', number), numbers),
    st.builds(lambda number: (f"ATD{number};", "\r\nNO CARRIER\r\n", number), numbers),
    st.builds(lambda number: (f'AT+CUSD=1,"*144*{number}#",15', "\r\nOK\r\n", number), numbers),
    st.builds(lambda pdu: ("AT+CMGS=20", f"\r\n> {pdu}\x1a\r\n+CMGS: 1\r\n\r\nOK\r\n", pdu), pdus),
    st.builds(lambda pdu: ("AT", f"\r\n+CMT: ,29\r\n{pdu}\r\nOK\r\n", pdu), pdus),
    st.builds(lambda pdu: (f"{pdu}\x1a", "\r\n+CMGS: 1\r\n\r\nOK\r\n", pdu), pdus),
    st.builds(lambda pdu: ("AT+CMGL=4", f"\r\n+CMGL: 1,1,,29\r\n{pdu}\r\nOK\r\n", pdu), pdus),
    st.builds(lambda text: ("AT", f'\r\n+CUSD: 0,"{text}",15\r\nOK\r\n', text), texts),
    st.builds(lambda text: ("AT+CMGR=1", f'\r\n+CMGR: "REC READ"\r\n{text}\r\nOK\r\n', text), texts),
)  # fmt: skip


@given(st.lists(talks, min_size=1, max_size=4), st.booleans(), urcs, st.data())
def test_no_secret_is_shown(conversation: list[Commands], echo: bool, urc: str, data: st.DataObject) -> None:
    """With echoes, lines in between, broken lines and dropped entries."""
    transcript = Transcript(data.draw(st.sampled_from([3, 200])))
    for said, answer, _ in conversation:
        transcript.sent(f"{said}\r".encode())
        heard = (f"{said}\r" if echo else "") + answer
        cut = data.draw(st.integers(0, len(heard)))
        slipped = data.draw(st.sampled_from(["", f"\r\n{urc}\r\n", "\x00", "\xff"]))
        raw = (heard[:cut] + slipped + heard[cut:]).encode("latin-1")
        split = data.draw(st.integers(0, len(raw)))
        transcript.received(raw[:split])
        transcript.received(raw[split:])
    shown = [line.text for line in transcript.lines() if line.direction is not Direction.NOTE]
    for _, _, secret in conversation:
        check(secret, shown)


def check(secret: str, shown: list[str]) -> None:
    """At most all but one digit of a PIN, four digits of a number, and seven characters of other data may be shown."""
    bare = secret.lstrip("+")
    longest = 7 if not bare.isdigit() else 4 if len(bare) >= 8 else 3
    told = [text.replace("115200", "") for text in shown]
    for start in range(len(bare) - longest):
        piece = bare[start : start + longest + 1]
        assert not any(piece in text for text in told), (piece, told)


@given(st.text(st.characters(max_codepoint=255), max_size=200))
def test_any_bytes_are_shown_without_an_error(text: str) -> None:
    transcript = Transcript(50)
    transcript.sent(text.encode("latin-1"))
    transcript.received(text.encode("latin-1"))
    for line in transcript.lines():
        assert str(line).isprintable()


@given(st.text("AT+CPINUSDQWLK=\",;12 ?'*#", max_size=40))
def test_any_command_is_masked_without_an_error(text: str) -> None:
    assert isinstance(command(text), str)


@given(st.lists(st.binary(max_size=300), max_size=60), st.integers(0, 20))
def test_a_transcript_is_limited(chunks: list[bytes], limit: int) -> None:
    transcript = Transcript(limit)
    for chunk in chunks:
        transcript.received(chunk)
    assert len(transcript.lines()) <= limit + 1  # and an unfinished line


def test_control_characters_are_shown_by_name() -> None:
    transcript = Transcript(10)
    transcript.sent(b"\x1b\rAT\r")
    transcript.sent(b"\x1a")
    transcript.received(b"\x00\r\nOK\r\n\r\n> ")
    transcript.received(b"+CRE")
    shown = [str(line)[24:] for line in transcript.lines()]
    assert shown == [
        r"> ESC\rAT\r",
        "> ^Z",
        r"< \x00\r\nOK\r\n",
        r"< \r\n> ",
        "< (4 characters without a line end)",
    ]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} > ", str(transcript.lines()[0]))
