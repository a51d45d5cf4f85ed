"""Each fault does what it says, and the modem is itself again afterwards."""

from __future__ import annotations

import random

import pytest

from modem.simulator.faults import ALWAYS, Fault, Faults
from tests.modem.simulator.bench import Bench

GOOD = "31000B912263000000F10000AA07C2B75BFDAECB01"


@pytest.mark.parametrize(
    ("fault", "answer", "accepted"),
    [
        (Fault.NO_PROMPT, "", 0),
        (Fault.SILENT_TAKEN, "", 1),
        (Fault.SILENT_LOST, "", 0),
        (Fault.REFUSED, "+CMS ERROR: 42", 0),
        (Fault.RESET_BEFORE, "", 0),
        (Fault.RESET_AFTER, "", 1),
        (Fault.LATE, "", 1),
    ],
)
def test_a_submission_that_goes_wrong(bench: Bench, fault: Fault, answer: str, accepted: int) -> None:
    faults = bench.modems[0].faults
    faults.code = 42
    faults.arm(fault)
    assert bench.submit("00" + GOOD) == answer
    assert len(bench.witness.accepted()) == accepted
    bench.pass_time(100)
    late = bench.hear()
    assert (late == b"\r\n+CMGS: 0\r\n\r\nOK\r\n") == (fault is Fault.LATE)
    bench.say("ATE0")
    assert bench.submit("00" + GOOD) == f"+CMGS: {accepted}|OK"


def test_the_end_of_a_text_is_lost(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.CTRL_Z_LOST)
    assert bench.submit("00" + GOOD) == ""
    assert bench.say("AT") == ""  # it is taken for text
    assert bench.write(b"\x1b") == b"\r\nOK\r\n"
    assert bench.witness.accepted() == ()


def test_the_report_comes_before_the_answer(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.modems[0].faults.arm(Fault.REPORT_FIRST)
    answer = bench.submit("00" + GOOD)
    assert answer.startswith("+CDS: 25|")
    assert answer.endswith("|+CMGS: 0|OK")


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (Fault.RESULT_LOST, b"\r\n+CSQ: 21,99\r\n"),
        (Fault.RESULT_TWICE, b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n\r\nOK\r\n"),
        (Fault.URC_INSIDE, b"\r\n+CSQ: 21,99\r\n\r\n+CIEV: 2,4\r\n\r\nOK\r\n"),
        (Fault.DEAF, b""),
    ],
)
def test_an_answer_that_goes_wrong(bench: Bench, fault: Fault, answer: bytes) -> None:
    bench.modems[0].faults.arm(fault)
    assert bench.write(b"AT+CSQ\r") == answer
    assert bench.write(b"AT+CSQ\r") == b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n"


def test_noise_before_an_answer(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.NOISE)
    answer = bench.write(b"AT\r")
    assert answer.endswith(b"\r\nOK\r\n")
    assert len(answer) > 6


def test_a_pause_inside_an_answer(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.PAUSE_INSIDE)
    first = bench.write(b"AT+CSQ\r")
    bench.pass_time(1)
    assert first + bench.hear() == b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n"
    assert 0 < len(first) < 21


def test_echo_comes_back(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.ECHO_BACK)
    assert bench.write(b"AT\r") == b"\r\nOK\r\n"
    assert bench.write(b"AT\r") == b"AT\r\r\nOK\r\n"


def test_faults_by_chance_repeat_with_their_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults(random.Random(seed))  # noqa: S311
        faults.rates[Fault.NOISE] = 0.3
        return [faults.take(Fault.NOISE) for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < sum(drawn(1)) < 90


def test_always(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.DEAF, ALWAYS)
    assert [bench.write(b"AT\r") for _ in range(5)] == [b""] * 5
    bench.modems[0].faults.disarm(Fault.DEAF)
    assert bench.write(b"AT\r") == b"\r\nOK\r\n"
