"""What modems answer, in the forms that were seen of them, and what the driver reads out of it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modem.at.responses import asked_registration
from modem.driver.parsers import pin_attempts as attempts_in
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.driver.ussd import Form, parse
from modem.sms.gsm7 import plain
from tests.modem.driver.test_modem import ERROR, OK, Answers, driving, line
from tests.modem.scripted_modem import ScriptedModem


def wide(text: str) -> str:
    """UCS-2 in hexadecimal digits."""
    return text.encode("utf-16-be").hex().upper()


# Registration


@pytest.mark.parametrize(
    ("said", "registration"),
    [
        ('+CREG:002,001,"18d8","ffff"', Registration.HOME),
        ("+CREG: 000,005", Registration.ROAMING),
        ("+CREG: 2,01,18d8,ffff", Registration.HOME),
        ('+CREG: "2","1","18D8","FFFF"', Registration.HOME),
        ('+CREG: 2,"1,"18D8","FFFF"', Registration.HOME),
        ('+CREG: 2,1","18D8","FFFF"', Registration.HOME),
        ('+CREG: 2,1,"0B,"0100701",7', Registration.HOME),
        ("+CREG: 2, 5 , 4CA,81DE445", Registration.ROAMING),
        ("+CREG: ,1", Registration.HOME),
        ("+CREG: 2,0", Registration.NOT_SEARCHING),
        ("+CREG: 0,8", Registration.EMERGENCY),
        ("+CREG: 0,11", Registration.EMERGENCY),
        ("+CREG: 0,011", Registration.EMERGENCY),
        ("+CREG: 0,12", Registration.UNKNOWN),
        ("+CREG: 0,99", Registration.UNKNOWN),
        ('+CREG: 1,"25FF","825E"', Registration.HOME),  # in the form of a URC
        ('+CREG: 001,"25FF","825E"', Registration.HOME),
        ("+CREG: 5,0015,00A3", Registration.ROAMING),  # likewise, without quotes
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


@given(st.text(), st.sampled_from(["+CREG: ", "+CEREG:", ""]))
@example("1,007", "+CREG: ")
def test_no_registration_raises(text: str, prefix: str) -> None:
    found = asked_registration(prefix + text)
    assert found is None or 0 <= found <= 99


@pytest.mark.parametrize(
    ("said", "signal_dbm"),
    [
        ("+CSQ: 17,99", -79),
        ("+CSQ:017,099", -79),
        ('+CSQ: "17","99"', -79),
        ("+CSQ: 17", -79),
        ("+CSQ: 0,0", -113),
        ("+CSQ: 31,7", -51),
        ("+CSQ: 99,99", None),
        ("+CSQ: 199,99", None),  # on the scale of LTE modems: not known
        ("+CSQ: 151,99", -65),
        ("+CSQ: 255,255", None),
        ("+CSQ: -1,99", None),
        ("+CSQ: ,", None),
        ("+CSQ:", None),
    ],
)
def test_signal(said: str, signal_dbm: int | None) -> None:
    with driving({"AT+CSQ": line(said)}) as (modem, _):
        assert modem.network.signal_dbm() == signal_dbm


# UCS-2 where AT+CSCS="GSM" was refused


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (f'+COPS: 0,0,"{wide("Orange ML")}",2', "Orange ML"),
        (f'+COPS: 0,0,"{wide("Malitel").lower()}"', "Malitel"),
        (f'+COPS: 0,0,"{wide("Télécel")}"', "Télécel"),
        (f'+COPS: 0,0,"{wide("中国移动")}"', "中国移动"),
        (f'+COPS: 0,0,"{wide("موريتل")}"', "موريتل"),
        (f'+COPS: 0,2,"{wide("61002")}"', "61002"),
        ('+COPS: 0,0,"Orange ML"', "Orange ML"),
        ('+COPS: 0,2,"61002"', "61002"),
        ("+COPS: 0,2,61002", "61002"),
        ('+COPS: 0,0,"FACEBEEF"', "FACEBEEF"),
        ('+COPS: 0,0,"Dada"', "Dada"),
        ("+COPS: 0", ""),
    ],
)
def test_operator(said: str, name: str) -> None:
    with driving({"AT+COPS?": line(said)}) as (modem, _):
        assert modem.network.operator() == name


@pytest.mark.parametrize(
    ("said", "number"),
    [
        (f'+CNUM: "{wide("Own")}","{wide("+22370000017")}",145', "+22370000017"),
        (f'+CNUM: "","{wide("22370000017")}",145', "+22370000017"),
        (f'+CNUM: ,"{wide("70000017").lower()}",129', "70000017"),
        ("+CNUM: ,22370000017,145", "+22370000017"),
        ('+CNUM: "Own","+223 70 00-00.17",145', "+22370000017"),
        ('+CNUM: "","012301230123",129', "012301230123"),  # three letters, were it UCS-2
        ('+CNUM: "","223701234567",129', "223701234567"),
        ("+CNUM: ", ""),
    ],
)
def test_own_number(said: str, number: str) -> None:
    with driving({"AT+CNUM": line(said)}) as (modem, _):
        assert modem.sim.own_number() == number


@given(st.text(alphabet="0123456789", max_size=20))
def test_a_decimal_number_that_is_no_ucs2_stays(number: str) -> None:
    assert plain(number) in (
        number,
        bytes.fromhex(number).decode("utf-16-be") if len(number) % 4 == 0 else number,
    )


@given(st.text())
def test_plain_never_raises(text: str) -> None:
    assert isinstance(plain(text), str)


@given(st.text(alphabet="abcXYZ éèàç019", min_size=2, max_size=20))
def test_any_name_in_ucs2_is_read(name: str) -> None:
    assert plain(wide(name)) == name
    assert plain(wide(name).lower()) == name


@pytest.mark.parametrize("form", [Form.UCS2, Form.PLAIN])
@pytest.mark.parametrize("dcs", ["15", "72", "0", "17"])
@pytest.mark.parametrize("text", ["Votre solde est de 500 FCFA", "10", "Crédit épuisé", "رصيدك 500"])
def test_ussd_in_ucs2(text: str, dcs: str, form: Form) -> None:
    assert parse(f'+CUSD: 0,"{wide(text)}",{dcs}', form, "").text == text


def test_a_modem_that_refuses_the_gsm_character_set_is_asked_in_ucs2() -> None:
    def answer(modem: ScriptedModem) -> None:
        modem.say(OK + f'\r\n+CUSD: 0,"{wide("Votre solde est de 500 FCFA")}",72\r\n'.encode())

    answers: Answers = {
        "AT+CSCS?": line('+CSCS: "UCS2"'),
        'AT+CSCS="GSM"': ERROR,
        "AT+CSCS": OK,
        "AT+CUSD": answer,
    }
    with driving(answers) as (modem, scripted):
        (reply,) = modem.ussd(["*100#"])
    assert reply.text == "Votre solde est de 500 FCFA"
    assert f'AT+CUSD=1,"{wide("*100#")}",15' in scripted.commands


# PIN attempts, service centre, locks


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["+CPINR: SIM PIN,3,3", "+CPINR: SIM PUK,10,10"], 3),
        (["+CPINR: SIM PUK,10,10", '+CPINR: "SIM PIN",1,3', "+CPINR: SIM PIN2,3"], 1),
        (["+CPINR: 2"], 2),
        (["+CPINR: 3,10,3,10"], 3),
        (["SIM PIN,2,3"], 2),
        (["+CPINR:sim pin,1"], 1),
        (["+CPINR: SIM PIN2,3", "+CPINR: SIM PUK,10"], None),
        (["+CPINR:"], None),
        (["+CPINR: SIM PIN,"], None),
        ([], None),
    ],
)
def test_pin_attempts(lines: list[str], left: int | None) -> None:
    assert attempts_in(lines) == left


@given(st.lists(st.text(max_size=20)))
def test_no_pin_attempts_raise(lines: list[str]) -> None:
    attempts_in(lines)


def test_a_modem_that_knows_the_bare_command_alone_tells_its_pin_attempts() -> None:
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
        (line('+CSCA: "",129'), False),
        (b"\r\n+CMS ERROR: 330\r\n", False),
        (line('+CSCA: "+22370000000",145'), True),
        (line("+CSCA: +22370000000,145"), True),
        (line(f'+CSCA: "{wide("+22370000000")}",145'), True),
    ],
)
def test_whether_there_is_a_service_centre(answer: bytes, has: bool | None) -> None:
    with driving({"AT+CSCA?": answer}) as (modem, _):
        assert modem.find_service_centre() is has


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
def test_a_modem_locked_to_another_operator_is_no_fault_of_the_card(answer: bytes) -> None:
    with driving({"AT+CPIN?": answer}) as (modem, _):
        assert modem.sim.state() is SimState.MODEM_LOCKED


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (line("+CPIN:READY"), SimState.READY),
        (line('+CPIN: "SIM PIN"'), SimState.PIN_REQUIRED),
        (line("+CPIN: SIM PIN2"), SimState.READY),
        (b"\r\n+CME ERROR: 13\r\n", SimState.FAILURE),
        (b"\r\n+CME ERROR: 15\r\n", SimState.FAILURE),
    ],
)
def test_other_states_of_the_card(answer: bytes, state: SimState) -> None:
    with driving({"AT+CPIN?": answer}) as (modem, _):
        assert modem.sim.state() is state
