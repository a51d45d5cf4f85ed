"""Each fault has its effect, and the modem works again afterwards."""

from __future__ import annotations

import random
import re

import pytest

from modem.simulator.core.faults import ALWAYS, Fault, Faults, Rule
from modem.simulator.core.radio import Cure
from modem.sms.segmentation import segment
from modem.sms.tpdu import Deliver, StatusReport, parse, submit
from tests.modem.simulator.bench import Bench, MakeBench

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
    assert bench.say("AT") == ""  # the command counts as text
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
        (Fault.DEAF, b""),
        (Fault.V0, b"+CSQ: 21,99\r\n0\r"),
        (Fault.RESET, b""),
        (Fault.STUCK_PROMPT, b""),
        (Fault.ANSWER_LATE, b""),
    ],
)
def test_an_answer_that_goes_wrong(bench: Bench, fault: Fault, answer: bytes) -> None:
    bench.modems[0].faults.arm(fault)
    assert bench.write(b"AT+CSQ\r") == answer
    bench.pass_time(10)
    late = bench.write(b"\x1b")  # leaves a prompt
    assert (b"+CSQ" in late) == (fault is Fault.ANSWER_LATE)
    bench.write(b"ATE0V1\r")
    assert bench.write(b"AT+CSQ\r") == b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n"


@pytest.mark.parametrize(
    ("fault", "place"), [(Fault.URC_BEFORE, 0), (Fault.URC_INSIDE, 1), (Fault.URC_AFTER, 2)]
)
def test_an_unsolicited_line_in_an_answer(bench: Bench, fault: Fault, place: int) -> None:
    bench.modems[0].faults.arm(fault)
    lines = bench.say("AT+CSQ").split("|")
    aside = lines.pop(place)
    assert lines == ["+CSQ: 21,99", "OK"]
    assert aside not in lines


def test_noise_before_an_answer(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.NOISE)
    answer = bench.write(b"AT\r")
    assert answer.endswith(b"\r\nOK\r\n")
    assert len(answer) > 6


@pytest.mark.parametrize(
    ("fault", "stray"),
    [
        (Fault.STRAY_ANSWER, b"\r\n+CPIN: READY\r\n\r\nOK\r\n"),
        (Fault.STRAY_OK, b"\r\nOK\r\n"),
        (Fault.STRAY_ERROR, b"\r\nERROR\r\n"),
    ],
)
def test_an_unsolicited_line_comes_before_an_answer(bench: Bench, fault: Fault, stray: bytes) -> None:
    bench.modems[0].faults.arm(fault)
    assert bench.write(b"AT+CSQ\r") == stray
    bench.pass_time(1)
    assert bench.hear() == b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n"


def test_an_answer_is_lost_and_the_command_was_done(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.ANSWER_LOST)
    assert bench.write(b"AT+CMEE=2\r") == b""
    assert bench.say("AT+CMEE?") == "+CMEE: 2|OK"


def test_a_reference_comes_with_the_next_submission(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.REFERENCE_LATE)
    assert bench.submit("00" + GOOD) == ""
    assert bench.submit("00" + GOOD) == "+CMGS: 0|+CMGS: 1|OK"
    assert bench.submit("00" + GOOD) == "+CMGS: 2|OK"


@pytest.mark.parametrize("end", ["ATH", "AT+CHUP"])
def test_a_call_rings_and_refuses_submissions_until_it_is_ended(bench: Bench, end: str) -> None:
    bench.modems[0].faults.arm(Fault.RING)
    assert bench.say("AT") == "RING|OK"
    bench.pass_time(6)
    assert bench.hear() == b"\r\nRING\r\n"
    assert bench.submit("00" + GOOD).startswith("+CMS ERROR: 302")
    assert bench.say(end) == "OK"
    assert bench.submit("00" + GOOD) == "+CMGS: 0|OK"
    bench.pass_time(30)
    assert b"RING" not in bench.hear()


def test_a_caller_hangs_up(bench: Bench) -> None:
    bench.modems[0].ring()
    bench.pass_time(60)
    assert bench.hear().endswith(b"\r\nRING\r\n\r\nNO CARRIER\r\n")
    assert bench.submit("00" + GOOD) == "+CMGS: 0|OK"


@pytest.mark.parametrize(
    ("fault", "line"), [(Fault.USSD_NO_CARRIER, "NO CARRIER"), (Fault.USSD_ERROR, "+CME ERROR: 30")]
)
def test_another_result_comes_in_place_of_the_networks_answer(bench: Bench, fault: Fault, line: str) -> None:
    bench.modems[0].faults.arm(fault)
    assert bench.say('AT+CUSD=1,"#123#",15') == "OK"
    bench.pass_time(30)
    assert bench.hear() == f"\r\n{line}\r\n".encode()


@pytest.mark.parametrize("fault", [Fault.PAUSE_INSIDE, Fault.TRICKLE])
def test_an_answer_comes_in_pieces_and_nothing_gets_between_them(bench: Bench, fault: Fault) -> None:
    modem = bench.modems[0]
    modem.faults.arm(fault)
    first = bench.write(b"AT+CSQ\r")
    modem.unsolicited("+CIEV: 2,4")
    bench.pass_time(1)
    assert first + bench.hear() == b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n\r\n+CIEV: 2,4\r\n"
    assert 0 < len(first) < 21


def test_an_unsolicited_line_comes_in_two_pieces(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.URC_SPLIT)
    bench.modems[0].unsolicited("+CIEV: 2,4")
    first = bench.hear()
    bench.pass_time(1)
    assert first + bench.hear() == b"\r\n+CIEV: 2,4\r\n"
    assert 0 < len(first) < 14


def test_one_octet_of_an_answer_is_garbled(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.GARBLED)
    answer = bench.write(b"AT+CSQ\r")
    assert bytes(octet & 0x7F for octet in answer) == b"\r\n+CSQ: 21,99\r\n\r\nOK\r\n"
    assert sum(octet > 0x7F for octet in answer) == 1


def test_one_octet_of_a_text_is_lost(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.OCTET_LOST)
    assert bench.submit("00" + GOOD) == "+CMS ERROR: 304"
    assert bench.submit("00" + GOOD) == "+CMGS: 0|OK"


def test_a_text_that_comes_too_fast_is_cut(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.OVERRUN, ALWAYS)
    pdu = submit("+22366000001", segment("fast " * 20)[0], seq=1, total=1, reference=0)
    assert bench.submit(pdu.hex) == "+CMS ERROR: 304"
    bench.say(f"AT+CMGS={pdu.length}")
    for begin in range(0, len(pdu.hex), 16):
        bench.write(pdu.hex[begin : begin + 16].encode())
    bench.write(b"\x1a")
    bench.pass_time(10)
    assert b"+CMGS: 0" in bench.hear()
    assert bench.modems[0].faults.happened[Fault.OVERRUN] == 1


def test_the_prompt_of_another_make(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.ODD_PROMPT)
    prompt = bench.write(b"AT+CMGS=20\r")
    assert prompt.strip() == b">"
    assert prompt != b"\r\n> "


def test_the_card_is_taken_out_and_put_back(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.SIM_REMOVED)
    assert bench.say("AT+CPIN?") == "+CME ERROR: 10"
    bench.pass_time(30)
    assert bench.say("AT+CPIN?") == "+CPIN: READY|OK"
    assert bench.submit("00" + GOOD) == "+CMGS: 0|OK"


@pytest.mark.parametrize(("fault", "stat"), [(Fault.REGISTRATION_LOST, 2), (Fault.REGISTRATION_DENIED, 3)])
def test_the_network_is_lost_and_returns(bench: Bench, fault: Fault, stat: int) -> None:
    bench.modems[0].faults.arm(fault)
    assert bench.say("AT+CREG?") == f"+CREG: 0,{stat}|OK"
    bench.pass_time(30)
    assert bench.say("AT+CREG?") == "+CREG: 0,1|OK"


@pytest.mark.parametrize(
    ("fault", "count"), [(Fault.REPORT_LOST, 0), (Fault.REPORT_LATE, 1), (Fault.REPORT_TWICE, 2)]
)
def test_a_report_that_goes_wrong(bench: Bench, fault: Fault, count: int) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.modems[0].faults.arm(fault)
    said = bench.submit("00" + GOOD)
    bench.pass_time(50)
    assert said.count("+CDS:") == (0 if fault is Fault.REPORT_LATE else count)
    bench.pass_time(20)
    assert (said + bench.hear().decode()).count("+CDS:") == count


def test_a_report_has_no_time_zone(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.modems[0].faults.arm(Fault.REPORT_ZONE)
    said = bench.submit("00" + GOOD)
    bench.pass_time(50)
    pdu = next(
        line
        for line in (said + bench.hear().decode()).replace("|", "\r\n").split("\r\n")
        if line.startswith("07")
    )
    report = parse(pdu)
    assert isinstance(report, StatusReport)
    assert (report.service_centre_at, report.discharged_at) == (None, None)
    assert report.service_centre_clock is not None


def incoming(bench: Bench, fault: Fault) -> str:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.modems[0].faults.arm(fault)
    bench.network.incoming(bench.sim(), "+22376000000", "Bonjour")
    bench.pass_time(1)
    return bench.hear().decode()


def test_a_text_is_announced_twice_where_it_is_not_deleted(bench: Bench) -> None:
    assert incoming(bench, Fault.INCOMING_TWICE).count("+CMTI:") == 2
    assert bench.say("AT+CPMS?").startswith('+CPMS: "SM",1,20')


def test_a_text_comes_again_once_it_was_deleted(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.modems[0].faults.arm(Fault.INCOMING_TWICE)
    bench.network.incoming(bench.sim(), "+22376000000", "Bonjour")
    bench.pass_time(0.25)
    bench.hear()
    first = bench.say("AT+CMGR=1")
    bench.say("AT+CMGD=1")
    bench.pass_time(1)
    assert bench.hear().count(b"+CMTI:") == 1
    assert bench.say("AT+CMGR=1") == first


def test_beside_a_text_comes_one_that_is_no_text(bench: Bench) -> None:
    assert incoming(bench, Fault.NO_TEXT).count("+CMTI:") == 2
    read = parse(bench.say("AT+CMGR=1").split("|")[1])
    assert isinstance(read, Deliver)
    assert read.signal is not None


def test_a_refusal_with_the_vendors_text(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.REFUSED_WORDS)
    assert bench.submit("00" + GOOD) == "+CMS ERROR: no credit left"


def test_a_modem_locked_to_another_operator(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.MODEM_LOCKED)
    assert bench.say("AT+CPIN?") == "+CPIN: PH-NET PIN|OK"
    assert bench.say("AT+CPIN?") == "+CPIN: READY|OK"


def test_answers_in_unusual_forms(bench: Bench) -> None:
    faults = bench.modems[0].faults
    faults.arm(Fault.ODD_FORM, 3)
    assert bench.say("AT+CREG?") == "+CREG:000,001|OK"
    assert re.fullmatch(r"\+CCLK: [0-9/]{8},[0-9:]{8}\+00\|OK", bench.say("AT+CCLK?"))
    assert bench.say("AT+CSCA?") == "OK"
    assert bench.say("AT+CREG?") == "+CREG: 0,1|OK"


def test_a_character_set_is_refused(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.CHARSET_REFUSED)
    assert bench.say('AT+CSCS="GSM"') == "+CME ERROR: 4"
    assert bench.say("AT+COPS?").startswith('+COPS: 0,0,"00')


def test_a_clock_stands_still(bench: Bench) -> None:
    faults = bench.modems[0].faults
    faults.arm(Fault.CLOCK_STANDS, 2)
    first = bench.say("AT+CCLK?")
    bench.pass_time(60)
    assert bench.say("AT+CCLK?") == first
    assert bench.say("AT+CCLK?") != first


def test_beside_a_text_comes_one_that_is_none(bench: Bench) -> None:
    assert incoming(bench, Fault.MALFORMED).count("+CMTI:") == 2
    assert bench.say("AT+CMGR=2").startswith("+CMGR: 0,,")
    bench.say("AT+CMGF=1")
    assert bench.say("AT+CMGR=1") == "+CMS ERROR: 320"
    assert "Bonjour" in bench.say('AT+CMGL="ALL"')


def test_a_text_finds_the_memory_full_and_comes_when_there_is_room(bench: Bench) -> None:
    assert incoming(bench, Fault.MEMORY_FULL) == ""
    assert bench.say("AT+CPMS?").startswith('+CPMS: "SM",20,20')
    assert bench.say("AT+CMGD=1") == 'OK|+CMTI: "SM",1'


def test_a_modem_falls_back_to_text_mode_and_sends_a_pdu_as_a_text(make_bench: MakeBench) -> None:
    bench = make_bench(personality="sim800")
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.modems[0].faults.arm(Fault.TEXT_MODE)
    assert bench.say("AT+CMGF?") == "+CMGF: 0|OK"  # not at a command that could notice it
    bench.say("AT+CSQ")
    assert bench.submit("00" + GOOD, length=29) == "+CMGS: 0|OK"
    (accepted,) = bench.witness.accepted()
    assert (accepted.recipient, accepted.text) == ("29", "00" + GOOD)
    assert bench.say("AT+CNMI?") == "+CNMI: 2,1,0,1,0|OK"


def test_a_modem_loses_its_settings_without_a_urc(bench: Bench) -> None:
    bench.say("AT+CNMI=2,1,0,1,0")
    bench.say('AT+CPMS="ME","ME","ME"')
    bench.modems[0].faults.arm(Fault.SETTINGS_LOST)
    assert bench.say("AT+CSQ") == "+CSQ: 21,99|OK"
    assert bench.say("AT+CNMI?") == "+CNMI: 0,0,0,0,0|OK"
    assert bench.say("AT+CPMS?").startswith('+CPMS: "SM",')
    assert bench.write(b"AT\r") == b"\r\nOK\r\n"  # echo is as it was


def test_a_modem_refuses_all_sms_commands_for_a_while(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.NOT_READY)
    assert bench.say("AT+CSQ") == "+CSQ: 21,99|OK"
    for command in ("AT+CMGF=0", "AT+CPMS?", "AT+CNMI=2,1", "AT+CMGL=4", "AT+CMGS=20"):
        assert "ERROR" in bench.say(command)
    bench.pass_time(25)
    assert bench.say("AT+CMGF=0") == "OK"


def test_an_answer_shares_its_line_with_a_urc(bench: Bench) -> None:
    bench.modems[0].faults.arm(Fault.IDENTITY_GLUED)
    assert bench.say("AT+CGMI") == "^BOOT:9767194,0,0,0,20gatewayd|OK"
    assert bench.say("AT+CGMI") == "gatewayd|OK"


@pytest.mark.parametrize(("fault", "said"), [(Fault.UNANNOUNCED, ""), (Fault.INDICATOR, "+CIEV: 5,1")])
def test_a_text_is_stored_and_not_announced_as_it_should_be(bench: Bench, fault: Fault, said: str) -> None:
    assert incoming(bench, fault).strip() == said
    assert "+CMGR: 0," in bench.say("AT+CMGR=1")
    assert bench.say("AT+CIND=?").split(",(0-5)),")[4] == '("message"'


def test_a_text_takes_the_place_of_one_that_was_just_listed(bench: Bench) -> None:
    incoming(bench, Fault.OVERWRITTEN)
    listed = bench.say("AT+CMGL=4").split("|")[1]
    assert bench.say("AT+CMGR=1").split("|")[1] not in (listed, "OK")
    assert bench.say("AT+CMGL=4").count("+CMGL:") == 1


def test_a_restart_in_the_middle_of_a_line_ends_it(bench: Bench) -> None:
    modem = bench.modems[0]
    modem.faults.arm(Fault.PAUSE_INSIDE)
    bench.write(b"AT+CSQ\r")
    modem.reset()
    bench.pass_time(5)
    assert bench.hear() == b""


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("noise", Rule((Fault.NOISE,))),
        ("noise=0.25@3", Rule((Fault.NOISE,), 0.25, 3)),
        ("refused:42=0.5", Rule((Fault.REFUSED,), 0.5, None, 42)),
        ("all=0.01", Rule(tuple(Fault), 0.01)),
    ],
)
def test_a_rule_as_it_is_typed(text: str, rule: Rule) -> None:
    assert Rule.read(text) == rule


@pytest.mark.parametrize("text", ["", "nothing", "noise=2", "noise=x", "noise:1", "noise@a", "noise=1.1.1"])
def test_an_invalid_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each fault has its own words
        Rule.read(text)


def test_a_rule_holds_until_it_is_ended_and_its_faults_are_counted() -> None:
    faults = Faults(random.Random(1))  # noqa: S311
    faults.apply(Rule.read("refused:42"))
    assert faults.take(Fault.REFUSED)
    assert faults.code == 42
    faults.apply(Rule.read("refused=0"))
    assert not faults.any
    faults.apply(Rule.read("all"))
    faults.calm()
    assert not faults.take(Fault.REFUSED)
    assert faults.happened == {Fault.REFUSED: 1}


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


@pytest.mark.parametrize(("fault", "command"), [(Fault.ICCID_LOST, "AT+CCID"), (Fault.IMSI_LOST, "AT+CIMI")])
def test_a_number_of_the_card_cannot_be_read_for_once(bench: Bench, fault: Fault, command: str) -> None:
    bench.say("AT+CMEE=1")
    told = bench.say(command)
    bench.modems[0].faults.arm(fault)
    assert bench.say(command) == "+CME ERROR: 13"
    assert bench.say(command) == told


@pytest.mark.parametrize("cure", list(Cure))
def test_a_network_is_lost_until_a_sufficient_action(bench: Bench, cure: Cure) -> None:
    bench.modems[0].radio.stop_searching(cure)
    for step, commands in enumerate((["AT+COPS=0"], ["AT+CFUN=4", "AT+CFUN=1"], ["AT+CFUN=1,1"]), 1):
        assert bench.say("AT+CREG?").startswith("+CREG: 0,2")
        for command in commands:
            bench.say(command)
        bench.pass_time(60)
        bench.hear()
        if step == cure:
            break
    assert bench.say("ATE0").endswith("OK")
    assert bench.say("AT+CREG?").startswith("+CREG: 0,1")


def test_a_card_is_exchanged_without_a_urc(bench: Bench) -> None:
    before = bench.say("AT+CCID"), bench.say("AT+CIMI")
    bench.modems[0].exchange_card(bench.modems[1].cards[0])  # type: ignore[arg-type]
    assert bench.hear() == b""
    assert (bench.say("AT+CCID"), bench.say("AT+CIMI")) != before
    assert bench.say("AT+CPIN?") == "+CPIN: READY|OK"
