"""USSD codes and answers, valid and invalid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.driver.ussd import Form, Reply, Session, UssdAnswer, decode, encode, is_code, parse

# Without those below 0x20, of which two alone could be a character of UCS-2 too.
LETTERS = " !#%&'()*+,-./0123456789:;<=>?ABCXYZabcxyzäöñüà{}[]€"
SOLDE = "Votre solde est de 1250 FCFA"
PACKED = encode(SOLDE, Form.PACKED)
UCS2 = encode(SOLDE, Form.UCS2)


@pytest.mark.parametrize("code", ["*123#", "#123#", "1", "*144*1*70123456#", "Awa Diallo", "a" * 160])
def test_valid_codes(code: str) -> None:
    assert is_code(code)


@pytest.mark.parametrize("code", ["", '*1"#', "*1#\r", "é", "a" * 161, "1\x1a", "1\n", "a@b", "$"])
def test_invalid_codes(code: str) -> None:
    assert not is_code(code)


@pytest.mark.parametrize(
    ("code", "form", "written"),
    [
        ("*100#", Form.PLAIN, "*100#"),
        ("*100#", Form.PACKED, "AA180C3602"),  # the E173's own manual
        ("*100#", Form.UCS2, "002A0031003000300023"),
        ("*123*1#", Form.PACKED, "AA986CA68A8D1A"),  # seven characters are padded with CR, not with @
    ],
)
def test_a_code_is_written_in_each_form(code: str, form: Form, written: str) -> None:
    assert encode(code, form) == written


@pytest.mark.parametrize(
    ("line", "session", "text"),
    [
        (f'+CUSD: 0,"{SOLDE}",15', Session.DONE, SOLDE),
        (f'+CUSD:0,"{SOLDE}"', Session.DONE, SOLDE),  # no coding scheme
        (f'+CUSD: 0,"{PACKED}",15', Session.DONE, SOLDE),
        (f'+CUSD: 0,"{PACKED.lower()}",15', Session.DONE, SOLDE),
        (f"+CUSD: 0, {PACKED}", Session.DONE, SOLDE),  # E160
        (f"+CUSD: 0,{PACKED},15", Session.DONE, SOLDE),
        (f'+CUSD: 0,"{UCS2}",72', Session.DONE, SOLDE),
        *((f'+CUSD: 0,"{UCS2}",{dcs}', Session.DONE, SOLDE) for dcs in (0, 1, 15, 17)),  # wrong ones
        (f'+CUSD: 0,"{UCS2}"', Session.DONE, SOLDE),
        (f'+CUSD: 0,"{UCS2[:-1]}",72', Session.DONE, SOLDE[:-1]),  # cut
        (f'+CUSD: 0,"{UCS2}FFFF60B1D0",72', Session.DONE, SOLDE),  # HE910
        (f'+CUSD: 0,"{UCS2}000060B1",72', Session.DONE, SOLDE),
        (f'+CUSD: 0,"{SOLDE.encode().hex()}",68', Session.DONE, SOLDE),  # 8-bit
        ('+CUSD: 0,"6372E9646974",68', Session.DONE, "crédit"),
        ('+CUSD: 0,"4F60597D",72', Session.DONE, "你好"),
        ('+CUSD: 0,"00E90074D83DDE00",72', Session.DONE, "ét😀"),
        ('+CUSD: 1,"1 Solde\n2 Forfaits",15', Session.OPEN, "1 Solde\n2 Forfaits"),
        (f'+CUSD: 0,"{SOLDE}",15 \xff\xfe~', Session.DONE, SOLDE),  # garbage after it
        (f'+CUSD: 0,"{SOLDE}', Session.DONE, SOLDE),  # cut
        ('+CUSD: 0,"Kontostand: 3.00 EUR w{hlen"', Session.DONE, "Kontostand: 3.00 EUR wählen"),
        ('+CUSD: 0,"cr\x05dit \x7f vous",15', Session.DONE, "crédit à vous"),  # the alphabet of AT+CSCS="GSM"
        ('+CUSD: 0,"cr\xe9dit",15', Session.DONE, "crédit"),  # latin-1
        ('+CUSD: 0,"cr\xc3\xa9dit",15', Session.DONE, "crédit"),  # UTF-8
        ('+CUSD: 0,"Le "bonus", 5 F",15', Session.DONE, 'Le "bonus", 5 F'),
        ('+CUSD: 0,"22370000001",15', Session.DONE, "22370000001"),  # a number, no octets
        ('+CUSD: 0,"22367001",15', Session.DONE, "22367001"),
        ('+CUSD: 0,"22367001",72', Session.DONE, "22367001"),
        ('+CUSD: 0,"BEEF",15', Session.DONE, "BEEF"),
        ('+CUSD: 2,""', Session.ENDED, ""),
        ("+CUSD: 2", Session.ENDED, ""),
        ("+CUSD: 3", Session.ELSEWHERE, ""),
        ("+CUSD: 4", Session.NOT_SUPPORTED, ""),
        ("+CUSD: 5", Session.TIMED_OUT, ""),
        ("+CUSD: 9", Session.ENDED, ""),  # in no standard
    ],
)
def test_an_answer_is_read_in_each_form(line: str, session: Session, text: str) -> None:
    assert parse(line) == Reply(session, text)


def test_digits_are_octets_only_in_packed_form() -> None:
    assert encode("1", Form.PACKED) == "31"
    assert decode("31", 15, Form.PACKED) == "1"
    assert decode("31", 15, Form.PLAIN) == "31"


def test_plain_text_in_another_character_set_stays_unchanged() -> None:
    assert parse('+CUSD: 0,"a_b@c$ [x]",15', charset="IRA").text == "a_b@c$ [x]"
    assert parse('+CUSD: 0,"a\x11b\x00c\x02",15', charset="GSM").text == "a_b@c$"


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=400))
def test_any_line_is_read_without_an_error(line: str) -> None:
    for form in Form:
        for text in (parse(line, form).text, parse(f'+CUSD: 0,"{line}",72', form, "IRA").text):
            text.encode()  # no half surrogates
            assert all(char == "\n" or char.isprintable() or char.isspace() for char in text)


@given(st.text(alphabet="0123456789ABCDEF", max_size=400), st.one_of(st.none(), st.integers(0, 999)))
def test_any_digits_are_read_without_an_error(digits: str, dcs: int | None) -> None:
    for form in Form:
        decode(digits, dcs, form).encode()


@given(st.text(alphabet=LETTERS, min_size=1, max_size=100))
def test_packed_answers_are_read(text: str) -> None:
    assert decode(encode(text, Form.PACKED), 15, Form.PACKED) == text.strip()


@pytest.mark.parametrize("text", ["crédit à vous", "@ bientot", "éèùì", "£$¥ΔΣ", "1234567", "12345678"])
def test_packed_letters_with_the_codes_of_control_characters_are_read(text: str) -> None:
    assert decode(encode(text, Form.PACKED), 15, Form.PACKED) == text


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x24F), min_size=1, max_size=80))
def test_ucs2_answers_are_read(text: str) -> None:
    shown = "".join(char for char in text if char.isprintable() or char.isspace()).strip()
    if shown == text:
        assert decode(text.encode("utf-16-be").hex().upper(), 72) == text


def test_the_last_reply_is_the_answer() -> None:
    replies = (Reply(Session.OPEN, "menu"), Reply(Session.DONE, "end"))
    answer = UssdAnswer(1, 1, "8922", replies, 0)
    assert (answer.text, answer.session) == ("end", Session.DONE)
    assert Session.OPEN.answered
    assert not Session.NOT_SUPPORTED.answered
