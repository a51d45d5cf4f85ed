"""Registration of the active SIM, as the driver reads it from three commands."""

from __future__ import annotations

import pytest

from modem.driver.registration import Registration
from tests.modem.driver.test_modem import ERROR, OK, Answers, driving, line


@pytest.mark.parametrize(
    ("said", "registration"),
    [
        ('+CREG: 2,5,"25FF","825E"', Registration.ROAMING),
        ("+CREG: 0,3", Registration.DENIED),
        ("+CREG: 2,0", Registration.NOT_SEARCHING),
        ("+CREG: 0,8", Registration.EMERGENCY),
        ("+CREG: 0,11", Registration.EMERGENCY),
        ("+CREG: 0,011", Registration.EMERGENCY),
        ("+CREG: 0,12", Registration.UNKNOWN),
        ("+CREG: 0,99", Registration.UNKNOWN),
        ("+CREG: 2", Registration.SEARCHING),  # the form of a URC
        ('+CREG: 1,"25FF","825E"', Registration.HOME),
        ('+CREG: 001,"25FF","825E"', Registration.HOME),
        ("+CREG: 5,0015,00A3", Registration.ROAMING),  # the same without quotes
        ("+CREG: \xb2,\xb2", Registration.UNKNOWN),
    ],
)
def test_registration(said: str, registration: Registration) -> None:
    with driving({"AT+CREG?": line(said)}) as (modem, _):
        assert modem.network.registration() is registration


@pytest.mark.parametrize(
    ("answers", "registration"),
    [
        ({"AT+CREG?": line("+CREG: 0,0"), "AT+CEREG?": line("+CEREG: 0,11")}, Registration.EMERGENCY),
        ({"AT+CREG?": line("+CREG: 0,2"), "AT+CEREG?": line("+CEREG: 0,11")}, Registration.SEARCHING),
        ({"AT+CREG?": ERROR, "AT+CEREG?": line('+CEREG: 002,001,"18d8"')}, Registration.HOME),
        ({"AT+CREG?": line("+CREG: 0,0"), "AT+CGREG?": line("+CGREG: 0,005")}, Registration.ROAMING),
    ],
)
def test_the_best_of_three_registrations_counts(answers: Answers, registration: Registration) -> None:
    with driving(answers) as (modem, _):
        assert modem.network.registration() is registration


def test_a_modem_that_does_not_answer_counts_as_registered() -> None:
    with driving() as (modem, _):
        assert modem.network.registration() is Registration.HOME
    with driving({"AT+CREG?": OK}) as (modem, _):
        assert modem.network.registration() is Registration.HOME
