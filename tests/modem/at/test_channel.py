"""The channel: one command at a time, against a modem that sends the bytes of a script."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modem.at.channel import Channel, OutOfStepError
from modem.at.responses import Urc
from modem.at.serial_port import open_device
from modem.at.transport import DeviceGoneError, SilentError
from modem.driver.submission import submit
from modem.errors import DEVICE_GONE, NO_PROMPT, Kind
from modem.parts import InDoubt, Refused, Submitted
from modem.timeouts import ChannelTimeouts
from tests.modem.scripted_modem import Script, ScriptedModem

FAST = ChannelTimeouts(
    prompt_s=0.3,
    result_s=0.2,
    write_s=2.0,
    quiet_s=0.02,
    flood_s=0.2,
    escape_s=0.02,
    sync_s=0.2,
    clean_s=0.02,
)
PDU = "0011000B912232547698F00000AA05E8329BFD06"
HEX = "07912223070000F00404D0"
OK = b"\r\nOK\r\n"

Answers = dict[str, Script | list[Script]]


@contextmanager
def talking_to(
    modem: ScriptedModem, attend: Callable[[], None] = lambda: None, timeouts: ChannelTimeouts = FAST
) -> Iterator[Channel]:
    """A channel to a scripted modem, and the end of a pipe that wakes it."""
    device = open_device(modem.device, 115200)
    wake_r, wake_w = os.pipe()
    channel = Channel(device.fd, wake_r, attend, timeouts=timeouts)
    try:
        with modem:
            channel.resync()
            yield channel
    finally:
        device.close()
        os.close(wake_r)
        os.close(wake_w)


def said(*pieces: bytes | float) -> Callable[[ScriptedModem], None]:
    """An answer in pieces, with pauses between them."""

    def script(modem: ScriptedModem) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                modem.say(piece)
            else:
                time.sleep(piece)

    return script


def prompted(*pieces: bytes | float) -> Callable[[ScriptedModem], None]:
    """The same before the PDU."""

    def script(modem: ScriptedModem) -> None:
        modem.entering = True
        said(*pieces)(modem)

    return script


# Commands


@pytest.mark.parametrize("echo", [False, True])
def test_information_lines_come_with_the_final_result(echo: bool) -> None:
    with talking_to(ScriptedModem({"AT+CSQ": b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n"}, echo=echo)) as channel:
        answer = channel.command("AT+CSQ", "+CSQ")
    assert answer.lines == ("+CSQ: 17,99",)
    assert answer.ok


@pytest.mark.parametrize(
    "pieces",
    [
        (b'\r\n+CMTI: "SM",3\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n',),
        (b'\r\n+CSQ: 17,99\r\n\r\n+CMTI: "SM",3\r\n\r\nOK\r\n',),
        (b'\r\n+CSQ: 17,99\r\n\r\nOK\r\n\r\n+CMTI: "SM",3\r\n',),
        (b"\r\n+CM", 0.05, b'TI: "SM",3\r\n\r\n+CSQ: 17,99\r\n', 0.05, b"\r\nO", 0.05, b"K\r\n"),
    ],
)
def test_a_urc_anywhere_in_an_answer_is_set_aside(pieces: tuple[bytes | float, ...]) -> None:
    with talking_to(ScriptedModem({"AT+CSQ": said(*pieces)})) as channel:
        assert channel.command("AT+CSQ", "+CSQ").lines == ("+CSQ: 17,99",)
        assert list(channel.urcs) == [Urc('+CMTI: "SM",3')]


def test_the_pdu_of_a_direct_message_may_come_in_another_read() -> None:
    pieces = (b"\r\n+CMT: ,23\r\n", 0.05, HEX.encode() + b"\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n")
    with talking_to(ScriptedModem({"AT+CSQ": said(*pieces)})) as channel:
        assert channel.command("AT+CSQ", "+CSQ").lines == ("+CSQ: 17,99",)
        assert list(channel.urcs) == [Urc("+CMT: ,23", HEX)]


def test_an_answer_before_the_pdu_of_a_direct_message_is_not_taken_for_it() -> None:
    script = said(b"\r\n+CDS: 25\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n" + HEX.encode() + b"\r\n")
    with talking_to(ScriptedModem({"AT+CSQ": script})) as channel:
        assert channel.command("AT+CSQ", "+CSQ").ok
        channel.wait(time.monotonic() + 1)
        assert Urc("+CDS: 25", HEX) in channel.urcs


def test_a_registration_urc_is_not_the_answer_to_the_question() -> None:
    script = said(b'\r\n+CREG: 1,"25FF","825E"\r\n\r\n+CREG: 2,5,"25FF","825E"\r\n\r\nOK\r\n')
    with talking_to(ScriptedModem({"AT+CREG?": script})) as channel:
        assert channel.command("AT+CREG?", "+CREG").lines == ('+CREG: 2,5,"25FF","825E"',)
        assert list(channel.urcs) == [Urc('+CREG: 1,"25FF","825E"')]


def test_bare_text_is_an_answer_only_where_it_is_expected() -> None:
    noise = b"\r\nRING\r\n\r\n^RSSI: 19\r\nAT+CG\r\nQuectel\r\n\r\nOK\r\n"
    with talking_to(ScriptedModem({"AT+CGMI": noise, "AT+CSQ": noise})) as channel:
        assert channel.command("AT+CGMI", "+CGMI", bare=True).lines == ("Quectel",)
        assert channel.command("AT+CSQ", "+CSQ").lines == ()  # asked twice: the first answer did not fit
        assert [urc.line for urc in channel.urcs] == ["RING", "^RSSI: 19"] * 3


def test_no_carrier_does_not_end_a_command() -> None:
    with talking_to(ScriptedModem({"AT+CSQ": b"\r\nNO CARRIER\r\n\r\n+CSQ: 9,9\r\n\r\nOK\r\n"})) as channel:
        assert channel.command("AT+CSQ", "+CSQ").lines == ("+CSQ: 9,9",)


def test_a_second_final_result_does_not_answer_the_next_command() -> None:
    answers: Answers = {"AT+CMGR=1": b"\r\nERROR\r\n\r\nOK\r\n", "AT+CSQ": b"\r\n+CSQ: 9,9\r\n\r\nOK\r\n"}
    with talking_to(ScriptedModem(answers)) as channel:
        assert not channel.command("AT+CMGR=1", "+CMGR").ok
        assert channel.command("AT+CSQ", "+CSQ").lines == ("+CSQ: 9,9",)


def test_a_late_answer_never_counts_for_the_next_command() -> None:
    answers: Answers = {
        "AT+COPS?": said(0.15, b'\r\n+COPS: 0,0,"Late"\r\n\r\nOK\r\n'),
        "AT+CSQ": b"\r\n+CSQ: 9,9\r\n\r\nERROR\r\n",
    }
    with talking_to(ScriptedModem(answers)) as channel:
        with pytest.raises(SilentError):
            channel.command("AT+COPS?", "+COPS", timeout_s=0.05)
        answer = channel.command("AT+CSQ", "+CSQ")
        assert (answer.lines, answer.ok) == (("+CSQ: 9,9",), False)


def test_an_information_line_is_enough_where_the_ok_is_left_out() -> None:
    with talking_to(ScriptedModem({"AT+CPIN?": b"\r\n+CPIN: READY\r\n"})) as channel:
        began = time.monotonic()
        assert channel.command("AT+CPIN?", "+CPIN", timeout_s=60, enough_s=0.1).lines == ("+CPIN: READY",)
        assert time.monotonic() - began < 30
        assert channel.command("AT").ok


def test_a_modem_that_never_stops_sending_does_not_block_a_command() -> None:
    stop = threading.Event()

    def flood(modem: ScriptedModem) -> None:
        def chatter() -> None:
            while not stop.wait(0.001):
                try:
                    modem.say(b"\r\n^DSFLOWRPT: 1\r\n" * 20)
                except OSError:
                    return

        threading.Thread(target=chatter, daemon=True).start()

    with talking_to(ScriptedModem({"AT+CSQ": flood})) as channel:
        with pytest.raises(SilentError):
            channel.command("AT+CSQ", "+CSQ", timeout_s=0.2)
        stop.set()
        assert len(channel.urcs) <= 1000


def test_urcs_that_came_without_a_command_are_kept() -> None:
    modem = ScriptedModem()
    with talking_to(modem) as channel:
        modem.say(b'\r\nOK\r\n\r\n+CMTI: "SM",1\r\n\r\nERROR\r\n')
        time.sleep(0.05)
        assert channel.command("AT").ok
        assert list(channel.urcs) == [Urc('+CMTI: "SM",1')]


def test_a_wake_up_is_handled_while_a_command_runs() -> None:
    attended = threading.Event()
    wake_r, wake_w = os.pipe()

    def attend() -> None:
        os.read(wake_r, 16)
        attended.set()

    modem = ScriptedModem({"AT+CSQ": said(0.2, b"\r\n+CSQ: 9,9\r\n\r\nOK\r\n")})
    device = open_device(modem.device, 115200)
    try:
        with modem:
            channel = Channel(device.fd, wake_r, attend, timeouts=FAST)
            channel.resync()
            os.write(wake_w, b"!")
            assert channel.command("AT+CSQ", "+CSQ").ok
            assert attended.is_set()
    finally:
        device.close()
        os.close(wake_r)
        os.close(wake_w)


# Resync


def test_a_modem_in_v0_is_set_to_v1() -> None:
    answers: Answers = {"AT": b"0\r", "ATE0V1Q0": [b"0\r", OK], "AT+CSQ": b"\r\n+CSQ: 9,9\r\n0\r\n\r\nOK\r\n"}
    with talking_to(ScriptedModem(answers)) as channel:
        assert channel.command("ATE0V1Q0").ok
        assert channel.command("ATE0V1Q0").ok
        assert channel.command("AT+CSQ", "+CSQ").lines == ("+CSQ: 9,9",)


def test_a_modem_in_q1_is_set_to_q0() -> None:
    with talking_to(ScriptedModem({"AT": [b"", b"", OK]})) as channel:
        assert channel.in_step


def test_a_modem_at_a_prompt_leaves_text_entry_without_sending() -> None:
    modem = ScriptedModem()
    modem.entering = True
    with talking_to(modem) as channel:
        assert channel.command("AT").ok
    assert modem.pdus == []


def test_text_entry_that_ignores_esc_is_ended_with_ctrl_z() -> None:
    modem = ScriptedModem({"ESC": b"", "PDU": b"\r\n+CMS ERROR: 304\r\n"})
    modem.entering = True
    with talking_to(modem) as channel:
        assert channel.command("AT").ok


def test_a_stray_prompt_does_not_count_for_the_next_submission() -> None:
    modem = ScriptedModem()
    with talking_to(modem) as channel:
        modem.prompt()
        time.sleep(0.05)
        assert submit(channel, 19, PDU, 1) == Submitted(1)
    assert modem.pdus == [PDU]


def test_a_silent_modem_is_out_of_step() -> None:
    modem = ScriptedModem()
    with talking_to(modem) as channel:
        for command in ("AT", "ATQ0V1E0", "AT+CSQ", "ESC", ""):
            modem.answers[command] = b""
        with pytest.raises(SilentError):
            channel.command("AT+CSQ", timeout_s=0.05)
        with pytest.raises(OutOfStepError):
            channel.command("AT+CSQ", timeout_s=0.05)


# Submissions


@pytest.mark.parametrize(
    "prompt", [b"\r\n> ", b"> ", b"\r\n>", b"> \r\n", b'\r\n+ZDONR: "X",1\r\n\r\n+ZPASR: "UMTS"\r\n\r\n> ']
)
@pytest.mark.parametrize("echo", [False, True])
def test_a_part_is_submitted_with_every_form_of_the_prompt(prompt: bytes, echo: bool) -> None:
    modem = ScriptedModem({"AT+CMGS": prompted(prompt)}, echo=echo)
    with talking_to(modem) as channel:
        assert submit(channel, 19, PDU, 1) == Submitted(1)
        assert submit(channel, 19, PDU, 1) == Submitted(2)
    assert modem.pdus == [PDU, PDU]
    assert "AT+CMGS=19" in modem.commands


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (said(b"\r\n+CMGS: 255\r\n\r\nOK\r\n"), Submitted(255)),
        (said(b'\r\n+CMGS: 7,"26/11/22,10:00:00+00"\r\n\r\nOK\r\n'), Submitted(7)),
        (said(b"\r\n+CMGS:\r\n\r\nOK\r\n"), Submitted(None)),
        (said(b"\r\n+CMGS: x\r\n\r\nOK\r\n"), Submitted(None)),
        (said(b"\r\nOK\r\n"), Submitted(None)),
        (said(b"\r\n+CMGS: 7\r\n"), Submitted(7)),  # its OK is lost
        (said(b"\r\n+CMGS: 7\r\n", 0.05, b'\r\n+CMTI: "SM",1\r\n\r\nOK\r\n'), Submitted(7)),
        (said(b"\r\n+CMGS: 7\r\n\r\nERROR\r\n"), Submitted(7)),
        (said(0.3, b"\r\n+CMGS: 7\r\n\r\nOK\r\n"), Submitted(7)),  # after the time-out, in the resync
    ],
)
def test_an_accepted_part_is_submitted(answer: Script, outcome: Submitted) -> None:
    with talking_to(ScriptedModem({"PDU": answer})) as channel:
        assert submit(channel, 19, PDU, 0.25) == outcome
        assert channel.command("AT").ok


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (said(b"\r\nOK\r\n", 0.05, b"\r\n+CMGS: 8\r\n\r\nOK\r\n"), Submitted(8)),
        (said(b'\r\n+CMTI: "SM",1\r\n\r\nOK\r\n', 0.05, b"\r\n+CMS ERROR: 38\r\n"), 38),
        (said(b"\r\nOK\r\n"), None),
        (said(b"\r\n+CM\xc7S: 8\r\n\r\nOK\r\n"), Submitted(None)),  # the reference was garbled on the line
    ],
)
def test_a_bare_ok_leaves_in_doubt_where_the_modem_sends_references(
    answer: Script, outcome: Submitted | int | None
) -> None:
    scripted = ScriptedModem()
    with talking_to(scripted) as channel:
        assert submit(channel, 19, PDU, 1) == Submitted(1)
        scripted.answers["PDU"] = answer
        result = submit(channel, 19, PDU, 0.25)
        if outcome is None:
            assert isinstance(result, InDoubt)
        elif isinstance(outcome, int):
            assert isinstance(result, Refused)
            assert result.cause.code == outcome
        else:
            assert result == outcome


def test_a_urc_between_the_reference_and_its_ok_is_kept() -> None:
    script = said(b"\r\n+CMGS: 7\r\n\r\n+CDS: 25\r\n" + HEX.encode() + b"\r\n\r\nOK\r\n")
    with talking_to(ScriptedModem({"PDU": script})) as channel:
        assert submit(channel, 19, PDU, 1) == Submitted(7)
        assert list(channel.urcs) == [Urc("+CDS: 25", HEX)]


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (b"\r\nERROR\r\n", Kind.MOMENT, None),
        (b"\r\n+CMS ERROR: 330\r\n", Kind.CONFIGURATION, 330),
        (b"\r\n+CME ERROR: 10\r\n", Kind.SIM, 10),
        (b"\r\n+CMS ERROR: SIM busy\r\n", Kind.MOMENT, 314),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_refusal_is_a_refusal_before_the_prompt_and_after_the_pdu(
    error: bytes, kind: Kind, code: int | None, before: bool
) -> None:
    modem = ScriptedModem({"AT+CMGS": error} if before else {"PDU": error})
    with talking_to(modem) as channel:
        outcome = submit(channel, 19, PDU, 1)
        assert isinstance(outcome, Refused)
        assert (outcome.cause.kind, outcome.cause.code) == (kind, code)
    assert modem.pdus == ([] if before else [PDU])


def test_a_refusal_together_with_the_prompt_prevents_the_pdu() -> None:
    modem = ScriptedModem({"AT+CMGS": b"\r\n> \r\n+CMS ERROR: 500\r\n"})
    with talking_to(modem) as channel:
        assert isinstance(submit(channel, 19, PDU, 1), Refused)
    assert modem.pdus == []


def test_without_a_prompt_nothing_is_sent() -> None:
    modem = ScriptedModem({"AT+CMGS": [b"", ScriptedModem.prompt]})
    with talking_to(modem) as channel:
        outcome = submit(channel, 19, PDU, 1)
        assert isinstance(outcome, Refused)
        assert (outcome.cause.family, outcome.cause.code, outcome.cause.kind) == (
            "LOCAL",
            NO_PROMPT,
            Kind.SIM,
        )
        assert submit(channel, 19, PDU, 1) == Submitted(1)
    assert modem.pdus == [PDU]


def test_a_stray_ok_is_not_the_answer_to_cmgs() -> None:
    modem = ScriptedModem({"AT+CMGS": prompted(b"\r\nOK\r\n", 0.05, b"\r\n> ")})
    with talking_to(modem) as channel:
        assert submit(channel, 19, PDU, 1) == Submitted(1)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n+CMS ERROR: 332\r\n",  # a timeout of the network is as unknown as one of the gateway
        b"\r\n+CME ERROR: 31\r\n",
        b"\r\n+CMS ERROR: network timeout\r\n",
        b"\r\nRDY\r\n",  # it restarted
        b"\r\nNO CARRIER\r\n",  # of a call
        b"\r\n+CM\xffS ERR",
    ],
)
def test_a_part_without_an_answer_is_in_doubt(answer: bytes) -> None:
    modem = ScriptedModem({"PDU": answer})
    with talking_to(modem) as channel:
        assert isinstance(submit(channel, 19, PDU, 0.1), InDoubt)
        channel.restarted = False
        modem.answers["PDU"] = ScriptedModem.take
        assert submit(channel, 19, PDU, 1) == Submitted(1)


def test_a_late_refusal_before_the_escape_is_a_refusal() -> None:
    modem = ScriptedModem({"PDU": said(0.2, b"\r\n+CMS ERROR: 38\r\n")})
    with talking_to(modem, timeouts=replace(FAST, quiet_s=1.0)) as channel:
        outcome = submit(channel, 19, PDU, 0.1)
        assert isinstance(outcome, Refused)
        assert outcome.cause.code == 38


def test_meanwhile_is_called_during_a_submission() -> None:
    calls: list[str] = []
    modem = ScriptedModem()
    with talking_to(modem) as channel:
        assert submit(channel, 19, PDU, 1, lambda: calls.append("now")) == Submitted(1)
    assert calls == ["now"]


# A lost device


def test_a_device_lost_before_the_pdu_refuses_and_after_it_leaves_in_doubt() -> None:
    with talking_to(ScriptedModem({"AT+CMGS": ScriptedModem.unplug})) as channel:
        outcome = submit(channel, 19, PDU, 1)
        assert isinstance(outcome, Refused)
        assert (outcome.cause.family, outcome.cause.code, outcome.cause.kind) == (
            "LOCAL",
            DEVICE_GONE,
            Kind.SIM,
        )
        assert channel.gone
    with talking_to(ScriptedModem({"PDU": ScriptedModem.unplug})) as channel:
        assert isinstance(submit(channel, 19, PDU, 1), InDoubt)
        assert channel.gone
        with pytest.raises(DeviceGoneError):
            channel.command("AT")


def test_a_device_lost_after_the_reference_counts_as_submitted() -> None:
    def script(modem: ScriptedModem) -> None:
        modem.say(b"\r\n+CMGS: 9\r\n")
        time.sleep(0.05)
        modem.unplug()

    with talking_to(ScriptedModem({"PDU": script})) as channel:
        assert submit(channel, 19, PDU, 1) == Submitted(9)


def test_a_lost_device_is_reported_at_once() -> None:
    modem = ScriptedModem()
    with talking_to(modem) as channel:
        modem.close()
        with pytest.raises(DeviceGoneError):
            channel.wait(time.monotonic() + 30)
        with pytest.raises(DeviceGoneError):
            channel.command("AT", timeout_s=30)


# Noise


@settings(max_examples=10)
@given(st.lists(st.binary(max_size=30), max_size=6))
def test_the_channel_is_in_step_again_after_any_noise(noise: list[bytes]) -> None:
    answers: Answers = {"AT+CSQ": b"".join(noise), "AT+COPS?": b'\r\n+COPS: 0,0,"Good"\r\n\r\nOK\r\n'}
    with talking_to(ScriptedModem(answers)) as channel:
        with suppress(SilentError):
            channel.command("AT+CSQ", "+CSQ", timeout_s=0.02)
        assert channel.command("AT+COPS?", "+COPS").lines == ('+COPS: 0,0,"Good"',)


def test_a_modem_that_stopped_reading_is_out_of_step() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(slave, False)
    wake_r, wake_w = os.pipe()
    try:
        for size in (4096, 1):  # to the last byte: the other end does not read
            with suppress(BlockingIOError):
                while os.write(slave, b"x" * size):
                    pass
        with pytest.raises(OutOfStepError):
            Channel(slave, wake_r, lambda: None, timeouts=FAST).command("AT")
    finally:
        for fd in (master, slave, wake_r, wake_w):
            os.close(fd)
