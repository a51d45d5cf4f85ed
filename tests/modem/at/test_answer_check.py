"""Answers that belong to another command: the channel detects them and resynchronises."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.at import answer_check
from modem.at.answer_check import AnswerHabits, Response
from modem.at.channel import Channel
from modem.at.responses import ERROR as REFUSED
from modem.at.responses import OK as DONE
from modem.at.responses import Urc
from tests.modem.at.test_channel import FAST, Answers, said, talking_to
from tests.modem.recording_work import FAST as HOUSE
from tests.modem.scripted_modem import ScriptedModem

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
GAP_S = 0.01  # from a stray answer to the right one; shorter than the timeouts of these tests

STRAYS = {
    "another answer": b"\r\n+CPIN: READY\r\n" + OK,
    "another answer that is never sent unasked": b"\r\n+COPS: 0\r\n" + OK,
    "a vendor's": b"\r\n+QCCID: 8922301000000000017F\r\n" + OK,
    "a number": b"\r\n8922301000000000017F\r\n" + OK,
    "an OK": OK,
    "an ERROR": ERROR,
    "a late reference": b"\r\n+CMGS: 7\r\n" + OK,
}

QUESTIONS: dict[str, tuple[tuple[str, ...], bool, bytes]] = {  # prefixes, bare or not, the line
    "AT+CPIN?": (("+CPIN",), False, b"+CPIN: SIM PIN"),
    "AT+CREG?": (("+CREG",), False, b"+CREG: 0,5"),
    "AT+CSQ": (("+CSQ",), False, b"+CSQ: 17,99"),
    "AT+CSCA?": (("+CSCA",), False, b'+CSCA: "+22370000000",145'),
    "AT+CGMI": (("+CGMI",), True, b"Quectel"),
    "AT+CGMM": (("+CGMM",), True, b"EC25"),
    "AT+CGSN": (("+CGSN",), True, b"356938035643809"),
    "AT+CIMI": (("+CIMI",), True, b"610020000000017"),
    "AT+CCID": (("+CCID",), True, b'+CCID: "8922301000000000025"'),
    "AT^ICCID?": (("^ICCID",), True, b"^ICCID: 8922301000000000025F"),
}


def ask(channel: Channel, question: str) -> Response:
    prefixes, bare, _ = QUESTIONS[question]
    return channel.command(question, *prefixes, bare=bare, timeout_s=1)


def full(more: Answers | None = None) -> Answers:
    """A modem that answers every question."""
    return {
        **{name: b"\r\n" + line + b"\r\n" + OK for name, (_, _, line) in QUESTIONS.items()},
        **(more or {}),
    }


# A stray answer of the same form cannot be distinguished from the right one.
SHIFTS = [
    (question, name)
    for question in QUESTIONS
    for name in STRAYS
    if (question, name)
    not in {("AT+CPIN?", "another answer"), ("AT+CCID", "a number"), ("AT^ICCID?", "a number")}
]


@pytest.mark.parametrize(("question", "stray"), SHIFTS)
def test_a_stray_answer_before_the_right_one_is_not_used(question: str, stray: str) -> None:
    line = QUESTIONS[question][2].decode()
    modem = ScriptedModem(full())
    with talking_to(modem, timeouts=replace(FAST, clean_s=0.1)) as channel:
        for name in ("AT+COPS?", "AT+QCCID"):  # asked before, so that the form of their answers is known
            modem.answers[name] = b"\r\n+COPS: 0\r\n" + OK
            channel.command(name, "+COPS", "+QCCID")
        own = b"\r\n" + line.encode() + b"\r\n" + OK
        modem.answers[question] = [said(STRAYS[stray], GAP_S, own), own]
        assert ask(channel, question).lines == (line,)
        for name, (_, _, other) in QUESTIONS.items():
            assert ask(channel, name).lines == (other.decode(),)


@pytest.mark.parametrize("latency_s", [0.0, 0.02])
@pytest.mark.parametrize("stray", [name for name in STRAYS if name != "a number"])
def test_a_slow_modem_is_resynchronised_too(stray: str, latency_s: float) -> None:
    """The pauses of a slow modem are longer than those that end an answer."""
    modem = ScriptedModem()
    slow = {name: said(latency_s, b"\r\n" + line + b"\r\n" + OK) for name, (_, _, line) in QUESTIONS.items()}
    modem.answers.update({**slow, "AT": said(latency_s, OK)})
    with talking_to(modem, timeouts=HOUSE.channel) as channel:
        for question in QUESTIONS:
            ask(channel, question)
        for question, (_, _, line) in QUESTIONS.items():
            if question != "AT+CPIN?":
                modem.answers[question] = [
                    said(STRAYS[stray], latency_s, b"\r\n" + line + b"\r\n" + OK),
                    slow[question],
                ]
            assert ask(channel, question).lines == (line.decode(),)


def test_a_stray_answer_of_the_same_form_only_affects_the_next_question() -> None:
    modem = ScriptedModem(full())
    ready = b"\r\n+CPIN: READY\r\n" + OK
    modem.answers["AT+CPIN?"] = said(ready, GAP_S, ready)
    with talking_to(modem) as channel:
        for _ in range(3):
            assert ask(channel, "AT+CPIN?").lines == ("+CPIN: READY",)
            assert ask(channel, "AT+CCID").lines == ('+CCID: "8922301000000000025"',)
            assert ask(channel, "AT+CREG?").lines == ("+CREG: 0,5",)


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS)
def test_a_stray_answer_without_a_command_is_not_used(stray: bytes) -> None:
    modem = ScriptedModem(full())
    with talking_to(modem) as channel:
        for name, (_, _, line) in QUESTIONS.items():
            half = stray.index(b"\n", 2) + 1
            modem.say(stray[:half])
            channel.wait(time.monotonic() + GAP_S)
            modem.say(stray[half:])  # its rest may come after the next question
            assert ask(channel, name).lines == (line.decode(),)


def test_a_setting_is_sent_once_and_gets_its_own_result() -> None:
    stray = b"\r\n+CCID: 8922301000000000017\r\n" + OK
    modem = ScriptedModem(
        full({"AT+CMGD": said(stray, GAP_S, ERROR), 'AT+CPIN="1234"': said(stray, GAP_S, ERROR)})
    )
    with talking_to(modem) as channel:
        ask(channel, "AT+CCID")
        for command in ("AT+CMGD=3", 'AT+CPIN="1234"'):
            assert not channel.command(command).ok
            assert modem.commands.count(command) == 1
        assert ask(channel, "AT+CSQ").lines == ("+CSQ: 17,99",)


def test_a_question_that_is_always_answered_with_ok_is_repeated_only_once() -> None:
    modem = ScriptedModem({"AT+CREG?": OK, "AT+CGMI": OK, "AT+CMGL": OK, "AT+CNUM": OK})
    with talking_to(modem) as channel:
        for _ in range(4):
            assert channel.command("AT+CREG?", "+CREG").ok
            assert channel.command("AT+CGMI", "+CGMI", bare=True).ok
            assert channel.command("AT+CMGL=4", "+CMGL").ok
            assert channel.command("AT+CNUM", "+CNUM").ok
    assert [modem.commands.count(name) for name in ("AT+CREG?", "AT+CGMI", "AT+CMGL=4", "AT+CNUM")] == [
        5,
        5,
        4,
        4,
    ]


@pytest.mark.parametrize("answer", [ERROR, ERROR + OK, b"\r\n+CME ERROR: 4\r\n"])
def test_a_refused_question_is_repeated_only_where_it_was_answered_before(answer: bytes) -> None:
    modem = ScriptedModem({"AT+CSQ": answer})
    with talking_to(modem) as channel:
        for _ in range(4):
            assert not channel.command("AT+CSQ", "+CSQ").ok
        assert modem.commands.count("AT+CSQ") <= 5
        modem.answers["AT+CSQ"] = b"\r\n+CSQ: 9,9\r\n" + OK
        assert channel.command("AT+CSQ", "+CSQ").ok
        modem.answers["AT+CSQ"] = [answer, b"\r\n+CSQ: 8,9\r\n" + OK]
        assert channel.command("AT+CSQ", "+CSQ").lines == ("+CSQ: 8,9",)


def test_repeated_stray_answers_do_not_realign_before_each_command() -> None:
    modem = ScriptedModem(full({"AT+CSQ": b"\r\n+CSCA: 1\r\n\r\n+CSQ: 17,99\r\n" + OK}))
    with talking_to(modem) as channel:
        ask(channel, "AT+CSCA?")
        before = modem.commands.count("AT")
        for _ in range(20):
            assert ask(channel, "AT+CSQ").lines == ("+CSQ: 17,99",)
        assert modem.commands.count("AT") - before <= 3


@pytest.mark.parametrize(
    "word",
    [
        "MODEM:STARTUP",
        "MODEM: STARTUP",
        "MODEM:START",
        "START",
        "SMS Ready",
        "PB DONE",
        "+PBREADY",
    ],
)
def test_a_start_message_is_not_taken_for_the_manufacturer(word: str) -> None:
    modem = ScriptedModem({"AT+CGMI": f"\r\n{word}\r\n\r\nMotorola\r\n\r\nOK\r\n".encode()})
    with talking_to(modem) as channel:
        assert ask(channel, "AT+CGMI").lines == ("Motorola",)
        assert not channel.restarted
        assert Urc(word) in channel.urcs


def test_an_unknown_line_before_the_manufacturer_repeats_the_question() -> None:
    answers: Answers = {"AT+CGMI": [b"\r\nHELLO WORLD\r\n\r\nMotorola\r\n" + OK, b"\r\nMotorola\r\n" + OK]}
    with talking_to(ScriptedModem(answers)) as channel:
        assert ask(channel, "AT+CGMI").lines == ("Motorola",)


def test_a_modem_that_reports_its_start_is_set_up_again() -> None:
    modem = ScriptedModem({"AT+CSQ": b"\r\nMODEM:STARTUP\r\n"})
    with talking_to(modem) as channel:
        modem.say(b"\r\nMODEM:STARTUP\r\n")
        channel.wait(time.monotonic() + 1)
        assert channel.restarted


# Pure


@pytest.mark.parametrize(
    ("command", "lines", "fit"),
    [
        ("AT+CGMI", ["Quectel"], True),
        ("AT+CGMI", ["8922301000000000017F"], False),
        ("AT+CGMI", ["356938035643809"], False),
        ("AT+CGMM", ["610020000000017"], False),
        ("AT+CGSN", ["8922301000000000017"], False),
        ("AT+CGSN", ["+CGSN: 356938035643809"], True),
        ("AT+CIMI", ["89223010000000000178"], False),
        ("AT+CIMI", ["61002000000001"], True),
        ("AT+CCID", ["610020000000017"], False),
        ("AT+CCID", ["898600B5112340005012"], True),
        ("AT^ICCID?", ["^ICCID: 98220301000000001087"], True),
        ("AT+CSQ", ["+CSQ: 1,1"], True),
        ("AT+CCID", [], True),
    ],
)
def test_the_form_of_an_answer_must_fit_its_question(command: str, lines: list[str], fit: bool) -> None:
    assert answer_check.fits(command, lines) is fit


def test_the_answer_to_the_last_question_does_not_answer_the_next() -> None:
    habits = AnswerHabits()
    number = Response(("356938035643809",), DONE)
    habits.learn("AT+CGSN", number)
    habits.remember("AT+CGSN", ("+CGSN",), number.lines)
    assert habits.is_odd("AT+CIMI", number)
    assert not habits.is_odd("AT+CGSN", number)


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=40), max_size=4), st.booleans())
def test_any_answer_to_any_command_is_checked_without_an_error(
    command: str, lines: list[str], ok: bool
) -> None:
    command = "AT" + command
    answer = Response(tuple(lines), DONE if ok else REFUSED)
    habits = AnswerHabits()
    habits.is_odd(command, answer)
    habits.learn(command, answer)
    habits.remember(command, ("+CSQ",), answer.lines)
    assert isinstance(answer_check.asks(command, (), bare=True), bool)
    assert not (
        answer.ok and habits.is_odd(command, answer)
    )  # an answer that comes twice is normal for the modem
