"""USSD over a channel: every order of OK and +CUSD, and every form of a code."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Timer

import pytest

from modem.driver.ussd import Reply, Session, UssdRefusedError, UssdSilentError
from tests.modem.driver.test_modem import ERROR, OK, Answers, driving, line
from tests.modem.recording_work import FAST
from tests.modem.scripted_modem import ScriptedModem

ANSWER = b'\r\n+CUSD: 0,"Solde 1250 FCFA",15\r\n'
SOLDE = Reply(Session.DONE, "Solde 1250 FCFA")


def later(seconds: float, *words: bytes) -> Callable[[ScriptedModem], None]:
    """Send OK, and the rest later as a URC."""

    def say(modem: ScriptedModem) -> None:
        modem.say(OK)
        for number, word in enumerate(words, 1):
            timer = Timer(seconds * number, modem.say, [word])
            timer.daemon = True
            timer.start()

    return say


# So long that no load of the machine makes a session that ends at once look like one that was waited for.
LONG = replace(FAST.commands, ussd=replace(FAST.commands.ussd, answer_s=60.0))


def gsm(more: Answers) -> Answers:
    """A modem in the GSM character set."""
    return {"AT+CSCS?": line('+CSCS: "GSM"'), "AT+CUSD=2": OK, **more}


@pytest.mark.parametrize(
    "script",
    [
        ANSWER + OK,
        OK + ANSWER,
        later(0.05, ANSWER),
        ANSWER,  # and never an OK
        b'\r\n+CMTI: "SM",3\r\n' + OK + b"\r\n^RSSI:21\r\n" + ANSWER,
        OK + b'\r\n+CUSD: 0,"Solde 1250 FCFA\r\n',  # its end is lost
    ],
)
def test_the_answer_comes_before_or_after_the_ok(script: object) -> None:
    with driving(gsm({"AT+CUSD": script})) as (modem, scripted):  # type: ignore[dict-item]
        assert modem.ussd(["#123#"]) == (SOLDE,)
        assert 'AT+CUSD=1,"#123#",15' in scripted.commands


def test_other_urcs_during_a_session_are_kept() -> None:
    with driving(gsm({"AT+CUSD": OK + b'\r\n+CMTI: "SM",3\r\n' + ANSWER})) as (modem, _):
        modem.ussd(["#123#"])
        assert [urc.line for urc in modem.channel.urcs] == ['+CMTI: "SM",3']


def test_line_breaks_in_the_answer_are_kept() -> None:
    menu = b'\r\n+CUSD: 0,"Cr\x05dit:\r\n1 Solde\n*2 Forfait\r\n\r\n#3 Retour",15\r\n'
    with driving(gsm({"AT+CUSD": OK + menu})) as (modem, _):
        assert modem.ussd(["*1#"])[0].text == "Crédit:\n1 Solde\n*2 Forfait\n#3 Retour"


def test_a_menu_is_answered_in_the_same_session() -> None:
    answers: Answers = {"AT+CUSD": [OK + b'\r\n+CUSD: 1,"1 Solde",15\r\n', ANSWER + OK]}
    with driving(gsm(answers)) as (modem, scripted):
        assert modem.ussd(["*100#", "1"]) == (Reply(Session.OPEN, "1 Solde"), SOLDE)
        said = [command for command in scripted.commands if "CUSD" in command]
        assert said == ['AT+CUSD=1,"*100#",15', 'AT+CUSD=1,"1",15']


def test_an_open_menu_is_closed_and_an_ended_session_gets_no_reply() -> None:
    menu = b'\r\n+CUSD: 1,"1 Solde",15\r\n'
    with driving(gsm({"AT+CUSD": OK + menu})) as (modem, scripted):
        assert modem.ussd(["*100#"])[0].session is Session.OPEN
        assert scripted.commands[-1] == "AT+CUSD=2"
    with driving(gsm({"AT+CUSD": OK + ANSWER})) as (modem, scripted):
        assert len(modem.ussd(["#123#", "1", "2"])) == 1
        assert scripted.commands[-1] == 'AT+CUSD=1,"#123#",15'


def test_a_refused_reply_ends_the_session_and_nothing_is_sent_twice() -> None:
    answers: Answers = {"AT+CUSD": [OK + b'\r\n+CUSD: 1,"1 Solde",15\r\n', ERROR]}
    with driving(gsm(answers)) as (modem, scripted):
        with pytest.raises(UssdRefusedError):
            modem.ussd(["*100#", "1"])
        said = [command for command in scripted.commands if "CUSD" in command]
        assert said == ['AT+CUSD=1,"*100#",15', 'AT+CUSD=1,"1",15', "AT+CUSD=2"]


def test_a_code_without_an_answer_is_cancelled() -> None:
    with driving(gsm({"AT+CUSD": OK})) as (modem, scripted):
        with pytest.raises(UssdSilentError, match="did not answer within"):
            modem.ussd(["#123#"])
        assert scripted.commands[-1] == "AT+CUSD=2"


@pytest.mark.parametrize("script", [OK, b""], ids=["ok", "nothing"])
def test_a_late_answer_does_not_count_for_the_next_code(script: bytes) -> None:
    late = b'\r\n+CUSD: 0,"too late",15\r\n'
    answers: Answers = {"AT+CUSD": [script, later(0.05, ANSWER)]}
    with driving(gsm(answers)) as (modem, scripted):
        with pytest.raises(UssdSilentError):
            modem.ussd(["*1#"])
        scripted.say(late)
        assert modem.ussd(["#123#"]) == (SOLDE,)


def test_a_late_answer_after_the_next_code_does_not_count_for_it() -> None:
    late = b'\r\n+CUSD: 0,"too late",15\r\n'
    for script in (late + OK + ANSWER, late + ANSWER + OK, later(0.05, late, ANSWER)):
        with driving(gsm({"AT+CUSD": [OK, script]})) as (modem, _):
            with pytest.raises(UssdSilentError):
                modem.ussd(["*1#"])
            assert modem.ussd(["#123#"]) == (SOLDE,)


def test_a_message_of_the_network_before_the_code_is_no_answer() -> None:
    push = b'\r\n+CUSD: 0,"Promotion!",15\r\n'
    with driving(gsm({"AT+CUSD": later(0.05, ANSWER)})) as (modem, scripted):
        scripted.say(push)
        assert modem.ussd(["#123#"]) == (SOLDE,)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (b"\r\n+CME ERROR: 30\r\n", "no network"),
        (b"\r\n+CME ERROR: 258\r\n", "258"),
        (b"\r\n+CME ERROR: SIM busy\r\n", "14"),
    ],
)
def test_a_refusal_has_a_reason_and_is_not_tried_in_another_form(script: bytes, why: str) -> None:
    with driving(gsm({"AT+CUSD": script})) as (modem, scripted):
        with pytest.raises(UssdRefusedError, match="refused the code") as caught:
            modem.ussd(["#123#"])
        assert why in str(caught.value)
        assert sum("CUSD=1" in command for command in scripted.commands) == 1


CALL_ENDS = ["NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "NO DIAL TONE"]


@pytest.mark.parametrize("word", CALL_ENDS)
@pytest.mark.parametrize("moment", ["with the OK", "after the OK", "without an OK"])
def test_the_end_of_a_call_ends_the_session_at_once_and_is_reported(word: str, moment: str) -> None:
    said = f"\r\n{word}\r\n".encode()
    script = {"with the OK": OK + said, "after the OK": later(0.03, said), "without an OK": said}[moment]
    answers = gsm({"AT+CUSD": [script, OK + ANSWER]})  # type: ignore[list-item]
    with driving(answers, timeouts=LONG) as (modem, _):
        began = time.monotonic()
        (reply,) = modem.ussd(["#123#"])
        assert time.monotonic() - began < LONG.ussd.answer_s / 2
        assert reply == Reply(Session.ENDED, "")
        assert reply.reason == word
        assert modem.ussd(["#123#"]) == (SOLDE,)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("+CME ERROR: 30", "no network"),
        ("+CME ERROR: 258", "258"),
        ("+CME ERROR: 100", "100"),
        ("+CME ERROR: network timeout", "31"),
        ("+CMS ERROR: 500", "500"),
        ("ERROR", ""),
    ],
)
@pytest.mark.parametrize("seconds", [0.0, 0.03])
def test_an_error_after_the_ok_ends_the_session_at_once_with_its_reason(
    error: str, why: str, seconds: float
) -> None:
    said = f"\r\n{error}\r\n".encode()
    script = later(seconds, said) if seconds else OK + said
    with driving(gsm({"AT+CUSD": [script, OK + ANSWER]}), timeouts=LONG) as (modem, scripted):
        began = time.monotonic()
        with pytest.raises(UssdRefusedError) as caught:
            modem.ussd(["#123#"])
        assert time.monotonic() - began < LONG.ussd.answer_s / 2
        assert why in str(caught.value)
        assert sum("CUSD=1" in command for command in scripted.commands) == 1  # not in another form either
        assert modem.ussd(["#123#"]) == (SOLDE,)


@pytest.mark.parametrize(
    ("number", "session"),
    [(2, Session.ENDED), (3, Session.ELSEWHERE), (4, Session.NOT_SUPPORTED), (5, Session.TIMED_OUT)],
)
@pytest.mark.parametrize("form", ["+CUSD: %d", "+CUSD:%d", '+CUSD: %d,"",15', "+CUSD: %d,,"])
def test_the_network_can_end_a_session(number: int, session: Session, form: str) -> None:
    said = f"\r\n{form % number}\r\n".encode()
    with driving(gsm({"AT+CUSD": later(0.03, said)})) as (modem, _):
        assert modem.ussd(["#123#"])[0].session is session


def test_the_end_of_a_call_that_rang_ends_no_session() -> None:
    call = [b"\r\nRING\r\n", b'\r\n+CLIP: "+22370123456",145\r\n', b"\r\nNO CARRIER\r\n"]
    for script in (
        later(0.02, *call, ANSWER),
        b"".join(call) + OK + ANSWER,
        later(0.02, b"".join(call), ANSWER),
    ):
        with driving(gsm({"AT+CUSD": script})) as (modem, _):
            assert modem.ussd(["#123#"]) == (SOLDE,)


@pytest.mark.parametrize("inside", ["OK", "ERROR", "+CME ERROR: 30", "NO CARRIER", "OK\r\n\r\nERROR"])
@pytest.mark.parametrize("first", [True, False])
def test_a_line_of_the_text_that_looks_like_a_result_is_text(inside: str, first: bool) -> None:
    text = f'\r\n+CUSD: 0,"Repondez\r\n{inside}\r\nmerci",15\r\n'.encode()
    with driving(gsm({"AT+CUSD": text + OK if first else OK + text})) as (modem, _):
        lines = inside.replace("\r\n\r\n", "\n")
        assert modem.ussd(["#123#"]) == (Reply(Session.DONE, f"Repondez\n{lines}\nmerci"),)


def test_a_cut_text_before_the_ok_ends_in_time() -> None:
    cut = b'\r\n+CUSD: 0,"Solde 1250 FCFA\r\n'
    with driving(gsm({"AT+CUSD": cut + OK, "AT+CSQ": line("+CSQ: 17,99")})) as (modem, _):
        assert modem.ussd(["#123#"]) == (SOLDE,)
        assert modem.network.signal_dbm() == -79


def test_the_character_set_is_restored() -> None:
    answers: Answers = {"AT+CSCS?": line('+CSCS: "IRA"'), "AT+CSCS": OK, "AT+CUSD": OK + ANSWER}
    with driving(answers) as (modem, scripted):
        modem.ussd(["#123#"])
        sets = [command for command in scripted.commands if command.startswith("AT+CSCS=")]
        assert sets == ['AT+CSCS="GSM"', 'AT+CSCS="IRA"']
    for failure in (b"\r\n+CME ERROR: 30\r\n", OK):
        with driving({**answers, "AT+CUSD": failure}) as (modem, scripted):
            with pytest.raises((UssdRefusedError, UssdSilentError)):
                modem.ussd(["#123#"])
            assert [c for c in scripted.commands if c.startswith("AT+CSCS=")][-1] == 'AT+CSCS="IRA"'


def test_a_modem_without_character_sets_gets_the_plain_code() -> None:
    with driving({"AT+CUSD": OK + ANSWER}) as (modem, scripted):
        assert modem.ussd(["#123#"]) == (SOLDE,)
        assert scripted.commands[-1] == 'AT+CUSD=1,"#123#",15'


def test_a_modem_with_only_ucs2_gets_the_code_in_ucs2() -> None:
    answer = f'\r\n+CUSD: 0,"{"Solde 1250 FCFA".encode("utf-16-be").hex().upper()}",72\r\n'.encode()
    answers: Answers = {
        "AT+CSCS?": line('+CSCS: "IRA"'),
        'AT+CSCS="GSM"': ERROR,
        "AT+CSCS": OK,
        "AT+CUSD": OK + answer,
    }
    with driving(answers) as (modem, scripted):
        assert modem.ussd(["#123#"]) == (SOLDE,)
        assert f'AT+CUSD=1,"{"#123#".encode("utf-16-be").hex().upper()}",15' in scripted.commands


HUAWEI: Answers = {"AT+CGMI": line("huawei"), "AT+CGMM": line("E1752"), "AT+CSCS?": line('+CSCS: "GSM"')}


def test_a_huawei_is_switched_to_plain_codes_and_back() -> None:
    answers: Answers = {
        **HUAWEI,
        "AT^USSDMODE?": line("^USSDMODE: 1"),
        "AT^USSDMODE": OK,
        "AT+CUSD": OK + ANSWER,
    }
    with driving(answers) as (modem, scripted):
        assert modem.ussd(["#123#"]) == (SOLDE,)
        said = [command for command in scripted.commands if "USSDMODE=" in command or "CUSD" in command]
        assert said == ["AT^USSDMODE=0", 'AT+CUSD=1,"#123#",15', "AT^USSDMODE=1"]


def test_a_huawei_with_packed_codes_gets_them_and_the_form_is_remembered() -> None:
    answers: Answers = {**HUAWEI, "AT+CUSD": OK + b"\r\n+CUSD: 0, D3377B5C0685\r\n"}
    with driving(answers) as (modem, scripted):
        assert modem.ussd(["*100#"])[0].text.startswith("So")
        assert 'AT+CUSD=1,"AA180C3602",15' in scripted.commands
        scripted.commands.clear()
        modem.ussd(["*100#"])
        assert scripted.commands == ['AT+CUSD=1,"AA180C3602",15']


def test_no_code_is_logged_because_it_may_hold_a_pin(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), driving(gsm({"AT+CUSD": OK})) as (modem, _):
        with pytest.raises(UssdSilentError) as caught:
            modem.ussd(["#144*4321#", "4321"])
        assert "4321" not in caplog.text + str(caught.value)
        assert "AT+CUSD=1,(" in caplog.text


def test_a_restart_during_a_session_is_reported() -> None:
    with (
        driving(gsm({"AT+CUSD": OK + b"\r\nRDY\r\n"})) as (modem, _),
        pytest.raises(UssdSilentError, match="restarted"),
    ):
        modem.ussd(["#123#"])
