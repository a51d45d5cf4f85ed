"""The SIM as the driver reads it: its state, its PIN attempts and its service centre."""

from __future__ import annotations

import pytest

from modem.driver.sim import SimState
from tests.modem.driver.test_modem import ERROR, OK, Answers, driving, line

LOCKS = ("PH-SIM", "PH-FSIM", "PH-NET", "PH-NETSUB", "PH-SP", "PH-CORP")


@pytest.mark.parametrize(
    "answer",
    [
        *(line(f"+CPIN: {lock} {code}") for lock in LOCKS for code in ("PIN", "PUK")),
        line('+CPIN: "PH-NET PIN"'),
        line("+CPIN:ph-net pin"),
        *(b"\r\n+CME ERROR: %d\r\n" % code for code in (5, 6, 7, *range(40, 49))),
        b"\r\n+CME ERROR: Network personalization PIN required\r\n",
        b"\r\n+CMS ERROR: 312\r\n",
    ],
)
def test_a_modem_locked_to_another_operator_is_no_fault_of_the_sim(answer: bytes) -> None:
    with driving({"AT+CPIN?": answer}) as (modem, _):
        assert modem.sim.state() is SimState.MODEM_LOCKED


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (line("+CPIN:READY"), SimState.READY),
        (line('+CPIN: "SIM PIN"'), SimState.PIN_REQUIRED),
        (line("+CPIN: SIM PIN2"), SimState.READY),
        (line("+CPIN: SIM PUK"), SimState.PUK_REQUIRED),
        (line("+CPIN: NOT INSERTED"), SimState.ABSENT),
        (b"\r\n+CME ERROR: 10\r\n", SimState.ABSENT),
        (b"\r\n+CMS ERROR: 310\r\n", SimState.ABSENT),
        (b"\r\n+CME ERROR: 11\r\n", SimState.PIN_REQUIRED),
        (b"\r\n+CMS ERROR: 316\r\n", SimState.PUK_REQUIRED),
        (b"\r\n+CME ERROR: 13\r\n", SimState.FAILURE),
        (b"\r\n+CME ERROR: 15\r\n", SimState.FAILURE),
    ],
)
def test_other_states_of_the_sim(answer: bytes, state: SimState) -> None:
    with driving({"AT+CPIN?": answer}) as (modem, _):
        assert modem.sim.state() is state


def test_a_busy_sim_is_waited_for() -> None:
    answers: Answers = {
        "AT+CPIN?": [b"\r\n+CME ERROR: 14\r\n", b"\r\n+CME ERROR: SIM busy\r\n", b"\r\n+CPIN: READY\r\n"],
        "AT+CIMI": [b"\r\n+CME ERROR: 515\r\n", line("610020000000017")],
    }
    with driving(answers) as (modem, _):
        assert modem.sim.state() is SimState.READY
        assert modem.sim.imsi() == "610020000000017"


@pytest.mark.parametrize(
    ("answers", "attempts"),
    [
        ({"AT+CPINR": line("+CPINR: SIM PIN,3,3")}, 3),
        ({"AT+CGMI": line("Quectel"), "AT+QPINC": line('+QPINC: "SC",2,10')}, 2),
        ({"AT+CGMI": line("huawei"), "AT^CPIN?": line("^CPIN: SIM PIN,3,10,1,10,3")}, 1),
        ({"AT+CGMI": line("SIMCOM_Ltd"), "AT+SPIC": line("+SPIC: 3,10,0,10")}, 3),
        ({}, None),
    ],
)
def test_pin_attempts_are_read_before_one_is_used(answers: Answers, attempts: int | None) -> None:
    with driving(answers) as (modem, _):
        assert modem.sim.pin_attempts() == attempts


def test_pin_attempts_of_a_modem_that_knows_only_the_bare_command() -> None:
    bare = line("+CPINR: SIM PIN,2,3")
    for answer in (ERROR, OK):
        with driving({'AT+CPINR="SIM PIN"': answer, "AT+CPINR": bare}) as (modem, _):
            assert modem.sim.pin_attempts() == 2


@pytest.mark.parametrize(
    ("answer", "has"),
    [
        (OK, None),
        (ERROR, None),
        (b"\r\n+CMS ERROR: 500\r\n", None),
        (line("+CSCA:"), False),
        (b"\r\n+CMS ERROR: 330\r\n", False),
        (line('+CSCA: "+22370000000",145'), True),
    ],
)
def test_whether_there_is_a_service_centre(answer: bytes, has: bool | None) -> None:
    with driving({"AT+CSCA?": answer}) as (modem, _):
        assert modem.find_service_centre() is has


def test_a_service_centre_is_set_only_where_there_is_none() -> None:
    with driving({"AT+CSCA?": line('+CSCA: "+22370000000",145')}, smsc="+22379999999") as (modem, scripted):
        modem.prepare()
        assert not any(command.startswith("AT+CSCA=") for command in scripted.commands)
    with driving({"AT+CSCA?": b"\r\n+CMS ERROR: 330\r\n", "AT+CSCA": OK}, smsc="+22379999999") as (
        modem,
        scripted,
    ):
        modem.prepare()
        assert 'AT+CSCA="+22379999999",145' in scripted.commands
