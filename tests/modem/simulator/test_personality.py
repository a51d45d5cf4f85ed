"""The differences of the simulated makes; all of them send and receive."""

from __future__ import annotations

from typing import Any

import pytest

from modem.simulator.core.sim import Lock
from modem.simulator.personality import PERSONALITIES
from tests.modem.simulator.bench import Bench, MakeBench

GOOD = "31630B912263000000F10000AA07C2B75BFDAECB01"
CNMI = {"m6280": "1,1,0,2,0"}


def of(make_bench: MakeBench, personality: str, **choices: Any) -> Bench:
    return make_bench(personality=personality, **choices)


@pytest.mark.parametrize("personality", sorted(PERSONALITIES))
def test_each_make_sends_receives_and_restarts(make_bench: MakeBench, personality: str) -> None:
    bench = of(make_bench, personality)
    for modem in (1, 2):
        assert bench.say(f"AT+CNMI={CNMI.get(personality, '2,1,0,1,0')}", modem) == "OK"
    answer = bench.submit("00" + GOOD)
    reference = 0x63 if personality == "plain-keeps-reference" else 0
    assert f"+CMGS: {reference}|OK" in answer
    assert bench.witness.texts()[0].text == "Bonjour"
    assert ("+CDSI: " if personality == "m6280" else "+CDS: ") in answer + bench.hear().decode()
    assert "+CMTI: " in bench.hear(2).decode()
    assert "+CMGL: " in bench.say("AT+CMGL=4", 2)
    bench.say("AT+CFUN=1,1")
    bench.pass_time(60)
    bench.hear()
    bench.say("ATE0")
    assert bench.say("AT+CREG?") == "+CREG: 0,1|OK"


@pytest.mark.parametrize("personality", sorted(PERSONALITIES))
def test_the_settings_at_the_start_are_among_the_accepted_ones(personality: str) -> None:
    traits = PERSONALITIES[personality].traits
    assert all(
        value in values for value, values in zip(traits.cnmi_at_start, traits.cnmi_values, strict=True)
    )
    assert all(name in names for name, names in zip(traits.memories_at_start, traits.storage, strict=False))
    assert {name for names in traits.storage for name in names} <= {"SM", *traits.capacities}
    assert traits.charset_at_start in traits.charsets


def test_sim800(make_bench: MakeBench) -> None:
    bench = of(make_bench, "sim800")
    assert bench.say("AT+CCID") == "8922302000000000010|OK"
    assert bench.say("AT+SPIC") == "+SPIC: 3,10,0,0|OK"
    bench.network.incoming(bench.sim(), "+22376000000", "x")
    assert bench.hear() == b'\r\n+CMTI: "SM",1\r\n'
    assert bench.say("AT+CMGDA=6") == "OK"
    assert bench.say("AT+CMGL=4") == "OK"
    bench.say("AT+CFUN=1,1")
    bench.pass_time(10)
    said = [line for line in bench.hear().decode().split("\r\n") if line]
    assert said == ["RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"]


def test_ec25_changes_its_slot_at_once(make_bench: MakeBench) -> None:
    bench = of(make_bench, "ec25", modems=1, slots=2)
    assert bench.say("AT+CCID") == "ERROR"
    assert bench.say("AT+QCCID") == "+QCCID: 8922302000000000010F|OK"
    assert bench.say("AT+QUIMSLOT?") == "+QUIMSLOT: 1|OK"
    assert bench.say("AT+QUIMSLOT=2") == "OK"
    assert bench.say("AT+CREG?") == "+CREG: 0,2|OK"
    bench.pass_time(10)
    assert bench.say("AT+CREG?") == "+CPIN: READY|+QUSIM: 1|+QIND: SMS DONE|+QIND: PB DONE|+CREG: 0,1|OK"
    assert bench.say("AT+QCCID") == "+QCCID: 8922301000000000011F|OK"
    assert bench.say("AT+QUIMSLOT=3") == "+CME ERROR: 50"


def test_ec25_counts_its_messages_from_0(make_bench: MakeBench) -> None:
    bench = of(make_bench, "ec25")
    bench.network.incoming(bench.sim(), "+22376000000", "x")
    assert bench.hear() == b'\r\n+CMTI: "ME",0\r\n'
    assert bench.say("AT+CMGR=0").startswith("+CMGR: 0,,")
    assert bench.say("AT+CMGD=0") == "OK"


def test_e173_sends_urcs_until_they_are_switched_off(make_bench: MakeBench) -> None:
    bench = of(make_bench, "e173")
    assert bench.say("AT+NOPE") == "COMMAND NOT SUPPORT"
    assert bench.say("AT+CMMS=2") == "+CMS ERROR: 500"
    assert bench.say("AT^CPIN?") == "^CPIN: READY,,10,3,10,3|OK"
    bench.pass_time(21)
    assert bench.hear().count(b"^RSSI:") == 3
    bench.say("AT^CURC=0")
    bench.network.incoming(bench.sim(), "+22376000000", "x")
    bench.pass_time(30)
    assert bench.hear() == b""
    bench.say('AT+CUSD=1,"AA180C3602",15')
    bench.pass_time(2)
    assert b"+CUSD: 1" in bench.hear()  # queries are still answered


def test_e173_requires_packed_ussd(make_bench: MakeBench) -> None:
    bench = of(make_bench, "e173")
    assert bench.say('AT+CUSD=1,"*100#",15') == "+CME ERROR: 50"
    assert bench.say('AT+CUSD=1,"AA180C3602",15') == "OK"
    bench.pass_time(2)
    assert b'+CUSD: 1,"31' in bench.hear()
    bench.say("AT^USSDMODE=0")
    assert bench.say('AT+CUSD=1,"#123#",15') == "OK"
    bench.pass_time(2)
    assert b"1250 FCFA" in bench.hear()


def test_q2406(make_bench: MakeBench) -> None:
    bench = of(make_bench, "q2406", pin="4711")
    assert bench.say("AT+CPIN?") == "+CPIN: SIM PIN"  # and no OK
    assert bench.say("AT+CPIN=4711") == "OK"
    assert bench.sim().lock is Lock.READY
    bench.pass_time(10)
    assert bench.hear() == b"\r\n+WIND: 4\r\n\r\n+WIND: 7\r\n"
    assert bench.say("AT+CPMS=?") == '+CPMS: (("SM","SR"),("SM"))|OK'
    assert bench.say('AT+CPMS="SM","SM","SM"') == "+CMS ERROR: 302"
    assert bench.say('AT+CPMS="SM","SM"') == "+CPMS: 0,20,0,20|OK"
    assert bench.say("AT+CGMR") == "ERROR"
    assert bench.say("AT+CFUN=1") == "OK"
    bench.pass_time(0.5)
    assert bench.say("AT") == ""  # it restarts


def test_mf190(make_bench: MakeBench) -> None:
    bench = of(make_bench, "mf190")
    bench.say("AT+CNMI=1,1,0,1,0")
    assert bench.write(b"AT+CMGS=21\r") == b'\r\n+ZPASR: "UMTS"\r\n\r\n> '
    bench.write(f"00{GOOD}\x1a".encode())
    bench.pass_time(5)
    assert b"\r\n+CDS: ,25\r\n" in bench.hear()
    bench.say("AT+CNMI=1,1,0,2,0")
    bench.submit("00" + GOOD)
    bench.say('AT+CPMS="SR"')
    assert bench.say("AT+CMGR=0").startswith("+CMGR: ,,25|")
    bench.say("AT+CSMP=17,167,0,0")
    assert bench.say("AT+CSCA?") == '+CSCA: "",129|OK'


def test_m6280_refuses_a_setting_that_it_lists(make_bench: MakeBench) -> None:
    bench = of(make_bench, "m6280")
    assert bench.say("AT+CNMI=?") == "+CNMI: (0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)|OK"
    assert bench.say("AT+CNMI=2,1,0,0,0") == "+CMS ERROR: 303"
    assert bench.say("AT+CNMI=1,1,0,1,0") == "+CMS ERROR: 303"
    assert bench.say("AT+CNMI=1,1,0,2,0") == "OK"
