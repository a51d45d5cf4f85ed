"""Settings that a modem lost, refuses for some time, or that were changed: found, restored, and published."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from modem.parts import Submitted, Via
from modem.port.conditions import Condition
from modem.port.interface import Unreadable
from modem.port.status import PortState
from modem.sms.tpdu import Deliver, ReportKind
from tests.conftest import eventually
from tests.modem.healthy_modem import DELIVER, OK, after, healthy
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import running
from tests.modem.scripted_modem import Script, ScriptedModem
from tests.modem.settable_modem import ERROR, Settable, Text, deliver

# No regular refresh or listing happens within a test: the test causes all that it sees.
CALM = replace(FAST, refresh_s=60, list_s=600)
SETTLED = "2,1,0,1,0"

UNSET = {
    Condition.PDU_MODE_UNCONFIRMED,
    Condition.STORAGE_NOT_SET,
    Condition.TEXTS_NOT_ANNOUNCED,
    Condition.REPORTS_NOT_ANNOUNCED,
}


def conditions(work: RecordingWork) -> set[Condition]:
    return set(work.statuses[-1].conditions) if work.statuses else set()


def is_settled(modem: Settable) -> bool:
    return (modem.mode, modem.announced, modem.memory) == (0, SETTLED, "SM")


def texts(work: RecordingWork) -> list[str]:
    return [text.pdu if isinstance(text, Unreadable) else text.text for text in work.texts]


# Text mode


def test_no_pdu_is_sent_as_a_text_after_a_silent_fall_back() -> None:
    work, state = RecordingWork(), Settable()
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=CALM) as port:
        for number in range(1, 4):
            work.give(part(number))
            port.wake()
            eventually(lambda number=number: len(work.results) == number)  # type: ignore[misc]
            state.mode = 1
        assert work.results == [Submitted(1), Submitted(2), Submitted(3)]
        eventually(lambda: Condition.TEXT_MODE_RESTORED in conditions(work))
    assert state.sent_as_texts == []


def test_a_part_is_not_written_to_the_memory_in_text_mode() -> None:
    work, state = RecordingWork(), Settable()
    written: dict[str, Script] = {"AT+CMGW": ScriptedModem.prompt, "PDU": b"\r\n+CMGW: 3\r\n" + OK}
    written["AT+CMSS"] = b"\r\n+CMSS: 7\r\n" + OK
    modes: list[int] = []

    def prompt(modem: ScriptedModem) -> None:
        modes.append(state.mode)
        modem.prompt()

    answers = state.answers({**written, "AT+CMGW": prompt})
    with (
        ScriptedModem(answers) as modem,
        running(modem.device, work, timing=CALM, submit_via="storage") as port,
    ):
        eventually(lambda: work.state is PortState.UP)
        state.mode = 1
        work.give(replace(part(1), via=Via.STORAGE, marks=True))
        port.wake()
        eventually(lambda: work.results == [Submitted(7)])
    assert modes == [0]


@pytest.mark.parametrize("code", [304, 305])
def test_a_refusal_for_the_wrong_mode_causes_a_check_of_the_mode(code: int) -> None:
    """The modem does not know AT+CMGF?, and refuses a PDU in text mode."""
    work, state = RecordingWork(part()), Settable()
    fell = [True]

    def take(modem: ScriptedModem) -> None:
        if fell.pop() if fell else False:
            state.mode = 1
        if state.mode:
            modem.say(b"\r\n+CMS ERROR: %d\r\n" % code)
        else:
            modem.take()

    answers = state.answers({"AT+CMGF?": ERROR, "PDU": take})
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.results == [Submitted(1)])


@pytest.mark.parametrize("asks", [True, False], ids=["reports its mode", "does not report its mode"])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "found"])
@pytest.mark.parametrize(
    "refusal",
    [
        None,
        b"\r\n+CMS ERROR: 304\r\n",
        b"\r\n+CMS ERROR: 305\r\n",
        b"\r\n+CMS ERROR: Invalid text mode parameter\r\n",
    ],
)
def test_a_text_read_in_text_mode_is_read_again_as_a_pdu_before_it_is_deleted(
    refusal: bytes | None, *, announced: bool, asks: bool
) -> None:
    work, state = RecordingWork(), Settable(text_refusal=refusal)
    answers = state.answers({} if asks else {"AT+CMGF?": ERROR})
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.state is PortState.UP and "AT+CMGL=4" in modem.commands)
        state.mode, state.texts[5] = 1, Text(DELIVER)
        modem.say(b'\r\n+CMTI: "SM",5\r\n' if announced else b"\r\n+CMTI: ?\r\n")
        eventually(lambda: not state.texts)
        assert [type(text) for text in work.texts] == [Deliver]
        assert state.mode == 0


def test_in_lasting_text_mode_no_text_is_deleted_and_no_part_sent() -> None:
    work, state = RecordingWork(part()), Settable(mode=1, texts={5: Text(DELIVER)})
    stays: dict[str, Script] = dict.fromkeys(("AT+CMGF", "AT+CMGF=0"), ERROR)
    with ScriptedModem(state.answers(stays)) as modem, running(modem.device, work):
        eventually(lambda: Condition.PDU_MODE_UNCONFIRMED in conditions(work))
        eventually(lambda: work.state is PortState.SICK)  # a restart may help
        assert state.sent_as_texts == modem.pdus == []
        assert state.texts
        assert work.texts == []
        modem.answers.update(state.answers())
        eventually(lambda: work.results == [Submitted(1)] and not state.texts)
        assert len(work.texts) == 1
        assert Condition.PDU_MODE_UNCONFIRMED not in conditions(work)


TEXT_FORM = {
    "plain": (
        '+CMT: "+22376123456",,"26/11/22,10:00:00+00"\r\nÇa va ?'.encode("latin-1"),
        ("+22376123456", "Ça va ?"),
    ),
    "all parameters": (
        b'+CMT: "+22376123456",,"26/11/22,10:00:00+04",145,4,0,0,"+22370000000",145,2\r\nOK',
        ("+22376123456", "OK"),
    ),
    "without the place of a name": (
        b'+CMT: "OrangeMoney","26/11/22,10:00:00+00"\r\n+500 FCFA',
        ("OrangeMoney", "+500 FCFA"),
    ),
    "UCS-2": (b'+CMT: "36111",,"26/11/22,10:00:00+00"\r\n00C700610020007600610020003F', ("36111", "Ça va ?")),
    "digits": (b'+CMT: "36111",,"26/11/22,10:00:00+00"\r\n20262026', ("36111", "20262026")),
}


@pytest.mark.parametrize(("said", "expected"), TEXT_FORM.values(), ids=TEXT_FORM)
def test_a_direct_text_in_text_mode_is_kept(said: bytes, expected: tuple[str, str]) -> None:
    work, state = RecordingWork(), Settable()
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.state is PortState.UP and is_settled(state))
        state.mode = 1
        modem.say(b"\r\n" + said + b"\r\n")
        eventually(lambda: len(work.texts) == 1)
        (text,) = work.texts
        assert isinstance(text, Deliver)
        assert (text.sender, text.text) == expected
        assert text.sent_at is not None
        eventually(lambda: state.mode == 0)


@pytest.mark.parametrize(("said", "expected"), TEXT_FORM.values(), ids=TEXT_FORM)
def test_a_text_in_text_mode_that_comes_before_the_answer_to_a_command_is_kept(
    said: bytes, expected: tuple[str, str]
) -> None:
    work, state = RecordingWork(), Settable()
    answer = b"\r\n+CSQ: 20,99\r\n" + OK
    answers = state.answers({"AT+CSQ": [b"\r\n" + said + b"\r\n" + answer, answer]})
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: len(work.texts) == 1)
        (text,) = work.texts
        assert isinstance(text, Deliver)
        assert (text.sender, text.text) == expected
        eventually(lambda: work.statuses[-1].active.signal_dbm == -73)
        assert modem.commands.count("AT+CSQ") == 1


def test_a_direct_report_in_text_mode_is_kept() -> None:
    work, state = RecordingWork(), Settable()
    report = b'+CDS: 6,8,"+22376123456",145,"26/11/22,10:00:00+00","26/11/22,10:00:07+00",0'
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.state is PortState.UP and is_settled(state))
        state.mode = 1
        modem.say(b"\r\n" + report + b"\r\n")
        eventually(lambda: len(work.reports) == 1)
        assert (work.reports[0].reference, work.reports[0].recipient) == (8, "+22376123456")
        assert work.reports[0].kind is ReportKind.DELIVERED
        eventually(lambda: state.mode == 0)


def test_a_text_of_no_known_form_is_set_aside_whole() -> None:
    work, state = RecordingWork(), Settable()
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.state is PortState.UP)
        modem.say(b'\r\n+CMT: ,,"?"\r\nBonjour\r\n')
        eventually(lambda: len(work.texts) == 1)
        assert texts(work) == ['+CMT: ,,"?"\nBonjour']
        eventually(lambda: Condition.UNREADABLE_TEXTS in conditions(work))


# Not ready

REFUSALS = {
    "bare": ERROR,
    "CMS 500": b"\r\n+CMS ERROR: 500\r\n",
    "CME 14": b"\r\n+CME ERROR: 14\r\n",
    "CME 515": b"\r\n+CME ERROR: 515\r\n",
    "CMS 314": b"\r\n+CMS ERROR: 314\r\n",
    "CMS 512": b"\r\n+CMS ERROR: 512\r\n",
    "CMS 517": b"\r\n+CMS ERROR: 517\r\n",
    "CMS 302": b"\r\n+CMS ERROR: 302\r\n",
    "in words": b"\r\n+CME ERROR: SIM busy\r\n",
    "silence": b"",
}


WAITED_FOR = [REFUSALS[name] for name in ("CME 14", "CME 515", "CMS 314", "in words")]


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_setting_that_is_refused_for_some_time_is_set_later(refusal: bytes) -> None:
    work, state = RecordingWork(part()), Settable(mode=1, refusal=refusal)
    quick = replace(CALM, commands=replace(FAST.commands, busy_s=20.0, again_s=0.01))
    impatient = replace(quick, commands=replace(quick.commands, busy_s=0.3))
    timing = impatient if refusal in WAITED_FOR else quick
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=timing):
        eventually(lambda: conditions(work) >= UNSET)
        assert work.state is PortState.UP
        assert work.results == []
        state.refusal = None
        eventually(lambda: is_settled(state) and work.results == [Submitted(1)])
        eventually(lambda: not UNSET & conditions(work))
    assert state.sent_as_texts == []


@pytest.mark.parametrize(
    "sign",
    [
        "Call Ready",
        "CALL READY",
        "SMS Ready",
        "SMS DONE",
        "PB DONE",
        "+QIND: SMS DONE",
        "+QIND: PB DONE",
        "+WIND: 4",
        "^SIMST:1",
        "^SIMST: 1,0",
        "#QSS: 3",
        "+PBREADY",
        "+CPIN: READY",
    ],
)
def test_a_urc_of_readiness_causes_lost_settings_to_be_restored(sign: str) -> None:
    work, state = RecordingWork(), Settable()
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.state is PortState.UP and is_settled(state))
        state.restart()
        modem.say(f"\r\n{sign}\r\n".encode())
        eventually(lambda: is_settled(state))


@pytest.mark.parametrize("sign", ["APP RDY", "^SYSSTART AIRPLANE MODE", "*ATREADY:1", "RDY", "+WIND:3"])
def test_a_urc_of_a_restart_causes_a_complete_set_up(sign: str) -> None:
    work, state = RecordingWork(), Settable()
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.state is PortState.UP and is_settled(state))
        state.restart()
        modem.commands.append("(here)")
        modem.say(f"\r\n{sign}\r\n".encode())
        eventually(lambda: is_settled(state))
        assert "AT+CFUN?" in after(modem, "(here)")


def test_many_urcs_of_readiness_do_not_keep_a_port_busy() -> None:
    work, state = RecordingWork(), Settable()
    timing = replace(CALM, commands=replace(FAST.commands, busy_s=60.0))
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=timing) as port:
        eventually(lambda: work.state is PortState.UP and is_settled(state))
        asked = modem.commands.count("AT+CNMI?")
        for _ in range(30):
            modem.say(b"\r\n+PBREADY\r\n")
            assert port.ask().result(60).ok
        # Not for each URC; on a slow machine some looks of its own come between.
        assert modem.commands.count("AT+CNMI?") < asked + 15


def test_a_modem_whose_mode_is_not_known_gets_no_part() -> None:
    work, state = RecordingWork(part()), Settable(refusal=b"\r\n+CMS ERROR: 500\r\n")
    timing = replace(CALM, commands=replace(FAST.commands, busy_s=60.0))
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=timing) as port:
        eventually(lambda: Condition.PDU_MODE_UNCONFIRMED in conditions(work) and work.state is PortState.UP)
        began, spent = time.monotonic(), time.process_time()
        tries = modem.commands.count("AT+CMGF=0")
        for _ in range(10):
            port.wake()
        eventually(lambda: modem.commands.count("AT+CMGF=0") > tries + 2)
        assert time.process_time() - spent < (time.monotonic() - began) / 2
        assert work.outcomes == []
        assert len(work.orders) == 1  # it was not claimed
        state.refusal = None
        eventually(lambda: work.results == [Submitted(1)])


def test_parts_that_wait_are_not_refused_one_after_the_other() -> None:
    work, state = RecordingWork(*(part(number) for number in range(1, 6))), Settable()

    def fall(modem: ScriptedModem) -> None:
        modem.take()
        if len(modem.pdus) == 1:
            state.mode, state.refusal = 1, b"\r\n+CMS ERROR: 500\r\n"

    timing = replace(CALM, commands=replace(FAST.commands, busy_s=60.0))
    with ScriptedModem(state.answers({"PDU": fall})) as modem, running(modem.device, work, timing=timing):
        eventually(lambda: Condition.PDU_MODE_UNCONFIRMED in conditions(work))
        tries = modem.commands.count("AT+CMGF=0")
        eventually(lambda: modem.commands.count("AT+CMGF=0") > tries + 2)
        assert len(work.orders) == 3  # one was submitted, and the next claimed with its outcome
        state.refusal = None
        eventually(lambda: len(work.results) == 5)
    assert len([result for result in work.results if isinstance(result, Submitted)]) == 4


def _fall_to_text(state: Settable) -> None:
    state.mode = 1


def _forget_announcements(state: Settable) -> None:
    state.announced = "0,0,0,0,0"


def _keep_announcements_back(state: Settable) -> None:
    state.announced = "0,1,0,1,0"


def _receive_elsewhere(state: Settable) -> None:
    state.memory = "ME"


@pytest.mark.parametrize(
    "lose",
    [_fall_to_text, _forget_announcements, _keep_announcements_back, _receive_elsewhere, Settable.restart],
)
def test_settings_that_are_lost_without_a_urc_are_restored_by_the_regular_check(
    lose: Callable[[Settable], None],
) -> None:
    work, state = RecordingWork(), Settable()
    with ScriptedModem(state.answers()) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP and is_settled(state))
        lose(state)
        eventually(lambda: is_settled(state))
        eventually(lambda: not UNSET & conditions(work))


def test_a_modem_that_cannot_be_asked_gets_its_settings_again() -> None:
    work, state = RecordingWork(), Settable()
    answers = state.answers({"AT+CNMI?": ERROR, "AT+CMGF?": ERROR})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP and is_settled(state))
        state.mode, state.announced = 1, "0,0,0,0,0"
        eventually(lambda: is_settled(state))


def test_a_better_form_that_was_refused_too_early_is_set_later() -> None:
    """The best form is refused at first and a worse one accepted, without reports."""
    work, state = RecordingWork(), Settable()
    early = [True] * 150

    def with_reports(modem: ScriptedModem) -> None:
        wants = modem.commands[-1].partition("=")[2]
        if early and wants.split(",")[3:4] != ["0"]:
            early.pop()
            modem.say(b"\r\n+CMS ERROR: 500\r\n")
        else:
            state.announced = wants
            modem.say(OK)

    answers = state.answers({"AT+CNMI": with_reports})
    timing = replace(CALM, commands=replace(FAST.commands, busy_s=20.0))
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=timing):
        eventually(lambda: Condition.REPORTS_NOT_ANNOUNCED in conditions(work))
        eventually(lambda: state.announced.split(",")[3] in ("1", "2"))
        eventually(lambda: not UNSET & conditions(work))


def test_a_form_that_is_accepted_and_not_in_force_counts_as_refused() -> None:
    work = RecordingWork()
    answers = healthy(
        {
            "AT+CNMI=?": ERROR,
            "AT+CNMI?": b"\r\n+CNMI: 2,0,0,0,0\r\n" + OK,
            "AT+CMGF?": b"\r\n+CMGF: 0\r\n" + OK,
        }
    )
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=CALM):
        eventually(
            lambda: {Condition.TEXTS_NOT_ANNOUNCED, Condition.REPORTS_NOT_ANNOUNCED} <= conditions(work)
        )


def test_a_modem_without_the_command_for_the_mode_sends() -> None:
    work = RecordingWork(part())
    answers = healthy({"AT+CMGF=0": ERROR, "AT+CMGF": ERROR, "AT+CMGF=?": ERROR})
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.results == [Submitted(1)])
        assert Condition.PDU_MODE_UNCONFIRMED not in conditions(work)


# The modem's identity

BOOT = b"\r\n^BOOT:9767194,0,0,0,20huawei\r\n" + OK
TOLD = b"\r\nhuawei\r\n" + OK


@pytest.mark.parametrize(
    "early",
    [
        [BOOT],
        [BOOT] * 4,
        [ERROR],
        [ERROR] * 3,
        [b"\r\n+CME ERROR: 515\r\n"] * 3,
        [b"\r\n^RSSI:17\r\n" + OK] * 3,
    ],
)
@pytest.mark.parametrize("command", ["AT+CGMI", "AT+CGMM"])
def test_a_modem_is_asked_for_its_identity_until_it_answers(command: str, early: list[Script]) -> None:
    work = RecordingWork()
    model = {"AT+CGMI": TOLD, "AT+CGMM": b"\r\nE1550\r\n" + OK}
    answers = healthy({**model, command: [*early, model[command]]})
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.statuses and work.statuses[-1].model == "huawei E1550")
        eventually(lambda: "AT^CURC=1" in modem.commands)  # a setting of its vendor


# Memory


def test_a_text_without_an_announcement_is_found_by_the_fill_level() -> None:
    work, state = RecordingWork(), Settable()
    timing = replace(FAST, list_s=600)
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=timing):
        eventually(lambda: work.state is PortState.UP and "AT+CMGL=4" in modem.commands)
        listed = modem.commands.count("AT+CMGL=4")
        looked = modem.commands.count("AT+CPMS?")
        eventually(lambda: modem.commands.count("AT+CPMS?") > looked + 2)
        assert (
            modem.commands.count("AT+CMGL=4") <= listed + 2
        )  # an empty memory is not listed again and again
        state.texts[3] = Text(DELIVER)
        eventually(lambda: len(work.texts) == 1 and not state.texts)


def test_messages_that_a_listing_left_are_not_listed_again_and_again() -> None:
    work, state = RecordingWork(), Settable(texts={1: Text(DELIVER)})
    timing = replace(FAST, list_s=600)
    answers = state.answers({"AT+CMGD": ERROR})
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=timing):
        eventually(lambda: Condition.DELETION_REFUSED in conditions(work))
        looked = modem.commands.count("AT+CPMS?")
        eventually(lambda: modem.commands.count("AT+CPMS?") > looked + 2)
        assert modem.commands.count("AT+CMGL=4") < 4 * 2
        state.texts[2] = Text(deliver(33))
        eventually(lambda: len(work.texts) == 2)
        modem.answers["AT+CMGD"] = state.answers()["AT+CMGD"]
        modem.say(b'\r\n^SMMEMFULL: "SM"\r\n')


@pytest.mark.parametrize(
    ("indicators", "said"),
    [
        (None, '+CIEV: "message",1'),
        (None, '+CIEV: "SMS full",1'),
        (b'("battchg",(0-5)),("signal",(0-5)),("service",(0,1)),("message",(0,1))', "+CIEV: 4,1"),
        (b'("SMS full",(0-1)),("signal",(0-5))', "+CIEV: 1,1"),
        (b'("battery level",(0-5)),("smsfull",(0-1))', "+CIEV: 2,1"),
        (b"(battchg,(0-5)),(smsfull,(0-1))", "+CIEV: 2,1"),
        (None, "SMS FULL"),
        (None, '+QIND: "smsfull","SM"'),
        (None, "+SMSFULL"),
        (None, "%MGSL: FULL"),
    ],
)
def test_an_indicator_about_texts_causes_a_listing(indicators: bytes | None, said: str) -> None:
    work, state = RecordingWork(), Settable()
    told = ERROR if indicators is None else b"\r\n+CIND: " + indicators + b"\r\n" + OK
    timing = replace(CALM, list_s=30)  # the listing comes a second after the last one
    with (
        ScriptedModem(state.answers({"AT+CIND=?": told})) as modem,
        running(modem.device, work, timing=timing),
    ):
        eventually(lambda: work.state is PortState.UP and "AT+CMGL=4" in modem.commands)
        state.texts[3] = Text(DELIVER)
        modem.say(f"\r\n{said}\r\n".encode())
        eventually(lambda: len(work.texts) == 1, timing.list_s / 2)


def test_indicators_are_asked_for_again_where_the_modem_was_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modem.driver.notifications.INDICATORS_S", 0.05)
    work, state = RecordingWork(), Settable()
    told = b'\r\n+CIND: ("signal",(0-5)),("message",(0,1))\r\n' + OK
    answers = state.answers({"AT+CIND=?": [ERROR, told]})
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=replace(CALM, list_s=3)):
        eventually(lambda: work.state is PortState.UP and "AT+CMGL=4" in modem.commands)
        modem.say(b"\r\n+CIEV: 1,3\r\n")
        eventually(lambda: "AT+CIND=?" in modem.commands)
        state.texts[3] = Text(DELIVER)

        def found() -> bool:
            modem.say(b"\r\n+CIEV: 2,1\r\n")
            return len(work.texts) == 1

        eventually(found)


def test_a_full_memory_that_was_emptied_is_listed_again_at_once() -> None:
    """The network sends the next texts as soon as there is room, without announcements."""
    waiting = [Text(deliver(number)) for number in range(20)]
    state = Settable(capacity=5)
    state.texts = {number: waiting.pop() for number in range(5)}
    work = RecordingWork()
    delete = state.answers()["AT+CMGD"]

    def empty(modem: ScriptedModem) -> None:
        delete(modem)  # type: ignore[operator]
        if not state.texts:
            state.texts.update({number: waiting.pop() for number in range(5) if waiting})

    with ScriptedModem(state.answers({"AT+CMGD": empty})) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: len(work.texts) == 20 and not state.texts)


def test_a_full_memory_that_was_emptied_is_listed_again_a_moment_later_too() -> None:
    state = Settable(capacity=3, texts={number: Text(deliver(number)) for number in range(3)})
    work = RecordingWork()
    timing = replace(CALM, list_s=30)  # the listings come after 0.1, 0.2, 0.4 s …
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=timing):
        eventually(lambda: len(work.texts) == 3 and not state.texts)
        looked = modem.commands.count("AT+CPMS?")
        state.texts[1] = Text(DELIVER)
        eventually(lambda: len(work.texts) == 4, timing.list_s / 2)
        assert modem.commands.count("AT+CPMS?") > looked


def test_a_memory_that_stays_full_is_a_condition_until_there_is_room() -> None:
    state = Settable(capacity=5, texts={number: Text(DELIVER) for number in range(5)})
    answers = state.answers({"AT+CMGD": ERROR})
    work = RecordingWork()
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: Condition.MEMORY_FULL in conditions(work))
        state.capacity = 6
        eventually(lambda: Condition.MEMORY_NEARLY_FULL in conditions(work))
        assert Condition.MEMORY_FULL not in conditions(work)
        modem.answers["AT+CMGD"] = state.answers()["AT+CMGD"]
        eventually(lambda: not state.texts)
        told = {Condition.MEMORY_FULL, Condition.MEMORY_NEARLY_FULL, Condition.DELETION_REFUSED}
        eventually(lambda: not told & conditions(work))


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "listed"])
def test_a_place_that_is_overwritten_before_it_is_deleted_loses_no_text(*, announced: bool) -> None:
    other = deliver(33)
    state, work = Settable(), RecordingWork()
    kept = work.received

    def keep(status: object, text: object) -> None:
        kept(status, text)  # type: ignore[arg-type]
        if len(work.texts) == 1:
            state.texts[7] = Text(other)  # while the gateway stored the first

    work.received = keep  # type: ignore[method-assign]
    with ScriptedModem(state.answers()) as modem, running(modem.device, work, timing=CALM):
        eventually(lambda: work.state is PortState.UP and "AT+CMGL=4" in modem.commands)
        state.texts[7] = Text(DELIVER)
        modem.say(b'\r\n+CMTI: "SM",7\r\n' if announced else b"\r\n+CMTI: ?\r\n")
        eventually(lambda: len(work.texts) == 2 and not state.texts)
        assert work.texts[0] != work.texts[1]
