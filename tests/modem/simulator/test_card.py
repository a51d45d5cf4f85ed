"""The card: identity, PIN and PUK, slots, power (27.007, 7 and 8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from modem.simulator.bank import Bank, BankConfig
from modem.simulator.core.faults import ALWAYS, Fault
from modem.simulator.core.sim import ORANGE, card, imei
from modem.sms.check_digit import luhn
from tests.modem.simulator.bench import Bench, MakeBench


def test_identity(bench: Bench) -> None:
    assert bench.say("AT+CCID") == "+CCID: 8922302000000000010|OK"
    assert bench.say("AT+CIMI") == "610020000000001|OK"
    assert bench.say("AT+CNUM") == '+CNUM: "","+22370000001",145|OK'
    assert bench.say("AT+CIMI", 2) == "610010000000001|OK"
    assert bench.say("AT+CNUM", 2) == '+CNUM: "","+22360000001",145|OK'


def test_banks_with_other_first_cards_share_no_card(tmp_path: Path) -> None:
    first, second = (Bank(BankConfig(directory=tmp_path, ports=4, first_card=number)) for number in (1, 1000))
    of_first = {sim.iccid for port in first.ports for sim in first.slots(port)}
    of_second = {sim.iccid for port in second.ports for sim in second.slots(port)}
    assert len(of_first) == len(of_second) == 4
    assert not of_first & of_second


def test_numbers_of_cards_and_modems_carry_their_check_digits() -> None:
    assert luhn("7992739871") == "3"
    for index in (1, 9, 123):
        for digits in (card(index, ORANGE, 1, None).iccid, imei(index)):
            assert luhn(digits[:-1]) == digits[-1]


def test_a_locked_card_requires_its_pin(make_bench: MakeBench) -> None:
    bench = make_bench(pin="4711")
    assert bench.say("AT+CPIN?") == "+CPIN: SIM PIN|OK"
    assert bench.say("AT+CIMI") == "+CME ERROR: 11"
    assert bench.say("AT+CMGS=20") == "+CMS ERROR: 311"
    assert bench.say("AT+CREG?") == "+CREG: 0,0|OK"
    assert bench.say("AT+CCID") == "+CCID: 8922302000000000010|OK"
    assert bench.say('AT+CPIN="4711"') == "OK"
    assert bench.say("AT+CPIN?") == "+CPIN: READY|OK"
    assert bench.say("AT+CIMI") == "+CME ERROR: 14"
    assert bench.say("AT+CMGL=4") == "+CMS ERROR: 314"
    bench.pass_time(1)
    assert bench.say("AT+CREG?") == "+CREG: 0,2|OK"
    bench.pass_time(3)
    assert bench.say("AT+CREG?") == "+CREG: 0,1|OK"
    assert bench.say('AT+CPIN="4711"') == "+CME ERROR: 3"


def test_three_wrong_pins_require_the_puk_and_ten_wrong_puks_block_the_card(make_bench: MakeBench) -> None:
    bench = make_bench(pin="4711")
    assert [bench.say("AT+CPIN=0000") for _ in range(3)] == [
        "+CME ERROR: 16",
        "+CME ERROR: 16",
        "+CME ERROR: 12",
    ]
    assert bench.say("AT+CPIN?") == "+CPIN: SIM PUK|OK"
    assert bench.say("AT+CPIN=4711") == "+CME ERROR: 12"
    assert bench.say("AT+CIMI") == "+CME ERROR: 12"
    assert bench.say("AT+CPINR") == "+CPINR: SIM PIN,0,3|+CPINR: SIM PUK,10,10|OK"
    assert bench.say("AT+CPIN=12345678,1111") == "OK"
    assert bench.say("AT+CPINR") == "+CPINR: SIM PIN,3,3|+CPINR: SIM PUK,10,10|OK"
    for _ in range(3):
        bench.modems[0].card.verify("9999")  # type: ignore[union-attr]
    answers = [bench.say("AT+CPIN=87654321,1111") for _ in range(10)]
    assert answers == ["+CME ERROR: 16"] * 9 + ["+CME ERROR: 13"]
    assert bench.say("AT+CPIN?") == "+CME ERROR: 13"


@pytest.mark.parametrize("raw", ["", "12", "123456789", "abcd", "1111,2222,3333", '""'])
def test_a_pin_of_the_wrong_form_costs_no_try(make_bench: MakeBench, raw: str) -> None:
    bench = make_bench(pin="4711")
    assert bench.say(f"AT+CPIN={raw}") == "+CME ERROR: 50"
    assert bench.sim().pin_tries == 3


def test_the_lock_is_switched_and_the_pin_changed(bench: Bench) -> None:
    assert bench.say('AT+CLCK="SC",2') == "+CLCK: 0|OK"
    assert bench.say('AT+CPWD="SC","0000","1111"') == "+CME ERROR: 3"
    assert bench.say('AT+CLCK="SC",1,"9999"') == "+CME ERROR: 16"
    assert bench.say('AT+CLCK="SC",1,"0000"') == "OK"
    assert bench.say('AT+CLCK="SC",2') == "+CLCK: 1|OK"
    assert bench.say('AT+CPWD="SC","0000","1111"') == "OK"
    bench.say("AT+CFUN=1,1")
    bench.pass_time(5)
    bench.hear()
    bench.say("ATE0")
    assert bench.say("AT+CPIN?") == "+CPIN: SIM PIN|OK"
    assert bench.say("AT+CPIN=1111") == "OK"


def test_no_card(bench: Bench) -> None:
    bench.modems[0].replace_card(1, None)
    assert bench.say("AT+CPIN?") == "+CME ERROR: 10"
    assert bench.say("AT+CMGS=20") == "+CMS ERROR: 310"
    assert bench.say("AT+CREG?") == "+CREG: 0,0|OK"


def test_a_busy_card(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.SIM_BUSY, ALWAYS)
    assert bench.say("AT+CMGS=20") == "+CMS ERROR: 314"
    bench.modems[0].faults.disarm(Fault.SIM_BUSY)
    assert bench.say("AT+CMGS=20") == "> "


def test_registration_is_reported(bench: Bench) -> None:
    bench.say("AT+CREG=2;+CEREG=1")
    bench.modems[0].radio.cover(3)
    assert bench.hear() == b"\r\n+CREG: 3\r\n\r\n+CEREG: 3\r\n"
    bench.modems[0].radio.cover(5)
    assert bench.hear() == b'\r\n+CREG: 5,"0065","000E"\r\n\r\n+CEREG: 5\r\n'
    assert bench.say("AT+CREG?") == '+CREG: 2,5,"0065","000E"|OK'


def test_flight_mode(bench: Bench) -> None:
    assert bench.say("AT+CFUN=4") == "OK"
    assert bench.say("AT+CREG?") == "+CREG: 0,0|OK"
    assert bench.say("AT+CSQ") == "+CSQ: 99,99|OK"
    assert bench.say("AT+CIMI") == "610020000000001|OK"
    assert bench.say("AT+CFUN=1") == "OK"
    bench.pass_time(3)
    assert bench.say("AT+CREG?") == "+CREG: 0,1|OK"


def test_operator(bench: Bench) -> None:
    assert bench.say("AT+COPS?") == '+COPS: 0,0,"Orange ML"|OK'
    assert bench.say("AT+COPS=3,2;+COPS?") == '+COPS: 0,2,"61002"|OK'
    assert bench.say('AT+COPS=1,2,"61001"') == "+CME ERROR: 30"
    assert bench.say("AT+COPS=2;+COPS?") == "+COPS: 2|OK"
    bench.say("AT+COPS=0")
    bench.pass_time(3)
    assert bench.say("AT+COPS?") == '+COPS: 0,2,"61002"|OK'


def test_slots_are_switched_only_while_not_registered(make_bench: MakeBench) -> None:
    bench = make_bench(modems=1, slots=2)
    assert bench.say("AT+CSUS=?") == "+CSUS: (0-1)|OK"
    assert bench.say("AT+CSUS=1") == "+CME ERROR: 3"
    assert bench.say("AT+CFUN=4") == "OK"
    assert bench.say("AT+CSUS=2") == "+CME ERROR: 50"
    assert bench.say("AT+CSUS=1") == "OK"
    assert bench.say("AT+CSUS?") == "+CSUS: 1|OK"
    assert bench.say("AT+CFUN=1") == "OK"
    bench.pass_time(5)
    assert bench.say("AT+CCID") == "+CCID: 8922301000000000011|OK"
    assert bench.say("AT+CREG?") == "+CREG: 0,1|OK"


def test_a_restart_forgets_settings_and_keeps_messages(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.network.incoming(bench.sim(), "+22376000000", "x")
    bench.hear()
    assert bench.say("AT+CFUN=1,1") == "OK"
    bench.pass_time(0.5)
    assert bench.write(b"AT\r") == b""
    bench.pass_time(5)
    assert bench.write(b"AT\r") == b"AT\r\r\nOK\r\n"
    bench.say("ATE0")
    assert bench.say("AT+CNMI?") == "+CNMI: 0,0,0,0,0|OK"
    assert bench.say("AT+CMGL=4").startswith("+CMGL: 1,0")


def test_ussd(bench: Bench) -> None:
    assert bench.say('AT+CUSD=1,"#123#",15') == "OK"
    assert bench.say('AT+CUSD=1,"#123#",15') == "+CME ERROR: 258"
    bench.pass_time(2)
    answer = b'\r\n+CUSD: 0,"Votre solde est de 1250 FCFA, valable jusqu\'au 31/12/2030.",15\r\n'
    assert bench.hear() == answer
    assert bench.say('AT+CUSD=1,"*100#",15') == "OK"
    bench.pass_time(2)
    assert bench.hear().startswith(b'\r\n+CUSD: 1,"')
    assert bench.say('AT+CUSD=1,"#123#",15') == "OK"
    assert bench.say("AT+CUSD=2") == "OK"
    bench.pass_time(2)
    assert bench.hear() == b""


def test_ussd_in_ucs2(bench: Bench) -> None:
    bench.say('AT+CSCS="UCS2"')
    code = "#123#".encode("utf-16-be").hex()
    assert bench.say(f'AT+CUSD=1,"{code}",15') == "OK"
    bench.pass_time(2)
    text = bench.hear().decode().split('"')[1]
    assert bytes.fromhex(text).decode("utf-16-be").startswith("Votre solde")


def test_a_modem_answers_the_test_form_of_every_command_that_it_lists(bench: Bench) -> None:
    bench.say("ATZ")
    bench.say("ATE0")
    for command in bench.say("AT+CLAC").split("|")[:-1]:
        if command.startswith("AT+"):
            answer = bench.say(f"{command}=?")
            bench.pass_time(20)  # +COPS=? scans
            assert (answer or bench.hear().decode().strip()).endswith("OK"), command
