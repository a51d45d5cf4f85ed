"""Tables of the bytes that real modems send, and of the expected results of the port."""

from __future__ import annotations

import contextlib
import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import PortSettings
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.errors import Kind
from modem.parts import InDoubt, Refused, Submitted
from modem.port.interface import Switch, Unreadable
from modem.port.port import Port
from modem.port.status import PortState, PortStatus
from modem.sms import tpdu
from tests.conftest import eventually
from tests.modem.healthy_modem import DELIVER, ICCID, OK, REPORT, Answers, after, healthy
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import running
from tests.modem.scripted_modem import Script, ScriptedModem, prompted

PAUSE = 0.03  # seconds in the middle of a line: longer than FAST's quiet_s


def pieces(*data: bytes) -> Script:
    """Return a script that sends these pieces with a pause between them."""

    def script(modem: ScriptedModem) -> None:
        with modem.speaking:
            for number, piece in enumerate(data):
                if number:
                    time.sleep(PAUSE)
                modem.say(piece)

    return script


def byte_by_byte(data: bytes) -> Script:
    """Return a script that sends this one byte at a time."""

    def script(modem: ScriptedModem) -> None:
        for byte in data:
            modem.say(bytes([byte]))
            time.sleep(0.001)

    return script


TAKEN = b"\r\n+CMGS: 7\r\n\r\nOK\r\n"
URC = b'\r\n+CREG: 1,"25FF","825E"\r\n'


# Submissions: the bytes that a modem sends from AT+CMGS on, and the result of the part.

PROMPTS: dict[str, Script] = {
    "with line end and blank": prompted(b"\r\n> "),
    "bare": prompted(b"> "),
    "without a blank": prompted(b"\r\n>"),
    "bare without a blank": prompted(b">"),
    "with a line end after it": prompted(b"> \r\n"),
    "between line ends": prompted(b"\r\n> \r\n"),
    "after a URC in the same read": prompted(b'\r\n+ZPASR: "UMTS"\r\n\r\n> '),
    "after two URCs without blank lines": prompted(
        b'+ZDONR: "METEOR",272,3,"CS_PS","ROAM_OFF"\r\n^RSSI:17\r\n> '
    ),
    "before a URC in the same read": prompted(b"\r\n> \r\n^RSSI:17\r\n"),
    "with a URC glued to it": prompted(b"\r\n> ^RSSI:17\r\n"),
    "after a stray OK": prompted(OK + b"\r\n> "),
    "after noise": prompted(b"\x00\xff\xc3\r\n> "),
    "with noise before it": prompted(b"\r\n\xff\xc3> "),
    "twice": prompted(b"\r\n> \r\n> "),
}

TAKINGS: dict[str, tuple[Script, int | None]] = {
    "plain": (TAKEN, 7),
    "in V0's manner": (b"+CMGS: 7\r\nOK\r\n", 7),
    "with Huawei's line ends": (b"\r\r\n+CMGS: 7\r\r\n\r\r\nOK\r\r\n", 7),
    "one byte per read": (byte_by_byte(TAKEN), 7),
    "with the time of the service centre": (b'\r\n+CMGS: 7,"26/11/22,10:00:00+00"\r\n' + OK, 7),
    "with an acknowledgement PDU": (b"\r\n+CMGS: 7,01000062110122\r\n" + OK, 7),
    "without a blank": (b"\r\n+CMGS:7\r\n" + OK, 7),
    "without a reference": (b"\r\n+CMGS:\r\n" + OK, None),
    "with an impossible reference": (b"\r\n+CMGS: 4711\r\n" + OK, None),
    "with a superscript for a reference": (b"\r\n+CMGS: \xb2\r\n" + OK, None),
    "without +CMGS": (OK, None),
    "without OK": (b"\r\n+CMGS: 7\r\n", 7),
    "a URC before it": (URC + TAKEN, 7),
    "a URC after it": (TAKEN + URC, 7),
    "a URC between +CMGS and OK": (b"\r\n+CMGS: 7\r\n" + URC + OK, 7),
    "a report between +CMGS and OK": (
        b"\r\n+CMGS: 7\r\n\r\n+CDS: 30\r\n" + REPORT.encode() + b"\r\n" + OK,
        7,
    ),
    "a text before it": (b"\r\n+CMT: ,30\r\n" + DELIVER.encode() + b"\r\n" + TAKEN, 7),
    "a pause in the middle of the line": (pieces(b"\r\n+CM", b"GS: 7\r", b"\n\r\nO", b"K\r\n"), 7),
    "a pause in the middle of a URC": (pieces(b'\r\n+CREG: 1,"25', b'FF","825E"\r\n' + TAKEN), 7),
    "all of it twice": (TAKEN + TAKEN, 7),
    "NULs within": (b"\r\n\x00+CM\x00GS: 7\x00\r\n\r\n\x00OK\r\n", 7),
    "idle-line noise within": (b"\r\n\xff\xff+CM\xffGS: 7\xff\r\n\r\n\xffO\xffK\xff\r\n", 7),
    "half a character before it": (b"\r\n\xc3+CMGS: 7\r\n\r\n\xe2\x82OK\r\n", 7),
    "half a character after it": (b"\r\n+CMGS: 7\xc3\r\n\r\nOK\xe2\x82\r\n", 7),
    "lines of noise around it": (b"\r\n\xfe\x80~}\r\n" + TAKEN + b"\x80\x81\r\n", 7),
    "a ring before it": (b"\r\nRING\r\n\r\nRING\r\n" + TAKEN, 7),
    "a ring without carrier before it": (b"\r\nNO CARRIER\r\n" + TAKEN, 7),
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_every_form_of_prompt_is_recognised(prompt: Script) -> None:
    work = RecordingWork(part(1), part(2))
    with ScriptedModem(healthy({"AT+CMGS": prompt})) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 2)
        assert work.results == [Submitted(1), Submitted(2)]
        assert len(modem.pdus) == 2


@pytest.mark.parametrize(("taking", "reference"), TAKINGS.values(), ids=TAKINGS)
def test_every_form_of_acceptance_is_recognised(taking: Script, reference: int | None) -> None:
    work = RecordingWork(part(1), part(2))
    answers = healthy({"PDU": [taking, ScriptedModem.take]})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 2)
        assert work.results == [Submitted(reference), Submitted(1)]
        assert len(modem.pdus) == 2


def test_every_form_of_acceptance_is_recognised_with_echo() -> None:
    work = RecordingWork(*(part(number) for number in range(len(TAKINGS))))
    # A bare OK counts only from a modem that never sent a reference, so the forms without one come first.
    takings = sorted(TAKINGS.values(), key=lambda taking: taking[1] is not None)
    answers = healthy({"PDU": [taking for taking, _ in takings]})
    with ScriptedModem(answers, echo=True) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == len(TAKINGS))
        assert work.results == [Submitted(reference) for _, reference in takings]
        assert len(modem.pdus) == len(takings)


# Refusals at the prompt and after the PDU: their kind, and that the port continues.

REFUSALS: dict[str, tuple[bytes, str, int | None, Kind]] = {
    "bad number": (b"+CMS ERROR: 1", "CMS", 1, Kind.RECIPIENT),
    "bad number without a blank": (b"+CMS ERROR:1", "CMS", 1, Kind.RECIPIENT),
    "credit": (b"+CMS ERROR: 8", "CMS", 8, Kind.SIM),
    "congestion": (b"+CMS ERROR: 42", "CMS", 42, Kind.MOMENT),
    "unknown": (b"+CMS ERROR: 500", "CMS", 500, Kind.MOMENT),
    "in words": (b"+CMS ERROR: SMSC address unknown", "CMS", 330, Kind.CONFIGURATION),
    "of the equipment": (b"+CME ERROR: 30", "CME", 30, Kind.MOMENT),
    "of the equipment in words": (b"+CME ERROR: no network service", "CME", 30, Kind.MOMENT),
    "without words": (b"+CME ERROR: ", "CME", None, Kind.MOMENT),
    "bare": (b"ERROR", "ERROR", None, Kind.MOMENT),
    "Huawei's": (b"COMMAND NOT SUPPORT", "ERROR", None, Kind.MOMENT),
    "after a URC": (URC + b"+CMS ERROR: 28", "CMS", 28, Kind.SIM),
    "in noise": (b"\xc3\xff+CMS ERROR: 2\xff8\xe2", "CMS", 28, Kind.SIM),
}


@pytest.mark.parametrize("stage", ["AT+CMGS", "PDU"])
@pytest.mark.parametrize(("said", "family", "code", "kind"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_names_its_cause_and_the_next_part_is_sent(
    said: bytes, family: str, code: int | None, kind: Kind, stage: str
) -> None:
    work = RecordingWork(part(1), part(2))
    first = b"\r\n" + said + b"\r\n"
    then = {"AT+CMGS": ScriptedModem.prompt, "PDU": ScriptedModem.take}[stage]
    with ScriptedModem(healthy({stage: [first, then]})) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 2)
        assert len(modem.pdus) == (1 if stage == "AT+CMGS" else 2)
    refused = work.results[0]
    assert isinstance(refused, Refused)
    assert (refused.cause.family, refused.cause.code, refused.cause.kind) == (family, code, kind)
    assert work.results[1] == Submitted(1)


def late(data: bytes, seconds: float) -> Script:
    """Return a script that sends this after the time limit of the port."""

    def script(modem: ScriptedModem) -> None:
        time.sleep(seconds)
        modem.say(data)

    return script


# Faults during a submission: stage, fault, result of the part. Then the port sends the next one.

TROUBLE: dict[str, tuple[str, Script, type[Submitted | Refused | InDoubt]]] = {
    "no prompt": ("AT+CMGS", b"", Refused),
    "OK and no prompt": ("AT+CMGS", OK, Refused),
    "noise and no prompt": ("AT+CMGS", b"\xfe\x80\r\n~~~~\r\n", Refused),
    "a late prompt": ("AT+CMGS", late(b"\r\n> ", 0.32), Refused),
    "no answer to the PDU": ("PDU", b"", InDoubt),
    "half an answer to the PDU": ("PDU", b"\r\n+CMG", InDoubt),
    "noise instead of an answer": ("PDU", b"\xfe\x80\x00\r\n~~~~\r\n\xc3", InDoubt),
    "a network that did not answer": ("PDU", b"\r\n+CMS ERROR: 332\r\n", InDoubt),
    "a late answer": ("PDU", late(TAKEN, 0.103), Submitted),
    "a late refusal": ("PDU", late(b"\r\n+CMS ERROR: 38\r\n", 0.103), Refused),
    "hung up before the prompt": ("AT+CMGS", ScriptedModem.unplug, Refused),
    "hung up after the PDU": ("PDU", ScriptedModem.unplug, InDoubt),
    "restarted before the prompt": ("AT+CMGS", b"\r\nRDY\r\n", Refused),
    "restarted after the prompt": ("AT+CMGS", b"\r\n> \r\nRDY\r\n", Refused),
    "restarted after the PDU": ("PDU", b"\r\n^SYSSTART\r\n", InDoubt),
    "restarted after +CMGS": ("PDU", b"\r\n+CMGS: 3\r\n\r\nRDY\r\n", Submitted),
}


@pytest.mark.parametrize(("stage", "happens", "outcome"), TROUBLE.values(), ids=TROUBLE)
def test_each_fault_gives_its_result_and_the_port_is_in_step_again(
    stage: str, happens: Script, outcome: type[object], tmp_path: Path
) -> None:
    work = RecordingWork(part(1), part(2))
    link = tmp_path / "modem"
    then = {"AT+CMGS": ScriptedModem.prompt, "PDU": ScriptedModem.take}[stage]
    with ScriptedModem(healthy({stage: [happens, then]})) as modem:
        link.symlink_to(modem.device)
        with running(str(link), work, submit_timeout_s=0.1):
            eventually(lambda: work.outcomes)
            if happens is ScriptedModem.unplug:
                with ScriptedModem(healthy()) as again:
                    link.unlink()
                    link.symlink_to(again.device)
                    eventually(lambda: len(work.outcomes) == 2)
            eventually(lambda: len(work.outcomes) == 2)
    assert isinstance(work.results[0], outcome)
    assert work.results[1] == Submitted(1)
    assert [outcome.submission.message_id for outcome in work.outcomes] == [1, 2]


# States that another program or a restart leaves a modem in.


def stuck(modem: ScriptedModem, *, by: int = 1) -> None:
    """The modem waits for the text of another program; only the ESC number `by` ends that."""
    modem.entering = True
    left = by

    def escape(modem: ScriptedModem) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            modem.leave()

    modem.answers["ESC"] = escape


def numeric(modem: ScriptedModem) -> None:
    """The modem answers in V0 until it gets V1."""
    modem.answers.update({"AT": b"0\r", "": b"4\r"})

    def plain(modem: ScriptedModem) -> None:
        modem.answers.update({"AT": OK, "": b"\r\nERROR\r\n"})
        modem.say(OK)

    modem.answers.update({"ATE0V1Q0": plain, "ATQ0V1E0": plain})


def quiet(modem: ScriptedModem) -> None:
    """The modem is in Q1 until it gets Q0."""
    modem.answers["AT"] = b""

    def plain(modem: ScriptedModem) -> None:
        modem.answers["AT"] = OK
        modem.say(OK)

    modem.answers["ATQ0V1E0"] = plain


def deaf_to_escape(modem: ScriptedModem) -> None:
    stuck(modem, by=1000)
    modem.answers["PDU"] = [b"\r\n+CMS ERROR: 304\r\n", ScriptedModem.take]


def phonesim(modem: ScriptedModem) -> None:
    """The modem takes ESC as part of the next line, and ignores lines that do not begin with AT."""
    modem.answers["ESC"] = [lambda modem: modem.answers.update({"AT": [b"", OK]})]


FOUND: dict[str, Callable[[ScriptedModem], None]] = {
    "waiting for a text": stuck,
    "waiting for a text until the second ESC": lambda modem: stuck(modem, by=2),
    "waiting for a text and deaf to ESC": deaf_to_escape,
    "in V0": numeric,
    "in Q1": quiet,
    "as phonesim": phonesim,
    "answering ERROR to the first AT": lambda modem: modem.answers.update({"AT": [b"\r\nERROR\r\n", OK]}),
    "answering every ERROR with an OK as well": lambda modem: modem.answers.update(
        {"": b"\r\nERROR\r\nOK\r\n"}
    ),
    "answering late to a former owner": lambda modem: modem.say(
        b"\r\n+CSQ: 1,99\r\n\r\nOK\r\n\r\n+CMGS: 99\r\n\r\nOK\r\n"
    ),
    "asking for a text": lambda modem: modem.say(b"\r\n> "),
    "in the middle of a line": lambda modem: modem.say(b"\r\n+CMTI: "),
    "answering OK to everything": lambda modem: modem.answers.update({"": OK}),
    "taking no two commands in a line": lambda modem: modem.answers.update(
        {"ATE0V1Q0": b"\r\nERROR\r\n", "ATE0": OK, "ATV1": OK, "ATQ0": OK}
    ),
}


@pytest.mark.parametrize("state", FOUND.values(), ids=FOUND)
def test_a_modem_sends_after_any_state_in_which_it_was_left(state: Callable[[ScriptedModem], None]) -> None:
    work = RecordingWork(part(1), part(2))
    with ScriptedModem() as modem:
        state(modem)
        with running(modem.device, work):
            eventually(lambda: len(work.outcomes) == 2)
            assert [type(result) for result in work.results] == [Submitted, Submitted]


# Restarts without a URC.


def test_a_modem_that_echoes_again_before_its_prompt_gets_no_pdu() -> None:
    """The modem has restarted, perhaps into text mode, where it takes the length as a number and the PDU as a text."""
    work = RecordingWork()

    def restarted(modem: ScriptedModem) -> None:
        modem.say(modem.commands[-1].encode() + b"\r\r\n> ")
        modem.entering = True

    answers = healthy({"AT+CMGS": [restarted, ScriptedModem.prompt]})
    with ScriptedModem(answers) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        set_up = modem.commands.count("AT+CMGF=0")
        work.give(part(1), part(2))
        port.wake()
        eventually(lambda: len(work.outcomes) == 2)
        assert isinstance(work.results[0], Refused)
        assert work.results[1] == Submitted(1)
        assert len(modem.pdus) == 1
        assert modem.commands.count("AT+CMGF=0") > set_up


def test_a_modem_that_fell_back_to_v0_is_set_up_again() -> None:
    work = RecordingWork()

    def plain(modem: ScriptedModem) -> None:
        modem.answers.update(before)
        modem.say(OK)

    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        before = modem.answers.copy()
        modem.commands.append("(here)")
        for command, answer in modem.answers.items():
            if isinstance(answer, bytes):
                modem.answers[command] = answer.replace(OK, b"0\r").replace(b"\r\nERROR\r\n", b"4\r")
        modem.answers["ATE0V1Q0"] = plain
        port.ask().result(60)  # answered with OK only if another command came before
        eventually(lambda: "ATE0V1Q0" in after(modem, "(here)"))
        work.give(part())
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])


def test_a_modem_that_restarts_in_an_answer_is_not_waited_for() -> None:
    work, timeouts = RecordingWork(), replace(FAST.commands, list_s=60.0)
    timing = replace(FAST, commands=timeouts)
    with ScriptedModem(healthy()) as modem, running(modem.device, work, timing=timing) as port:
        eventually(lambda: work.state is PortState.UP)
        modem.answers["AT+CMGL"] = [b"\r\n+CMGL: 1,1,,30\r\n\r\nRDY\r\n", OK]
        modem.commands.append("(here)")
        modem.say(b'\r\n+CMTI: "",\r\n')
        eventually(lambda: "AT+CMGL=4" in after(modem, "(here)"))
        eventually(lambda: "ATE0V1Q0" in after(modem, "(here)"), timeouts.list_s / 2)
        work.give(part())
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])


# Malformed answers.

NONSENSE: dict[str, Answers] = {
    "superscripts for digits": {
        "AT+CMGL": [b"\r\n+CMGL: \xb2,1,,30\r\n" + DELIVER.encode() + b"\r\n" + OK, OK],
        "AT+CSQ": b"\r\n+CSQ: \xb2\xb3,99\r\n" + OK,
        "AT+CFUN?": b"\r\n+CFUN: \xb9\r\n" + OK,
        "AT+CREG?": b"\r\n+CREG: \xb9,1\r\n" + OK,
        "AT+CNMI": b"\r\nERROR\r\n",
        "AT+CNUM": b'\r\n+CNUM: ,"\xb2\xb2",\xb9\r\n' + OK,
    },
    "fields that are missing": {
        "AT+CMGL": b"\r\n+CMGL:\r\n\r\n+CMGL: ,,,\r\n\r\n+CMGL: 1\r\n" + OK,
        "AT+CSQ": b"\r\n+CSQ:\r\n" + OK,
        "AT+CFUN?": b"\r\n+CFUN:\r\n" + OK,
        "AT+COPS?": b"\r\n+COPS:\r\n" + OK,
        "AT+CNUM": b"\r\n+CNUM:\r\n" + OK,
        "AT+CPMS?": b"\r\n+CPMS: (),(),()\r\n" + OK,
        "AT+CSCA?": b"\r\n+CSCA:\r\n" + OK,
        "AT+CNMI=?": b"\r\n+CNMI:\r\n" + OK,
    },
    "numbers without end": {
        "AT+CSQ": b"\r\n+CSQ: " + b"9" * 3000 + b"\r\n" + OK,
        "AT+CREG?": b"\r\n+CREG: 1," + b"1" * 3000 + b"\r\n" + OK,
        "AT+CEREG?": b"\r\n+CEREG: 1,1\r\n" + OK,
        "AT+CNMI=?": b"\r\n+CNMI: (0-99),(0-99),(0-\xb2),(-),(9-1)\r\n" + OK,
    },
    "lines without end": {"AT+CGMI": b"x" * 9000 + b"\r\n" + OK, "AT+CSQ": b"\r\n+CSQ: " + b"9" * 9000 + OK},
    "signal unknown": {"AT+CSQ": b"\r\n+CSQ: 99,99\r\n" + OK},
}


@pytest.mark.parametrize("answers", NONSENSE.values(), ids=NONSENSE)
def test_a_malformed_answer_does_not_stop_the_port(
    answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    work = RecordingWork(part(1), part(2))
    with ScriptedModem(healthy(answers)) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 2)
        modem.commands.append("(here)")
        modem.say(b'\r\n+CMTI: "SM",\xb2\r\n\r\n+CDSI: \r\n\r\n+CMT:\r\n\r\n+CREG: \xb2\r\n')
        eventually(lambda: "AT+CREG?" in after(modem, "(here)"))
        assert work.state is PortState.UP
    assert work.results == [Submitted(1), Submitted(2)]
    assert "unexpected" not in caplog.text
    assert work.statuses[-1].active.signal_dbm is None


def test_a_part_carries_its_validity_period() -> None:
    work = RecordingWork(replace(part(), validity_s=3600))
    with ScriptedModem(healthy()) as modem, running(modem.device, work):
        eventually(lambda: work.results == [Submitted(1)])
        assert modem.pdus == [
            tpdu.submit("+22370123456", part().segment, seq=1, total=1, reference=1, validity_s=3600).hex
        ]


# Inbound messages, while a command runs and while none does.


def long_before_the_pdu(modem: ScriptedModem) -> None:
    """Return a script with a pause that is longer than the port waits for a PDU."""
    modem.say(b"\r\n+CMT: ,30\r\n")
    time.sleep(FAST.channel.head_s + PAUSE)
    modem.say(DELIVER.encode() + b"\r\n")


ARRIVALS: dict[str, tuple[Script, int, int]] = {  # sent; expected texts and reports
    "a text": (b"\r\n+CMT: ,30\r\n" + DELIVER.encode() + b"\r\n", 1, 0),
    "a text with a name": (b'\r\n+CMT: "x",30\r\n' + DELIVER.encode() + b"\r\n", 1, 0),
    "a text, a report and a text in one read": (
        b"\r\n+CMT: ,30\r\n" + DELIVER.encode() + b"\r\n+CDS: 30\r\n" + REPORT.encode() + b"\r\n+CMT: 30\r\n"
        + DELIVER.encode() + b"\r\n",
        2,
        1,
    ),
    "a report in ZTE's form": (b"\r\n+CDS: ,30\r\n" + REPORT.encode() + b"\r\n", 0, 1),
    "a text with a pause in its PDU": (pieces(b"\r\n+CMT: ,30\r\n" + DELIVER[:20].encode(), DELIVER[20:].encode() + b"\r\n"), 1, 0),
    "a text with a URC before its PDU": (b"\r\n+CMT: ,30\r\n" + URC + DELIVER.encode() + b"\r\n", 1, 0),
    "a text with noise before its PDU": (b"\r\n+CMT: ,30\r\n\xfe\x80\r\n" + DELIVER.encode() + b"\r\n", 1, 0),
    "a text with a long pause before its PDU": (long_before_the_pdu, 1, 0),
}  # fmt: skip


MALFORMED: dict[str, tuple[bytes, str]] = {  # sent; what is stored
    "a text in no hexadecimal": (b"\r\n+CMT: ,30\r\nZZZZ\r\n", "ZZZZ"),
    "a text cut short": (b"\r\n+CMT: ,30\r\n" + DELIVER[:24].encode() + b"\r\n", DELIVER[:24]),
    "a report cut short": (b"\r\n+CDS: 30\r\n" + REPORT[:12].encode() + b"\r\n", REPORT[:12]),
}


@pytest.mark.parametrize(("said", "texts", "reports"), ARRIVALS.values(), ids=ARRIVALS)
def test_a_direct_message_is_handed_over_once(said: Script, texts: int, reports: int) -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        said(modem) if callable(said) else modem.say(said)
        eventually(lambda: (len(work.texts), len(work.reports)) == (texts, reports))
        work.give(part())
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])
        assert (len(work.texts), len(work.reports)) == (texts, reports)
        assert all(isinstance(text, tpdu.Deliver) for text in work.texts)


@pytest.mark.parametrize(("said", "kept"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_message_is_kept_as_it_came(said: bytes, kept: str) -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work):
        eventually(
            lambda: work.claims
        )  # no command runs: to one without a tag, what is no PDU would look like the answer
        modem.say(said)
        eventually(lambda: work.texts)
        assert [text.pdu for text in work.texts if isinstance(text, Unreadable)] == [kept]


# SIMs.


def test_a_sim_that_reports_its_number_only_once_unlocked_is_known_by_it() -> None:
    def unlock(modem: ScriptedModem) -> None:
        modem.answers.update(healthy())
        modem.say(OK)

    work = RecordingWork(part())
    shut = b"\r\n+CME ERROR: 11\r\n"
    answers = healthy(
        {"AT+CCID": shut, "AT+CIMI": shut, "AT+CPIN?": b"\r\n+CPIN: SIM PIN\r\n" + OK, "AT+CPIN": unlock}
    )
    with ScriptedModem(answers) as modem, running(modem.device, work, pin="1234"):
        eventually(lambda: work.results == [Submitted(1)])
    assert {claim.active.iccid for claim in work.claims} == {ICCID}


def test_a_modem_that_refuses_every_command_while_locked_comes_up() -> None:
    """Sticks of Qualcomm and ZTE do not answer AT with OK before the PIN."""
    shut = b"\r\n+CME ERROR: 11\r\n"
    opened = healthy({"ATE0V1Q0": OK, "AT": OK})

    def unlock(modem: ScriptedModem) -> None:
        modem.answers.update(opened)
        modem.say(OK)

    work = RecordingWork(part())
    answers: Answers = {**dict.fromkeys((*opened, "ATQ0V1E0", ""), shut), "ESC": b""}
    answers.update({"AT+CPIN?": b"\r\n+CPIN: SIM PIN\r\n" + OK, "AT+CPIN": unlock})
    with ScriptedModem(answers) as modem, running(modem.device, work, pin="1234"):
        eventually(lambda: work.results == [Submitted(1)])
        assert modem.commands.count('AT+CPIN="1234"') == 1
    status = work.statuses[-1]
    assert (status.imei, status.model) == ("356938035643809", "Acme One")
    assert work.claims[0].active.iccid == ICCID


def test_another_sim_is_noticed_where_the_modem_reports_only_the_imsi() -> None:
    work = RecordingWork()
    answers = healthy({"AT+CCID": b"\r\nERROR\r\n"})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        assert work.statuses[-1].active.iccid == "imsi:610020000000017"
        modem.answers["AT+CIMI"] = b"\r\n610020000000025\r\n" + OK
        eventually(
            lambda: work.state is PortState.UP and work.statuses[-1].active.iccid == "imsi:610020000000025"
        )


@pytest.mark.parametrize("refusal", [b"\r\nERROR\r\n", b"\r\n+CME ERROR: 100\r\n"])
def test_a_modem_that_knows_the_pin_command_and_reports_no_state_has_no_working_sim(refusal: bytes) -> None:
    """An empty bay of a modem pool."""
    work = RecordingWork(part())
    answers = healthy(
        {
            "AT+CPIN?": refusal, "AT+CPIN=?": OK, "AT+CCID": refusal, "AT+CIMI": refusal,
            "AT+CREG?": b"\r\n+CREG: 1,0\r\n" + OK,
        }
    )  # fmt: skip
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.SICK)
        assert work.statuses[-1].active.sim is SimState.FAILURE
        modem.answers.update(healthy())
        eventually(lambda: work.results == [Submitted(1)])


def test_a_sim_taken_out_and_another_put_in_while_running() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        modem.answers.update({"AT+CPIN?": b"\r\n+CME ERROR: 10\r\n", "AT+CCID": b"\r\nERROR\r\n"})
        modem.say(b"\r\n+CPIN: NOT INSERTED\r\n")
        eventually(lambda: work.state is PortState.SICK)
        assert work.statuses[-1].active.sim is SimState.ABSENT
        work.give(part())
        port.wake()
        modem.answers.update(healthy({"AT+CCID": b"\r\n+CCID: 8922301000000000025\r\n" + OK}))
        modem.say(b"\r\n+CPIN: READY\r\n")
        eventually(lambda: work.results == [Submitted(1)])
        assert work.claims[-1].active.iccid == "8922301000000000025"


REGISTRATIONS: dict[str, tuple[Answers, Registration, bool]] = {
    "home": ({}, Registration.HOME, True),
    "roaming": ({"AT+CREG?": b"\r\n+CREG: 0,5\r\n" + OK}, Registration.ROAMING, True),
    "texts only": ({"AT+CREG?": b"\r\n+CREG: 0,6\r\n" + OK}, Registration.SMS_HOME, True),
    "with a place": ({"AT+CREG?": b'\r\n+CREG: 2,1,"00DF","825E"\r\n' + OK}, Registration.HOME, True),
    "with a place and no quotes": (
        {"AT+CREG?": b"\r\n+CREG: 2,1,4CA,81DE445\r\n" + OK},
        Registration.HOME,
        True,
    ),
    "with a broken quote": (
        {"AT+CREG?": b'\r\n+CREG: 2,1,"0B,"0100701",7\r\n' + OK},
        Registration.HOME,
        True,
    ),
    "cut": ({"AT+CREG?": b'\r\n+CREG: 2,1,"5E25\r\n' + OK}, Registration.HOME, True),
    "after the OK": ({"AT+CREG?": OK + b'\r\n+CREG: 5,"25FF","825E"\r\n'}, Registration.ROAMING, True),
    "LTE only": (
        {"AT+CREG?": b"\r\n+CREG: 0,2\r\n" + OK, "AT+CEREG?": b"\r\n+CEREG: 0,5\r\n" + OK},
        Registration.ROAMING,
        True,
    ),
    "denied": ({"AT+CREG?": b"\r\n+CREG: 0,3\r\n" + OK}, Registration.DENIED, False),
    "searching": ({"AT+CREG?": b"\r\n+CREG: 0,2\r\n" + OK}, Registration.SEARCHING, False),
    "emergency": ({"AT+CREG?": b"\r\n+CREG: 0,8\r\n" + OK}, Registration.EMERGENCY, False),
    "none of this world": ({"AT+CREG?": b"\r\n+CREG: 0,77\r\n" + OK}, Registration.UNKNOWN, False),
}


@pytest.mark.parametrize(("answers", "state", "carries"), REGISTRATIONS.values(), ids=REGISTRATIONS)
def test_only_a_registered_sim_gets_parts(answers: Answers, state: Registration, carries: bool) -> None:
    work = RecordingWork(part())
    with ScriptedModem(healthy(answers)) as modem, running(modem.device, work):
        eventually(lambda: work.statuses and work.statuses[-1].active.operator)
        assert work.statuses[-1].active.registration is state
        if carries:
            eventually(lambda: work.results == [Submitted(1)])
        assert bool(work.claims) is carries


def test_a_registration_that_was_lost_is_noticed_and_its_return_too() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        modem.answers["AT+CREG?"] = b"\r\n+CREG: 1,2\r\n" + OK
        modem.say(b"\r\n+CREG: 2\r\n")
        eventually(lambda: work.statuses[-1].active.registration is Registration.SEARCHING)
        work.give(part())
        port.wake()
        modem.answers["AT+CREG?"] = b"\r\n+CREG: 1,1\r\n" + OK
        modem.say(b"\r\n+CREG: 1\r\n")
        eventually(lambda: work.results == [Submitted(1)])


# Slots, with the vendors' commands and the configured one.

SLOT_COMMANDS: dict[
    str, tuple[bytes, str, str | None]
] = {  # manufacturer; second slot's command; the configured one
    "27.007": (b"Acme", "AT+CSUS=1", None),
    "Quectel": (b"Quectel", "AT+QUIMSLOT=2", None),
    "Quectel's older": (b"Quectel", "AT+QDSIM=1", None),
    "SIMCom": (b"SIMCOM INCORPORATED", "AT+SMSIMCFG=1,2", None),
    "SIMCom's newer": (b"SIMCOM INCORPORATED", "AT+SWITCHSIM=1", None),
    "Sierra": (b"Sierra Wireless, Incorporated", "AT!UIMS=1", None),
    "configured": (b"Quectel", "AT+XSIM=2", "AT+XSIM={slot}"),
}


@pytest.mark.parametrize(
    ("maker", "command", "configured"),
    SLOT_COMMANDS.values(),
    ids=SLOT_COMMANDS,
)
def test_both_slots_are_found_and_used(maker: bytes, command: str, configured: str | None) -> None:
    first = (
        command.replace("=1,2", "=1,1")
        if "1,2" in command
        else command[:-1] + {"1": "0", "2": "1"}[command[-1]]
    )

    def insert(slot: int) -> Script:
        def script(modem: ScriptedModem) -> None:
            modem.answers["AT+CCID"] = modem.answers["AT+QCCID"] = (
                b"\r\n+CCID: 892230100000000001%d\r\n" % slot + OK
            )
            modem.say(OK)

        return script

    work = RecordingWork(Switch(1), part(1), Switch(2), part(2))
    answers = healthy(
        {"AT+CGMI": b"\r\n" + maker + b"\r\n" + OK, "AT+CFUN": OK, first: insert(1), command: insert(2)}
    )
    with (
        ScriptedModem(answers) as modem,
        running(modem.device, work, slots=2, slot_command=configured),
    ):
        eventually(lambda: len(work.outcomes) == 2)
        assert [slot.iccid[-1] for slot in work.statuses[-1].slots] == ["1", "2"]
    assert work.results == [Submitted(1), Submitted(2)]


# Recovery, and events that must not cause it.


def test_a_modem_that_refuses_every_recipient_is_restarted() -> None:
    work = RecordingWork(*(part(number, recipient=f"+2237012345{number}") for number in range(6)))
    refusing = healthy({"AT+CMGS": b"\r\nERROR\r\n"})
    with ScriptedModem(refusing) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.SICK)
        assert len({outcome.submission.recipient for outcome in work.outcomes}) == 3
        eventually(lambda: "AT+CFUN=1,1" in modem.commands)
        modem.answers["AT+CMGS"] = ScriptedModem.prompt
        work.give(part(9))
        eventually(lambda: Submitted(1) in work.results)


def test_one_bad_recipient_stops_no_port() -> None:
    work = RecordingWork(*(part(number) for number in range(8)))
    with ScriptedModem(healthy({"PDU": b"\r\nERROR\r\n"})) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 8)
        assert all(status.state is not PortState.SICK for status in work.statuses)


def test_refusals_by_the_network_stop_no_port() -> None:
    work = RecordingWork(*(part(number, recipient=f"+2237012345{number}") for number in range(8)))
    with ScriptedModem(healthy({"PDU": b"\r\n+CMS ERROR: 38\r\n"})) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 8)
        assert all(status.state is not PortState.SICK for status in work.statuses)


def test_a_gateway_that_fails_at_every_call_ends_no_thread() -> None:
    class Broken(RecordingWork):
        broken = False

        def status(self, status: PortStatus) -> None:
            if self.broken:
                raise RuntimeError("a fault of ours")
            super().status(status)

    work = Broken()
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        work.broken = True
        modem.say(b"\r\n+CREG: 2\r\n")
        modem.answers["AT+CREG?"] = b"\r\n+CREG: 1,2\r\n" + OK
        eventually(lambda: "AT+CREG?" in modem.commands)
        time.sleep(0.3)
        assert not port.join(0)
        work.broken = False
        modem.answers["AT+CREG?"] = b"\r\n+CREG: 1,1\r\n" + OK
        work.give(part())
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])


def test_a_modem_that_stops_reading_is_reopened_and_the_part_is_not_lost(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    work = RecordingWork(part(1))
    link = tmp_path / "modem"
    link.symlink_to(os.ttyname(slave))
    with contextlib.suppress(BlockingIOError):  # fill the line: the other end is not read
        os.set_blocking(slave, False)
        while os.write(slave, b"x" * 4096):
            pass
    with running(str(link), work):
        eventually(lambda: work.state is PortState.SICK)
        with ScriptedModem(healthy()) as modem:
            link.unlink()
            link.symlink_to(modem.device)
            eventually(lambda: work.results == [Submitted(1)])
    os.close(master)
    os.close(slave)


def test_a_modem_lost_again_and_again_leaves_no_descriptor_and_no_thread(tmp_path: Path) -> None:
    work = RecordingWork(*(part(number) for number in range(12)))
    link = tmp_path / "modem"
    before = (len(os.listdir("/proc/self/fd")), threading.active_count())
    stages: list[Answers] = [
        {"AT": ScriptedModem.unplug}, {"AT+CPIN?": ScriptedModem.unplug}, {"AT+CMGL": ScriptedModem.unplug},
        {"AT+CMGS": ScriptedModem.unplug}, {"PDU": ScriptedModem.unplug}, {"AT+CSQ": ScriptedModem.unplug}, {},
    ]  # fmt: skip
    with running(str(link), work):
        for stage in stages:
            with ScriptedModem(healthy(stage)) as modem:
                link.unlink(missing_ok=True)
                link.symlink_to(modem.device)
                if stage:
                    eventually(lambda: work.state is not PortState.ABSENT)
                    eventually(lambda: work.state is PortState.ABSENT)
                else:
                    eventually(lambda: len(work.outcomes) == 12)
    numbers = [outcome.submission.message_id for outcome in work.outcomes]
    assert numbers == list(range(12))
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


@contextmanager
def still(device: str, work: RecordingWork) -> Iterator[Port]:
    """A port without regular refreshes and listings."""
    timing = replace(FAST, refresh_s=60.0, list_s=60.0)
    port = Port(PortSettings(port=1, device=device), work, submit_timeout_s=1, timing=timing)
    port.start()
    try:
        eventually(lambda: work.claims and work.statuses[-1].active.operator)
        yield port
    finally:
        port.stop()
        assert port.join(60)


def test_an_idle_port_does_not_wake() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, still(modem.device, work):
        heard, spent = len(modem.commands), time.process_time()
        time.sleep(0.3)
        assert len(modem.commands) == heard
        assert time.process_time() - spent < 0.1


@pytest.mark.parametrize(
    "refusal", [b"\r\n+CMS ERROR: 322\r\n", b"\r\n+CMS ERROR: 208\r\n", b"\r\n+CME ERROR: 20\r\n"]
)
def test_a_full_memory_is_read_and_emptied_at_once(refusal: bytes) -> None:
    work = RecordingWork()
    listing = b"\r\n+CMGL: 4,1,,30\r\n" + DELIVER.encode() + b"\r\n" + OK
    with ScriptedModem(healthy()) as modem, still(modem.device, work) as port:
        modem.answers.update({"PDU": [refusal, ScriptedModem.take], "AT+CMGL": [listing, OK]})
        work.give(part(1), part(2))
        port.wake()
        eventually(lambda: len(work.outcomes) == 2 and "AT+CMGD=4" in modem.commands)
        assert len(work.texts) == 1


@pytest.mark.parametrize(
    "refusal", [b"\r\n+CMS ERROR: 331\r\n", b"\r\n+CME ERROR: 30\r\n", b"\r\n+CMS ERROR: 302\r\n"]
)
def test_a_refusal_for_a_missing_network_causes_a_check_of_the_registration(refusal: bytes) -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, still(modem.device, work) as port:
        modem.answers.update({"PDU": refusal, "AT+CREG?": b"\r\n+CREG: 1,2\r\n" + OK})
        work.give(part(1))
        port.wake()
        eventually(lambda: work.statuses[-1].active.registration is Registration.SEARCHING)
