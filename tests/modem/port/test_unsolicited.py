"""URCs and how often they make the port act; calls; the link that stays open for long texts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import PortSettings
from modem.driver.profiles import PROFILES
from modem.driver.registration import Registration
from modem.driver.ussd import Session, UssdRefusedError
from modem.parts import InDoubt, Submission, Submitted
from modem.port.port import Port
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Fault
from tests.conftest import eventually
from tests.modem.at.test_channel import said
from tests.modem.driver.test_modem import line
from tests.modem.healthy_modem import OK, Answers, after, healthy
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import LOST_AFTER_S, SCALE, port_on, running
from tests.modem.scripted_modem import ScriptedModem

RING = b"\r\nRING\r\n"


@contextmanager
def still(
    device: str, work: RecordingWork, *, sim_look_s: float = 3.0, hang_up_s: float = 5.0, sim_s: float = 30.0
) -> Iterator[Port]:
    """A port without regular refreshes, with the usual pauses between looks that URCs ask for."""
    calm = replace(
        FAST,
        refresh_s=60.0,
        list_s=60.0,
        sim_look_s=sim_look_s,
        registration_look_s=1.0,
        hang_up_s=hang_up_s,
        sim_s=sim_s,
    )
    port = Port(PortSettings(port=1, device=device), work, submit_timeout_s=1, timing=calm)
    port.start()
    try:
        eventually(lambda: work.claims and work.statuses[-1].active.operator)
        yield port
    finally:
        port.stop()
        assert port.join(60)


def flood(modem: ScriptedModem, data: bytes, seconds: float) -> None:
    """Send this fifty times a second."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        modem.say(data)
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("urc", "looks", "readings"),
    [
        (b"\r\n+CPIN: READY\r\n", 2, 2),
        (b"\r\n+QUSIM: 1\r\n", 2, 2),
        (b"\r\n^SIMST:1\r\n", 2, 2),
        (b"\r\n#QSS: 3\r\n", 2, 2),
        # A stray OK may be taken for the answer to a look, which is then repeated; fifty looks would be asked for.
        (b"\r\n+CPIN: READY\r\n" + OK, 5, 10),
    ],
)
def test_no_urc_makes_a_port_look_at_its_sim_again_and_again(urc: bytes, looks: int, readings: int) -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, still(modem.device, work) as port:
        modem.commands.append("(here)")
        flood(modem, urc, 1.0)
        asked = after(modem, "(here)")
        assert 1 <= asked.count("AT+CPIN?") <= looks
        assert asked.count("AT+CCID") <= readings
        work.give(part())
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])


def test_no_urc_makes_a_port_look_again_and_again_at_a_sim_that_does_not_work() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, still(modem.device, work):
        modem.answers["AT+CPIN?"] = b"\r\n+CME ERROR: 10\r\n"
        modem.say(b"\r\n+CPIN: NOT INSERTED\r\n")
        eventually(lambda: work.state is PortState.SICK)
        modem.commands.append("(here)")
        flood(modem, b"\r\n+CPIN: NOT INSERTED\r\n", 1.0)
        assert after(modem, "(here)").count("AT+CPIN?") <= 2


def test_a_urc_about_the_sim_within_the_pause_causes_a_look_after_it() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, still(modem.device, work, sim_look_s=0.3):
        modem.say(b"\r\n+CPIN: READY\r\n")
        modem.commands.append("(here)")
        eventually(lambda: "AT+CPIN?" in after(modem, "(here)"))
        modem.answers["AT+CPIN?"] = b"\r\n+CME ERROR: 10\r\n"
        modem.say(b"\r\n+CPIN: NOT INSERTED\r\n")
        eventually(lambda: work.state is PortState.SICK)


def test_no_urc_makes_a_port_ask_for_its_registration_again_and_again() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, still(modem.device, work):
        modem.commands.append("(here)")
        flood(modem, b"\r\n+CREG: 1\r\n", 1.0)
        assert 1 <= after(modem, "(here)").count("AT+CREG?") <= 3
        modem.answers["AT+CREG?"] = b"\r\n+CREG: 1,2\r\n" + OK
        modem.say(b"\r\n+CREG: 2\r\n")
        eventually(lambda: work.statuses[-1].active.registration is Registration.SEARCHING)


def test_stray_answers_do_not_stop_a_port() -> None:
    """A case from the field: after one stray answer, each command took the answer of the one before."""
    work = RecordingWork()
    ready = b"\r\n+CPIN: READY\r\n" + OK
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        modem.answers["AT+CPIN?"] = [said(ready, 0.01, ready), ready]
        for number in range(1, 6):
            modem.say(ready)
            work.give(part(number))
            port.wake()
            eventually(lambda number=number: len(work.outcomes) == number)  # type: ignore[misc]
        modem.commands.append("(here)")
        time.sleep(0.5)
        assert len(after(modem, "(here)")) < 50
        assert {status.active.iccid for status in work.claims} == {"8922301000000000017"}
    assert work.results == [Submitted(number) for number in range(1, 6)]


# Calls


@pytest.mark.parametrize(
    "call",
    [
        RING,
        b"\r\n+CRING: VOICE\r\n",
        b"\r\n+CRING: ASYNC\r\n",
        b'\r\n+CLIP: "+22370123456",145,,,,0\r\n',
        RING * 2,
    ],
)
def test_a_call_is_hung_up(call: bytes) -> None:
    work = RecordingWork()
    with ScriptedModem(healthy({"AT+CHUP": OK})) as modem, still(modem.device, work):
        modem.say(call)
        eventually(lambda: "AT+CHUP" in modem.commands)
        assert "ATH" not in modem.commands


@pytest.mark.parametrize("refusal", [b"\r\nERROR\r\n", b"\r\n+CME ERROR: 3\r\n", b""])
def test_a_modem_that_refuses_one_command_to_hang_up_gets_the_other(refusal: bytes) -> None:
    work = RecordingWork()
    with ScriptedModem(healthy({"AT+CHUP": refusal, "ATH": OK})) as modem, still(modem.device, work):
        modem.say(RING)
        eventually(lambda: "ATH" in modem.commands)


def test_a_call_that_goes_on_ringing_is_hung_up_at_intervals() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy({"AT+CHUP": OK})) as modem, still(modem.device, work, hang_up_s=0.5):
        flood(modem, RING, 1.2)
        assert 2 <= modem.commands.count("AT+CHUP") <= 3


def test_parts_that_a_call_delayed_are_sent_once_it_was_hung_up() -> None:
    work = RecordingWork()

    def take(modem: ScriptedModem) -> None:
        if "AT+CHUP" in modem.commands:
            modem.take()
        else:
            modem.say(RING + b"\r\n+CMS ERROR: 302\r\n")

    with ScriptedModem(healthy({"AT+CHUP": OK, "PDU": take})) as modem, still(modem.device, work) as port:
        work.give(part(1), part(2))
        port.wake()
        eventually(lambda: len(work.outcomes) == 2)
    assert work.results[1] == Submitted(1)


# On simulated modems


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    """A bank of two modems."""
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=SCALE)) as running:
        yield running


def test_a_call_on_a_simulated_modem_is_hung_up(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.call(bank.modem(1).ring)
        eventually(lambda: not bank.call(lambda: bank.modem(1).ringing))
        work.give(part(1, "text 1", bank.number(2)))
        port.wake()
        eventually(lambda: work.outcomes)
    assert isinstance(work.results[0], Submitted)


def test_a_reference_that_a_simulated_modem_owes_settles_its_part(bank: Bank) -> None:
    work = RecordingWork(part(1, "text 1", bank.number(2)))
    with port_on(bank, work, submit_timeout_s=LOST_AFTER_S) as port:
        eventually(lambda: len(work.outcomes) == 1)
        bank.fault(1, Fault.REFERENCE_LATE)
        work.give(part(2, "text 2", bank.number(2)), part(3, "text 3", bank.number(2)))
        port.wake()
        eventually(lambda: len(work.outcomes) == 3)
        eventually(lambda: work.late)
    references = [result.reference for result in work.results if isinstance(result, Submitted)]
    assert isinstance(work.results[1], InDoubt)
    assert references == [0, 2]
    assert work.late == [1]


def test_the_ends_of_ussd_on_a_simulated_modem(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.fault(1, Fault.USSD_NO_CARRIER)
        answer = port.ussd("#123#").result(60)
        assert (answer.session, answer.replies[-1].reason) == (Session.ENDED, "NO CARRIER")
        bank.fault(1, Fault.USSD_ERROR)
        with pytest.raises(UssdRefusedError, match="no network"):
            port.ussd("#123#").result(60)
        assert "1250" in port.ussd("#123#").result(60).text


# The link for long texts


def long_text(number: int, total: int = 3) -> list[Submission]:
    """Return the parts of one message."""
    return [replace(part(number), seq=seq, total=total) for seq in range(1, total + 1)]


MAKERS: dict[str, tuple[Answers, bool]] = {
    "Quectel": ({"AT+CGMI": line("Quectel"), "AT+CGMM": line("EC25")}, True),
    "SIMCom": ({"AT+CGMI": line("SIMCOM_Ltd"), "AT+CGMM": line("SIMCOM_SIM800L")}, True),
    "u-blox": ({"AT+CGMI": line("u-blox"), "AT+CGMM": line("SARA-U201")}, True),
    "Huawei": ({"AT+CGMI": line("huawei"), "AT+CGMM": line("E1752")}, False),
    "unknown": ({}, False),
}


@pytest.mark.parametrize(("answers", "links"), MAKERS.values(), ids=MAKERS)
def test_the_link_stays_open_for_a_long_text_where_that_is_known_to_work(
    answers: Answers, links: bool
) -> None:
    work = RecordingWork(part(1), *long_text(2), part(3), *long_text(4, 2))
    with ScriptedModem(healthy({**answers, "AT+CMMS": OK})) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 7)
        said = [
            command.partition("=")[0] for command in modem.commands if "CMMS" in command or "CMGS=" in command
        ]
    once, cmgs = (["AT+CMMS"] if links else []), "AT+CMGS"
    assert said == [cmgs, *once, cmgs, cmgs, cmgs, cmgs, *once, cmgs, cmgs]
    assert work.results == [Submitted(number) for number in range(1, 8)]


@pytest.mark.parametrize("refusal", [b"\r\nERROR\r\n", b"\r\n+CMS ERROR: 500\r\n", b""])
def test_a_modem_that_refuses_an_open_link_sends_and_is_not_asked_again(
    refusal: bytes,
) -> None:
    work = RecordingWork(*long_text(1), *long_text(2))
    answers = healthy({"AT+CGMI": line("Quectel"), "AT+CMMS": refusal})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 6)
        assert modem.commands.count("AT+CMMS=1") == 1
    assert work.results == [Submitted(number) for number in range(1, 7)]


def test_no_huawei_is_asked_to_keep_the_link_open() -> None:
    assert not any(profile.links_parts for profile in PROFILES if profile.vendor == "huawei")


def test_a_urc_about_the_sim_while_none_works_does_not_end_the_connection() -> None:
    work = RecordingWork()
    with (
        ScriptedModem(healthy({"AT+CPIN?": b"\r\n+CME ERROR: 10\r\n"})) as modem,
        running(modem.device, work, timing=replace(FAST, sim_s=60, sim_look_s=0.01)),
    ):
        eventually(lambda: work.state is PortState.SICK)
        looks = modem.commands.count("AT+CPIN?")
        modem.say(b"\r\n+CPIN: NOT INSERTED\r\n")
        eventually(lambda: modem.commands.count("AT+CPIN?") > looks)
        assert all("trouble" not in status.detail for status in work.statuses)
