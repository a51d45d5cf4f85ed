"""References that come after the time limit: which part they belong to, in every order."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from modem.at.channel import Channel
from modem.driver.submission import submit, write
from modem.parts import InDoubt, Refused, Submitted
from tests.conftest import eventually
from tests.modem.at.test_channel import FAST, PDU, prompted, said, talking_to
from tests.modem.healthy_modem import healthy
from tests.modem.recording_work import FAST as FAST_TIMING
from tests.modem.recording_work import RecordingWork, part
from tests.modem.running_port import running
from tests.modem.scripted_modem import Script, ScriptedModem

OK = b"\r\nOK\r\n"
LATE, OWN = b"\r\n+CMGS: 10\r\n", b"\r\n+CMGS: 11\r\n"
REFUSAL = b"\r\n+CMS ERROR: 38\r\n"
PROMPT = b"\r\n> "
TIMEOUTS = replace(FAST, quiet_s=0.04)


def give_up(channel: Channel, modem: ScriptedModem) -> None:
    """Leave a part in doubt, after one that got the reference 9."""
    modem.answers["PDU"] = [b"\r\n+CMGS: 9\r\n" + OK, b""]
    assert submit(channel, 19, PDU, 1) == Submitted(9)
    assert isinstance(submit(channel, 19, PDU, 0.05), InDoubt)
    assert channel.owed == 1


def read_late(channel: Channel) -> object:
    """The late answers, as soon as there is one."""

    def look() -> object:
        channel.pause(0.02)
        return channel.take_late()

    return eventually(look)


ORDERS: dict[str, tuple[Script, Script]] = {  # the answers to AT+CMGS and to the PDU
    "before this part's own": (prompted(PROMPT), said(LATE + OWN + OK)),
    "with an OK of its own": (prompted(PROMPT), said(LATE + OK + OWN + OK)),
    "with an OK of its own, long before": (prompted(PROMPT), said(LATE + OK, 0.05, OWN + OK)),
    "long before this part's own": (prompted(PROMPT), said(LATE, 0.05, OWN, 0.02, OK)),
    "before the prompt": (prompted(LATE + PROMPT), said(OWN + OK)),
    "before the prompt with an OK": (prompted(LATE + OK, 0.02, PROMPT), said(OWN + OK)),
    "with the prompt": (prompted(PROMPT + LATE + OK), said(0.02, OWN + OK)),
    "after the OK, in one read": (prompted(PROMPT), said(OWN + OK + LATE + OK)),
    "after the OK, a while later": (prompted(PROMPT), said(OWN + OK, 0.05, LATE + OK)),
    "with a URC between": (prompted(PROMPT), said(LATE + b'\r\n+CMTI: "SM",1\r\n' + OWN + OK)),
}


@pytest.mark.parametrize(("command", "pdu"), ORDERS.values(), ids=ORDERS)
def test_the_last_reference_is_this_parts_and_the_first_is_kept_for_the_older(
    command: Script, pdu: Script
) -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        modem.answers.update({"AT+CMGS": command, "PDU": pdu})
        assert submit(channel, 19, PDU, 1) == Submitted(11)
        assert read_late(channel) == [Submitted(10)]
        assert channel.owed == 0
        modem.answers.update({"AT+CMGS": ScriptedModem.prompt, "PDU": b"\r\n+CMGS: 12\r\n" + OK})
        assert submit(channel, 19, PDU, 1) == Submitted(12)
        assert channel.take_late() == []


def test_a_reference_that_comes_while_a_command_runs_is_kept_too() -> None:
    modem = ScriptedModem({"AT+CSQ": said(LATE + OK, 0.01, b"\r\n+CSQ: 17,99\r\n" + OK)})
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        modem.answers["AT+CSQ"] = [modem.answers["AT+CSQ"], b"\r\n+CSQ: 17,99\r\n" + OK]  # type: ignore[list-item]
        assert channel.command("AT+CSQ", "+CSQ").lines == ("+CSQ: 17,99",)
        assert channel.take_late() == [Submitted(10)]


def test_a_reference_is_kept_while_the_modem_is_synchronised() -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        modem.say(LATE + OK)
        channel.in_step = False
        assert channel.command("AT").ok
        assert channel.take_late() == [Submitted(10)]


def test_several_late_ones_are_kept_in_their_order() -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        assert isinstance(submit(channel, 19, PDU, 0.05), InDoubt)
        assert channel.owed == 2
        modem.answers["PDU"] = said(LATE + OK + OWN + OK, b"\r\n+CMGS: 12\r\n" + OK)
        assert submit(channel, 19, PDU, 1) == Submitted(12)
        assert channel.take_late() == [Submitted(10), Submitted(11)]


def test_references_wrap_after_255() -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        modem.answers["PDU"] = said(b"\r\n+CMGS: 255\r\n" + OK + b"\r\n+CMGS: 0\r\n" + OK)
        assert submit(channel, 19, PDU, 1) == Submitted(0)
        assert channel.take_late() == [Submitted(255)]


def test_a_repeated_reference_is_no_late_one() -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        modem.answers["PDU"] = said(OWN + OWN + OK, 0.02, OWN + OK)
        assert submit(channel, 19, PDU, 1) == Submitted(11)
        channel.pause(0.05)
        assert channel.take_late() == []


@pytest.mark.parametrize("late", [REFUSAL, b"\r\nERROR\r\n", b"\r\n+CMS ERROR: 332\r\n"])
@pytest.mark.parametrize("gap_s", [0.0, 0.05])
def test_a_late_refusal_before_this_parts_own_reference_is_not_this_parts(late: bytes, gap_s: float) -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        modem.answers["PDU"] = said(late, gap_s, OWN + OK)
        assert submit(channel, 19, PDU, 1) == Submitted(11)
        assert channel.take_late() == []


def test_a_late_refusal_before_the_prompt_does_not_stop_the_part() -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        modem.answers.update({"AT+CMGS": prompted(REFUSAL, 0.02, PROMPT), "PDU": OWN + OK})
        assert submit(channel, 19, PDU, 1) == Submitted(11)


def test_a_late_reference_before_this_parts_refusal_is_the_older_parts() -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        modem.answers["PDU"] = said(LATE + OK, 0.02, REFUSAL)
        outcome = submit(channel, 19, PDU, 1)
        assert isinstance(outcome, Refused)
        assert outcome.cause.code == 38
        assert channel.take_late() == [Submitted(10)]


def test_without_a_part_in_doubt_there_is_no_wait_for_a_reference() -> None:
    modem = ScriptedModem({"PDU": [OWN + OK, REFUSAL]})
    with talking_to(modem, timeouts=replace(FAST, result_s=60.0)) as channel:
        began = time.monotonic()
        assert submit(channel, 19, PDU, 60) == Submitted(11)
        assert isinstance(submit(channel, 19, PDU, 60), Refused)
        assert time.monotonic() - began < 30


def test_after_a_part_in_doubt_only_the_next_part_waits_for_its_reference() -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        modem.answers["PDU"] = [b"\r\n+CMGS: 10\r\n" + OK, OWN + OK]
        assert submit(channel, 19, PDU, 1) == Submitted(10)  # the older part never reached the network
        assert channel.owed == 0
        assert submit(channel, 19, PDU, 1) == Submitted(11)
        assert channel.take_late() == []


@pytest.mark.parametrize("stray", [OK, b"\r\nERROR\r\n", b"\r\n+CPIN: READY\r\n" + OK])
@pytest.mark.parametrize("known", [True, False])
def test_a_stray_answer_after_the_pdu_is_not_this_parts(stray: bytes, known: bool) -> None:
    modem = ScriptedModem({"PDU": said(stray, 0.01, OWN + OK)})
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        channel.tells_references = known
        assert submit(channel, 19, PDU, 1) == Submitted(11)
        assert channel.take_late() == []


def test_a_stray_error_before_the_prompt_does_not_stop_the_part() -> None:
    modem = ScriptedModem({"AT+CMGS": prompted(b"\r\nERROR\r\n", 0.01, PROMPT), "PDU": OWN + OK})
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        assert submit(channel, 19, PDU, 1) == Submitted(11)


def test_a_slow_reference_is_awaited_unless_the_modem_is_known_to_send_none() -> None:
    modem = ScriptedModem({"PDU": [said(OK, 0.1, OWN + OK), OK]})
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        assert submit(channel, 19, PDU, 1) == Submitted(11)
    modem = ScriptedModem({"PDU": OK})
    with talking_to(modem, timeouts=replace(TIMEOUTS, result_s=0.3)) as channel:
        assert submit(channel, 19, PDU, 2) == Submitted(None)
        channel.timeouts = replace(TIMEOUTS, result_s=60.0)
        began = time.monotonic()
        assert submit(channel, 19, PDU, 60) == Submitted(None)  # this modem sends none
        assert time.monotonic() - began < 30


def test_a_reference_that_only_this_part_can_have_ends_the_wait() -> None:
    modem = ScriptedModem()
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        give_up(channel, modem)
        channel.timeouts = replace(TIMEOUTS, result_s=60.0)
        modem.answers["PDU"] = OWN + OK  # the last was 9; the older part would have got 10
        began = time.monotonic()
        assert submit(channel, 19, PDU, 60) == Submitted(11)
        assert time.monotonic() - began < 30


def test_a_late_reference_wakes_an_idle_port() -> None:
    work = RecordingWork(part(1))
    with ScriptedModem(healthy()) as modem:
        timing = replace(FAST_TIMING, refresh_s=600.0, list_s=600.0)
        with running(modem.device, work, submit_timeout_s=0.1, timing=timing) as port:
            eventually(lambda: work.results == [Submitted(1)])
            modem.answers["PDU"] = b""
            work.give(part(2))
            port.wake()
            eventually(lambda: len(work.outcomes) == 2)
            time.sleep(0.1)
            modem.say(LATE + OK)
            eventually(lambda: work.late == [10])


@pytest.mark.parametrize("stray", [OK, LATE + OK, b"\r\nERROR\r\n"])
def test_a_stray_ok_does_not_count_as_a_written_part(stray: bytes) -> None:
    modem = ScriptedModem({"AT+CMGW": prompted(PROMPT), "PDU": said(stray, 0.01, b"\r\n+CMGW: 4\r\n" + OK)})
    with talking_to(modem, timeouts=TIMEOUTS) as channel:
        assert write(channel, 19, PDU, 1) == 4


# On a port


def test_a_late_reference_settles_the_part_in_doubt() -> None:
    work = RecordingWork(part(1), part(2), part(3))
    third = b"\r\n+CMGS: 12\r\n" + OK
    answers = healthy({"PDU": [b"\r\n+CMGS: 9\r\n" + OK, b"", LATE + OWN + OK, third]})
    with ScriptedModem(answers) as modem, running(modem.device, work, submit_timeout_s=0.1) as port:
        eventually(lambda: len(work.outcomes) == 3)
        eventually(lambda: work.late == [10])
        work.give(part(4))
        port.wake()
        eventually(lambda: len(work.outcomes) == 4)
    assert work.results[0] == Submitted(9)
    assert isinstance(work.results[1], InDoubt)
    assert work.results[2:] == [Submitted(11), Submitted(12)]
    assert work.late == [10]


def test_a_late_reference_that_fits_two_parts_is_dropped() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work, submit_timeout_s=0.1) as port:
        work.give(part(1))
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])
        modem.answers["PDU"] = b""
        work.give(part(2))
        port.wake()
        eventually(lambda: len(work.outcomes) == 2)
        modem.answers["PDU"] = [said(0.12, OWN + OK), ScriptedModem.take]
        work.give(part(3))
        port.wake()
        eventually(lambda: len(work.outcomes) == 3)
        work.give(part(4))
        port.wake()
        eventually(lambda: len(work.outcomes) == 4)
    assert [type(result) for result in work.results] == [Submitted, InDoubt, InDoubt, Submitted]
    assert work.late == []
