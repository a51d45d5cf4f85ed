"""No personal data reaches a recording, in whatever encoding a modem says it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.recording.anonymise import Anonymiser, encodings
from modem.recording.line import Heard
from modem.recording.made_up import MadeUp
from modem.sms.check_digit import luhn
from modem.sms.gsm7 import encode_gsm7, encode_ucs2, pack

IMEI = "352099001761481"
IMEISV = "3520990017614823"
IMSI = "610021234567890"
ICCID = "8922302123456789017"
NUMBER = "+22370123456"
SMSC = "+22370009999"
NAME = "Amadou Traore"


def said(command: str, answer: str, anonymiser: Anonymiser | None = None) -> str:
    """The harmless form of an answer."""
    heard = [Heard(0, answer.encode("latin-1"))]
    return "".join(text for _, text in (anonymiser or Anonymiser()).answer(command, heard))


def swapped(digits: str) -> str:
    filled = digits + "F" * (len(digits) % 2)
    return "".join(filled[at + 1] + filled[at] for at in range(0, len(filled), 2))


def ucs2(text: str) -> str:
    return encode_ucs2(text).hex().upper()


SECRETS = {
    secret
    for digits in (IMEI, IMEISV, IMSI, ICCID, NUMBER.lstrip("+"), SMSC.lstrip("+"))
    for secret in (digits, *encodings(digits))
} | {NAME, ucs2(NAME), pack(encode_gsm7(NAME)).hex().upper()}

ANSWERS = [
    ("AT+CGSN", f"\r\n{IMEI}\r\n\r\nOK\r\n"),
    ("AT+CGSN", f"\r\n+CGSN: {IMEISV}\r\n\r\nOK\r\n"),
    ("AT+CIMI", f"\r\n{IMSI}\r\n\r\nOK\r\n"),
    ("AT+CIMI?", f"\r\n+CIMI: {IMSI}\r\n\r\nOK\r\n"),
    ("AT+CCID", f'\r\n+CCID: "{ICCID}"\r\n\r\nOK\r\n'),
    ("AT+QCCID", f"\r\n+QCCID: {ICCID}F\r\n\r\nOK\r\n"),
    ("AT^ICCID?", f"\r\n^ICCID: {ICCID}F\r\n\r\nOK\r\n"),
    ("AT+CRSM=176,12258,0,0,10", f'\r\n+CRSM: 144,0,"{swapped(ICCID)}"\r\n\r\nOK\r\n'),
    ('AT+CSIM=10,"A0B000000A"', f'\r\n+CSIM: 24,"{swapped(ICCID)}9000"\r\n\r\nOK\r\n'),
    ("AT+CNUM", f'\r\n+CNUM: "{NAME}","{NUMBER}",145\r\n\r\nOK\r\n'),
    ("AT+CNUM", f'\r\n+CNUM: "{ucs2(NAME)}","{ucs2(NUMBER)}",145\r\n\r\nOK\r\n'),
    ("AT+CSCA?", f'\r\n+CSCA: "{SMSC}",145\r\n\r\nOK\r\n'),
    ("AT+CSCA?", f'\r\n+CSCA: "{ucs2(SMSC)}",145\r\n\r\nOK\r\n'),
    ("ATI", f"\r\nQuectel\r\nEC25\r\nIMEI: {IMEI}\r\nOwner {NUMBER}\r\n{ucs2(NUMBER)}\r\n\r\nOK\r\n"),
    ("AT+CGMR", f"\r\nEC25 {NUMBER[1:]} {swapped(IMSI)}\r\n\r\nOK\r\n"),
    ("AT+COPS?", f'\r\n+COPS: 0,0,"{ucs2(NUMBER)}"\r\n\r\nOK\r\n'),
    ("AT+QSPN", f'\r\n+QSPN: "{NAME}","{NUMBER}",0,"610"\r\n\r\nOK\r\n'),
    (
        "AT+CPSI?",
        f'\r\n+CPSI: GSM,Online,610-02,0x1F,{IMSI},"{pack(encode_gsm7(NAME)).hex().upper()}"\r\n\r\nOK\r\n',
    ),
    ("AT+CPMS?", f'\r\n+CPMS: "SM",{NUMBER[1:]},20\r\n\r\nOK\r\n'),
    ("AT+CSQ", f'\r\n+CMT: "{NUMBER}",,"26/11/30"\r\n{NAME}\r\n+CSQ: 17,99\r\n\r\nOK\r\n'),
    ("AT+CSQ", f'\r\n+CMTI: "SM",1\r\n\r\n+CLIP: "{NUMBER}",145\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n'),
    ("AT+CMGF=9", f"\r\n+CMS ERROR: {NAME}{NUMBER}\r\n"),
    ("AT+GATEWAYD", f"\r\n{NAME}\r\n{pack(encode_gsm7(NUMBER[1:])).hex().upper()}\r\nERROR\r\n"),
    ("AT+CGSN", f"AT+CGSN\r\r\n{NUMBER}{NAME}\r\n\r\nOK\r\n"),
]


@pytest.mark.parametrize(("command", "answer"), ANSWERS)
def test_no_secret_is_left(command: str, answer: str) -> None:
    anonymiser = Anonymiser()
    made = anonymiser.sweep(said(command, answer, anonymiser))
    left = [secret for secret in SECRETS if secret.upper() in made.upper()]
    assert left == [], made


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("AT", "AT\r\r\nOK\r\n"),
        ("AT+CGMI", "\r\nQuectel\r\n\r\nOK\r\n"),
        ("AT+CGMR", "\r\nRevision:1418B05SIM800L24\r\n\r\nOK\r\n"),
        ("AT+CGMR", "\r\n11.126.16.04.182\r\n\r\nOK\r\n"),
        ("ATI", "\r\n WAVECOM MODEM\r\n MULTIBAND  900E  1800\r\n\r\nOK\r\n"),
        ("AT+CPMS=?", '\r\n+CPMS: (("SM","BM","SR"),("SM"))\r\n\r\nOK\r\n'),
        ("AT+CNMI=?", "\r\n+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)\r\n\r\nOK\r\n"),
        ("AT+CSCS=?", '\r\n+CSCS: ("IRA","GSM","UCS2","8859-1")\r\n\r\nOK\r\n'),
        ("AT+IPR=?", "\r\n+IPR: (0,9600,115200,921600)\r\n\r\nOK\r\n"),
        ("AT+COPS?", '\r\n+COPS: 0,0,"Orange ML",7\r\n\r\nOK\r\n'),
        ("AT+CPIN?", "\r\n+CPIN: READY\r\n\r\nOK\r\n"),
        ("AT+CCLK?", '\r\n+CCLK: "26/11/30,12:00:00+00"\r\n\r\nOK\r\n'),
        ("AT+CLAC", "\r\nAT&C\r\nAT+CMGS\r\n^CURC\r\n\r\nOK\r\n"),
        ("AT+GATEWAYD", "\r\nCOMMAND NOT SUPPORT\r\n"),
        ("AT+CMGR=65000", "\r\n+CMS ERROR: 321\r\n"),
        ("AT+CSPN?", "\r\n+CME ERROR: operation not allowed\r\n"),
        ("AT^HCSQ?", '\r\n^HCSQ: "WCDMA",30,30,58\r\n\r\nOK\r\n'),
        ("AT+CMGW=20", "\r\n> "),
    ],
)
def test_what_tells_no_person_stays_as_it_was_said(command: str, answer: str) -> None:
    assert said(command, answer) == answer


def test_numbers_keep_their_form_and_what_tells_no_person() -> None:
    anonymiser = Anonymiser()
    imei = re.search(r"\d{15}", said("AT+CGSN", f"\r\n{IMEI}\r\n\r\nOK\r\n", anonymiser))
    imsi = re.search(r"\d{15}", said("AT+CIMI", f"\r\n{IMSI}\r\n\r\nOK\r\n", anonymiser))
    iccid = re.search(r"\d{19}", said("AT+CCID", f"\r\n+CCID: {ICCID}F\r\n\r\nOK\r\n", anonymiser))
    assert imei is not None
    assert imsi is not None
    assert iccid is not None
    assert imei[0][:8] == IMEI[:8]
    assert luhn(imei[0][:-1]) == imei[0][-1]
    assert imsi[0][:5] == IMSI[:5]
    assert iccid[0][:7] == ICCID[:7]
    assert luhn(iccid[0][:-1]) == iccid[0][-1]


def test_the_same_number_becomes_the_same_one_within_a_file_and_another_in_the_next() -> None:
    anonymiser = Anonymiser()
    plain = said("AT+CCID", f"\r\n+CCID: {ICCID}\r\n\r\nOK\r\n", anonymiser)
    hexadecimal = said(
        "AT+CRSM=176,12258,0,0,10", f'\r\n+CRSM: 144,0,"{swapped(ICCID)}"\r\n\r\nOK\r\n', anonymiser
    )
    made = re.search(r"\d{19}", plain)
    assert made is not None
    assert swapped(made[0]) in hexadecimal
    own = said("AT+CNUM", f'\r\n+CNUM: "","{NUMBER}",145\r\n\r\nOK\r\n', anonymiser)
    in_ucs2 = said("AT+CNUM", f'\r\n+CNUM: "","{ucs2(NUMBER)}",145\r\n\r\nOK\r\n', anonymiser)
    number = re.search(r"\+\d{11}", own)
    assert number is not None
    assert ucs2(number[0]) in in_ucs2
    assert said("AT+CCID", f"\r\n+CCID: {ICCID}\r\n\r\nOK\r\n") != plain


def test_a_urc_within_an_answer_is_left_out() -> None:
    answer = "\r\n+CSQ: 17,99\r\n\r\n^RSSI:21\r\n\r\nOK\r\n\r\n+CREG: 1\r\n"
    assert said("AT+CSQ", answer) == "\r\n+CSQ: 17,99\r\n\r\nOK\r\n"
    assert said("AT+CSQ", "\r\n^RSSI:21\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n") == "\r\n+CSQ: 17,99\r\n\r\nOK\r\n"


def test_chunks_and_times_stay() -> None:
    heard = [Heard(3, b"\r\n+CSQ"), Heard(40, b": 17,99\r\n"), Heard(41, b"\r\nOK\r\n")]
    assert Anonymiser().answer("AT+CSQ", heard) == [(3, "\r\n+CSQ"), (40, ": 17,99\r\n"), (41, "\r\nOK\r\n")]


def test_cells_are_made_up_and_stay_the_same_cell() -> None:
    anonymiser = Anonymiser()
    first = said("AT+CREG?", '\r\n+CREG: 2,1,"25FF","0B825E"\r\n\r\nOK\r\n', anonymiser)
    second = said("AT+CGREG?", '\r\n+CGREG: 2,1,"25FF","0B825E"\r\n\r\nOK\r\n', anonymiser)
    assert re.fullmatch(r'\r\n\+CREG: 2,1,"[0-9A-F]{4}","[0-9A-F]{6}"\r\n\r\nOK\r\n', first)
    assert "25FF" not in first
    assert second.replace("+CGREG", "+CREG") == first


@given(
    st.text(alphabet=st.characters(max_codepoint=255), max_size=200), st.sampled_from([c for c, _ in ANSWERS])
)
def test_any_answer_keeps_its_length_or_loses_whole_lines(answer: str, command: str) -> None:
    made = said(command, answer)
    assert len(made) <= len(answer)
    assert set(made) <= {chr(code) for code in range(256)}


@given(st.from_regex(r"\+?[0-9]{5,20}", fullmatch=True))
def test_a_made_up_number_has_the_form_of_the_real_one(number: str) -> None:
    made_up = MadeUp()
    made = made_up.number(number)
    assert len(made) == len(number)
    assert made[:1] == number[:1] if number.startswith("+") else made.isdecimal()
    assert made_up.number(number) == made
