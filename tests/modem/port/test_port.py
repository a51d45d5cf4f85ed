"""A port on scripted modems: submissions, devices, recovery, requests, inbound messages, SIMs and slots."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from config.settings import PortSettings
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.errors import DEVICE_GONE, Kind
from modem.parts import InDoubt, Refused, Submission, Submitted
from modem.port.interface import Switch, Unreadable
from modem.port.port import Port
from modem.port.status import PortState, PortStatus
from tests.conftest import eventually
from tests.modem.hardware.machine import Machine
from tests.modem.healthy_modem import DELIVER, ICCID, OK, REPORT, Answers, after, healthy, two_slots
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import running
from tests.modem.scripted_modem import Script, ScriptedModem


def test_a_port_comes_up_with_the_identity_of_modem_and_sim() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP and work.statuses[-1].active.operator)
        status = work.statuses[-1]
    assert (status.port, status.imei, status.model) == (1, "356938035643809", "Acme One")
    slot = status.active
    assert (slot.sim, slot.iccid, slot.imsi) == (SimState.READY, ICCID, "610020000000017")
    assert (slot.number, slot.operator) == ("+22370000017", "Orange ML")
    assert (slot.registration, slot.signal_dbm) == (Registration.HOME, -79)
    assert work.state is PortState.STOPPED


def test_a_modem_that_only_knows_at_cmgf_and_cmgs_sends() -> None:
    work = RecordingWork(*(part(number) for number in range(5)))
    with ScriptedModem() as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 5)
    assert work.results == [Submitted(number) for number in range(1, 6)]
    assert work.claims[0].active.iccid == "port:1/slot:1"


def test_without_an_iccid_the_subscriber_identifies_the_sim() -> None:
    work = RecordingWork()
    with ScriptedModem({"AT+CIMI": b"\r\n610020000000017\r\n" + OK}) as modem, running(modem.device, work):
        eventually(lambda: work.claims)
    assert work.claims[0].active.iccid == "imsi:610020000000017"


def test_a_modem_that_ignores_what_it_does_not_know_sends() -> None:
    work = RecordingWork(part())
    short = replace(FAST.commands, command_s=0.1, sim_s=0.1, function_s=0.1, list_s=0.2)
    timing = replace(FAST, commands=short)
    with ScriptedModem({"": b""}) as modem, running(modem.device, work, timing=timing):
        eventually(lambda: work.results == [Submitted(1)])


def test_a_modem_that_always_echoes_sends() -> None:
    work = RecordingWork(part(1), part(2))
    with ScriptedModem(healthy(), echo=True) as modem, running(modem.device, work):
        eventually(lambda: work.results == [Submitted(1), Submitted(2)])
        assert modem.commands.count("AT+CGMI") == 1


def test_the_outcome_and_the_next_claim_are_one_call() -> None:
    work = RecordingWork(part(1), part(2))
    with ScriptedModem(healthy()) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 2)
        first, second = work.outcomes
        assert (first.submission.message_id, second.submission.message_id) == (1, 2)
        assert first.started_at <= first.ended_at <= second.started_at
        assert len(work.claims) == 3  # the first part; its outcome and the second; the last outcome


def test_work_that_comes_later_is_done_when_the_port_is_woken() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: len(work.claims) >= 1)
        work.give(part())
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])


def test_a_probe_of_an_idle_port_is_answered_without_a_look_for_work() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.claims and work.state is PortState.UP)
        claims = len(work.claims)
        for _ in range(3):
            answered = threading.Event()
            port.probe(answered.set)
            assert answered.wait(60)
        assert len(work.claims) == claims


def test_a_refusal_is_reported_and_the_next_part_is_sent() -> None:
    work = RecordingWork(part(1), part(2))
    answers = healthy({"PDU": [b"\r\n+CMS ERROR: 1\r\n", ScriptedModem.take]})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 2)
    refused = work.results[0]
    assert isinstance(refused, Refused)
    assert refused.cause.kind is Kind.RECIPIENT
    assert work.results[1] == Submitted(1)


def test_a_busy_sim_and_one_lost_byte_are_tried_again_at_once() -> None:
    work = RecordingWork(part(1), part(2))
    take = ScriptedModem.take
    answers = healthy({"PDU": [b"\r\n+CMS ERROR: 314\r\n", take, b"\r\n+CMS ERROR: 304\r\n", take]})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.results == [Submitted(1), Submitted(2)])


@pytest.mark.parametrize(
    ("vendor", "refusal"),
    [
        ("Acme", b"+CMS ERROR: 304"),
        ("SIMCOM_Ltd", b"+CMS ERROR: 517"),
        ("SIEMENS", b"+CMS ERROR: 518"),
        ("Acme", b"+CMS ERROR: invalid PDU mode parameter"),
    ],
)
def test_a_pdu_that_the_modem_cannot_read_is_written_once_more_in_pieces(vendor: str, refusal: bytes) -> None:
    typed: list[float] = []

    def prompt(modem: ScriptedModem) -> None:
        typed.append(time.monotonic())
        modem.prompt()

    def take(modem: ScriptedModem) -> None:
        typed.append(time.monotonic())
        modem.say(b"\r\n" + refusal + b"\r\n") if len(typed) == 2 else modem.take()

    work = RecordingWork(part(1, "a long text " * 12), part(2))
    answers = healthy({"AT+CGMI": f"\r\n{vendor}\r\n".encode() + OK, "AT+CMGS": prompt, "PDU": take})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.results == [Submitted(1), Submitted(2)])
        assert modem.pdus[0] == modem.pdus[1]
    pieces = -(-len(modem.pdus[1]) // 16)
    assert typed[3] - typed[2] >= 0.02 * pieces  # a pause before each
    assert typed[5] - typed[4] < 0.02 * pieces  # the next part is written without pauses


@pytest.mark.parametrize("again", [b"+CMS ERROR: 304", b"+CMS ERROR: 500"])
def test_a_pdu_that_the_modem_cannot_read_is_written_twice_at_most(again: bytes) -> None:
    work = RecordingWork(part(1))
    refusals: list[Script] = [b"\r\n+CMS ERROR: 304\r\n", b"\r\n" + again + b"\r\n"]
    with ScriptedModem(healthy({"PDU": refusals})) as modem, running(modem.device, work):
        eventually(lambda: len(work.results) == 1)
        assert len(modem.pdus) == 2
    assert isinstance(work.results[0], Refused)


def test_a_refusal_ends_the_slow_writing_of_a_pdu() -> None:
    work = RecordingWork(part(1, "a long text " * 12), part(2))
    prompts: list[Script] = [ScriptedModem.prompt, b"\r\n> \r\n+CMS ERROR: 500\r\n", ScriptedModem.prompt]
    answers = healthy({"AT+CMGS": prompts, "PDU": [b"\r\n+CMS ERROR: 304\r\n", ScriptedModem.take]})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: len(work.results) == 2)
    assert isinstance(work.results[0], Refused)
    assert work.results[0].cause.code == 500
    assert work.results[1] == Submitted(1)


@pytest.mark.parametrize(
    ("vendor", "refusal"),
    [
        ("Acme", b"+CMS ERROR: 332"),
        ("Acme", b"+CME ERROR: 31"),
        ("Acme", b"+CMS ERROR: network timeout"),
        ("SIMCOM_Ltd", b"+CMS ERROR: 521"),
        ("SIEMENS", b"+CMS ERROR: 521"),
    ],
)
def test_a_network_that_did_not_answer_leaves_a_part_in_doubt(vendor: str, refusal: bytes) -> None:
    work = RecordingWork(part(1))
    answers = healthy({"AT+CGMI": f"\r\n{vendor}\r\n".encode() + OK, "PDU": b"\r\n" + refusal + b"\r\n"})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: len(work.results) == 1)
        assert len(modem.pdus) == 1
    assert isinstance(work.results[0], InDoubt)


@pytest.mark.parametrize("code", [208, 211, 322])
def test_a_refusal_for_a_full_memory_causes_a_listing(code: int) -> None:
    work = RecordingWork(part(1), part(2))
    answers = healthy({"PDU": [b"\r\n+CMS ERROR: %d\r\n" % code, ScriptedModem.take]})
    timing = replace(FAST, list_s=600.0)
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=timing):
        eventually(lambda: len(work.results) == 2 and modem.commands.count("AT+CMGL=4") == 2)


def test_a_modem_locked_to_another_operator_is_named() -> None:
    work = RecordingWork(part())
    answers = healthy({"AT+CPIN?": b"\r\n+CPIN: PH-NET PIN\r\n" + OK})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.SICK)
        assert work.statuses[-1].active.sim is SimState.MODEM_LOCKED
        assert "locked to another operator" in work.statuses[-1].detail
        assert not any(command.startswith("AT+CPIN=") for command in modem.commands)


def test_a_missing_service_centre_is_set_from_the_configuration() -> None:
    def centre(modem: ScriptedModem) -> None:
        modem.answers["AT+CSCA?"] = b'\r\n+CSCA: "+22370000000",145\r\n' + OK
        modem.say(OK)

    work = RecordingWork(part())
    answers = healthy({"AT+CSCA?": b'\r\n+CSCA: "",129\r\n' + OK, "AT+CSCA": centre})
    with ScriptedModem(answers) as modem, running(modem.device, work, smsc="+22370000000"):
        eventually(lambda: work.results == [Submitted(1)])
        assert modem.commands.count('AT+CSCA="+22370000000",145') == 1


def test_nothing_is_claimed_without_a_network() -> None:
    work = RecordingWork(part())
    said: list[Script] = [b"\r\n+CREG: 1,2\r\n" + OK] * 4
    answers = healthy({"AT+CREG?": [*said, b"\r\n+CREG: 1,5\r\n" + OK]})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.results == [Submitted(1)])
    assert {claim.active.registration for claim in work.claims} == {Registration.ROAMING}


def test_lte_alone_is_enough() -> None:
    work = RecordingWork(part())
    answers = healthy({"AT+CREG?": b"\r\n+CREG: 0,0\r\n" + OK, "AT+CEREG?": b"\r\n+CEREG: 0,1\r\n" + OK})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.results == [Submitted(1)])


# The device


@pytest.mark.parametrize(("paused", "state"), [(False, PortState.STARTING), (True, PortState.PAUSED)])
def test_a_port_has_a_status_as_soon_as_it_is_started(tmp_path: Path, paused: bool, state: PortState) -> None:
    work = RecordingWork()
    settings = PortSettings(port=1, device=str(tmp_path / "modem"))
    port = Port(settings, work, submit_timeout_s=1, timing=FAST, paused=paused)
    port.start()
    found = work.statuses[:1]
    port.stop()
    assert port.join(60)
    assert [status.state for status in found] == [state]


def test_the_port_looks_for_a_missing_device_until_it_comes(tmp_path: Path) -> None:
    work = RecordingWork(part())
    link = tmp_path / "modem"
    with ScriptedModem(healthy()) as modem, running(str(link), work) as port:
        eventually(lambda: work.state is PortState.ABSENT)
        answer = port.ask().result(60)
        assert (answer.ok, answer.busy) == (False, False)
        link.symlink_to(modem.device)
        eventually(lambda: work.results == [Submitted(1)])


def test_a_device_that_comes_back_elsewhere_is_found_and_nothing_is_lost(tmp_path: Path) -> None:
    work = RecordingWork(part(1), part(2), part(3))
    link = tmp_path / "modem"
    gone = ScriptedModem(healthy({"PDU": ScriptedModem.unplug}))
    link.symlink_to(gone.device)
    with gone, running(str(link), work):
        eventually(lambda: len(work.outcomes) == 1)
        assert isinstance(work.results[0], InDoubt)
        eventually(lambda: work.state is PortState.ABSENT)
        with ScriptedModem(healthy()) as modem:
            link.unlink()
            link.symlink_to(modem.device)
            eventually(lambda: len(work.outcomes) == 3)
    assert work.results[1:] == [Submitted(1), Submitted(2)]


@pytest.mark.parametrize("device", ["usb:1-1.2:2", "usb:0123456789:2", "{dev}/ttyUSB*"])
def test_a_stick_that_comes_back_under_another_number_is_found(tmp_path: Path, device: str) -> None:
    machine = Machine(tmp_path)
    work = RecordingWork(part(1), part(2))
    with ScriptedModem(healthy()) as before, ScriptedModem(healthy()) as after:
        machine.tty("ttyUSB0", before.device, machine.stick("1-1.2", serial="0123456789"), 2)
        with running(device.format(dev=machine.roots.dev), work, roots=machine.roots) as port:
            eventually(lambda: work.results == [Submitted(1), Submitted(2)])
            before.unplug()
            eventually(lambda: work.state is PortState.ABSENT)
            machine.unplug("1-1.2")
            eventually(lambda: "plugged in and powered" in work.statuses[-1].detail)
            machine.tty("ttyUSB4", after.device, machine.stick("1-1.2", serial="0123456789"), 2)
            work.give(part(3))
            port.wake()
            eventually(lambda: len(work.results) == 3)
            assert len(after.pdus) == 1


def test_a_stick_that_stops_answering_under_its_old_number_is_found_under_the_new(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    work = RecordingWork()
    with ScriptedModem(healthy()) as before, ScriptedModem(healthy()) as after:
        machine.tty("ttyUSB0", before.device, machine.stick("1-1"))
        with running("usb:1-1", work, roots=machine.roots):
            eventually(lambda: work.state is PortState.UP)
            machine.unplug("1-1")
            machine.tty("ttyUSB1", after.device, machine.stick("1-1"))
            for key in before.answers:
                before.answers[key] = b""
            eventually(lambda: after.commands and work.state is PortState.UP)


def test_a_glob_that_matches_several_devices_is_used_once_it_matches_one(tmp_path: Path) -> None:
    work = RecordingWork(part())
    with ScriptedModem(healthy()) as modem, ScriptedModem() as other:
        (tmp_path / "modem1").symlink_to(modem.device)
        (tmp_path / "modem2").symlink_to(other.device)
        with running(f"{tmp_path}/modem*", work):
            eventually(lambda: work.statuses and "several devices" in work.statuses[-1].detail)
            (tmp_path / "modem2").unlink()
            eventually(lambda: work.results == [Submitted(1)])
        assert other.commands == []


def test_a_device_lost_before_the_pdu_refuses_the_part_for_this_sim() -> None:
    work = RecordingWork(part())
    with ScriptedModem(healthy({"AT+CMGS": ScriptedModem.unplug})) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 1)
    refused = work.results[0]
    assert isinstance(refused, Refused)
    assert (refused.cause.code, refused.cause.kind) == (DEVICE_GONE, Kind.SIM)


def test_a_device_that_another_gateway_holds_is_named_as_such() -> None:
    first, second = RecordingWork(), RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, first):
        eventually(lambda: first.state is PortState.UP)
        with running(modem.device, second):
            eventually(
                lambda: (
                    second.state is PortState.ABSENT and "another port of this" in second.statuses[-1].detail
                )
            )


# Trouble


def test_a_part_without_an_answer_is_in_doubt_and_the_modem_goes_on() -> None:
    work = RecordingWork(part(1), part(2))
    with (
        ScriptedModem(healthy({"PDU": [b"", ScriptedModem.take]})) as modem,
        running(modem.device, work, submit_timeout_s=0.1),
    ):
        eventually(lambda: len(work.outcomes) == 2)
    assert isinstance(work.results[0], InDoubt)
    assert work.results[1] == Submitted(1)


def test_a_modem_that_answers_at_but_not_cmgs_is_sick_and_restarted() -> None:
    work = RecordingWork(*(part(number) for number in range(20)))
    with ScriptedModem(healthy({"PDU": b""})) as modem, running(modem.device, work, submit_timeout_s=0.05):
        eventually(lambda: work.state is PortState.SICK)
        eventually(lambda: "AT+CFUN=1,1" in modem.commands)
        modem.answers["PDU"] = ScriptedModem.take
        eventually(lambda: Submitted(1) in work.results)


def test_a_modem_that_stops_answering_is_reopened_restarted_and_comes_back() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        answers = dict(modem.answers)
        for key in answers:
            modem.answers[key] = b""
        eventually(lambda: work.state is PortState.SICK)
        assert port.ask().result(60).ok is False
        eventually(lambda: "AT+CFUN=1,1" in modem.commands)
        modem.answers.update(answers)
        work.give(part())
        eventually(lambda: work.results == [Submitted(1)])


@pytest.mark.parametrize("urc", [b"\r\nRDY\r\n", b"\r\n^SYSSTART\r\n"])
def test_a_modem_that_restarts_is_set_up_again(urc: bytes) -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        said = modem.commands.count("AT+CMGF=0")
        modem.say(urc)
        eventually(lambda: modem.commands.count("AT+CMGF=0") > said and work.state is PortState.UP)
        work.give(part())
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])


def test_a_modem_that_echoes_again_has_restarted() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        said = modem.commands.count("AT+CMGF=0")
        modem.echo = True
        eventually(lambda: modem.commands.count("AT+CMGF=0") > said)


def saying(path: Path, exit_code: int = 0) -> tuple[str, ...]:
    """Return a reset_command that appends a line to a file and prints a word."""
    return ("sh", "-c", f"echo x >> '{path}'; echo powered; exit {exit_code}")


def test_reset_command_is_run_for_a_modem_that_a_restart_does_not_help(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "modem.port.port")
    work, runs = RecordingWork(part()), tmp_path / "runs"
    deaf: Answers = dict.fromkeys((*healthy(), "AT", "ATE0V1Q0", "ATQ0V1E0", "ESC", ""), b"")
    with (
        ScriptedModem(deaf) as modem,
        running(modem.device, work, reset_command=saying(runs, 7)),
    ):
        eventually(runs.exists)
        modem.answers.update({**healthy(), "AT": OK, "ATE0V1Q0": OK, "ATQ0V1E0": OK})
        eventually(lambda: work.results == [Submitted(1)])
    assert "AT+CFUN=1,1" in modem.commands
    said = [record.getMessage() for record in caplog.records]
    steps = ["the port opens it again", "it is restarted", "reset_command is run"]
    order = [next(place for place, text in enumerate(said) if text.endswith(step)) for step in steps]
    assert order == sorted(order)
    assert "port 1: reset_command: powered" in said
    assert "port 1: reset_command failed with exit code 7" in said


def test_reset_command_is_run_for_a_device_that_stays_away(tmp_path: Path) -> None:
    work, runs = RecordingWork(), tmp_path / "runs"
    with running(str(tmp_path / "nothing"), work, reset_command=saying(runs)):
        eventually(lambda: runs.exists() and runs.read_text().count("x") >= 2)
        assert work.state is PortState.ABSENT


@pytest.mark.parametrize("program", [("/no/such/program",), ("false",), ("sleep", "60")])
def test_a_reset_command_that_fails_or_hangs_does_not_block_the_port(
    tmp_path: Path, program: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    work, link = RecordingWork(part()), tmp_path / "modem"
    with ScriptedModem(healthy()) as modem, running(str(link), work, reset_command=program):
        eventually(
            lambda: any(
                "reset_command" in each.message and each.levelname == "ERROR" for each in caplog.records
            )
        )
        link.symlink_to(modem.device)
        eventually(lambda: work.results == [Submitted(1)])


def test_a_port_stops_and_answers_while_its_reset_command_runs(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    program = ("sh", "-c", f"touch '{runs}'; exec sleep 60")
    slow = replace(FAST, command_s=60.0)
    settings = PortSettings(port=1, device=str(tmp_path / "nothing"), reset_command=program)
    port = Port(settings, RecordingWork(), submit_timeout_s=1, timing=slow)
    port.start()
    eventually(runs.exists)
    assert port.ask().result(60).ok is False
    port.stop()
    assert port.join(60)


def test_an_outcome_is_settled_before_the_reset_command(tmp_path: Path) -> None:
    runs, work = tmp_path / "runs", RecordingWork(*(part(number) for number in range(20)))
    program = ("sh", "-c", f"touch '{runs}'; exec sleep 60")
    with ScriptedModem(healthy({"PDU": b""})) as modem:
        settings = PortSettings(port=1, device=modem.device, reset_command=program)
        port = Port(settings, work, submit_timeout_s=0.05, timing=replace(FAST, command_s=60.0))
        port.start()
        eventually(runs.exists)
        eventually(lambda: len(work.outcomes) == modem.commands.count("PDU"))
        port.stop()
        assert port.join(60)


def test_the_time_away_restarts_when_a_device_was_there(tmp_path: Path) -> None:
    runs, work, link = tmp_path / "runs", RecordingWork(), tmp_path / "modem"
    with running(str(link), work, reset_command=saying(runs)):
        eventually(lambda: work.state is PortState.ABSENT)
        with ScriptedModem(healthy()) as modem:
            link.symlink_to(modem.device)
            eventually(lambda: work.state is PortState.UP)
            runs.unlink(missing_ok=True)
            time.sleep(
                max(FAST.away_s)
            )  # longer than the time after which a missing device gets reset_command
            modem.answers["ATE0V1Q0"] = ScriptedModem.unplug
            modem.say(b"\r\nRDY\r\n")
            eventually(lambda: work.state is PortState.ABSENT)
        assert not runs.exists()


def test_a_reset_command_that_hangs_does_not_delay_another_port(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    program = ("sh", "-c", f"touch '{runs}'; exec sleep 60")
    sick = PortSettings(port=2, device=str(tmp_path / "nothing"), reset_command=program)
    stuck = Port(sick, RecordingWork(), submit_timeout_s=1, timing=replace(FAST, command_s=60.0))
    stuck.start()
    eventually(runs.exists)
    work = RecordingWork(*(part(number) for number in range(30)))
    with ScriptedModem(healthy()) as modem, running(modem.device, work):
        eventually(lambda: len(work.outcomes) == 30)
    stuck.stop()
    assert stuck.join(60)


def test_a_fault_of_one_port_does_not_delay_another() -> None:
    sick, well = RecordingWork(part()), RecordingWork(*(part(number) for number in range(30)))
    with (
        ScriptedModem(healthy({"PDU": b""})) as mute,
        ScriptedModem(healthy()) as modem,
        running(mute.device, sick, submit_timeout_s=30) as stuck,
        running(modem.device, well),
    ):
        eventually(lambda: len(well.outcomes) == 30 and mute.pdus)
        assert sick.outcomes == []
        mute.say(b"\r\n+CMGS: 1\r\n" + OK)
        eventually(lambda: sick.results == [Submitted(1)])
        stuck.stop()


def test_a_gateway_that_can_store_nothing_is_asked_again_and_no_outcome_is_lost() -> None:
    work = RecordingWork(part(1), part(2))

    def take(modem: ScriptedModem) -> None:
        work.full.set()
        ScriptedModem.take(modem)

    with ScriptedModem(healthy({"PDU": [take, ScriptedModem.take]})) as modem, running(modem.device, work):
        eventually(lambda: len(modem.pdus) == 1)
        time.sleep(0.05)
        assert work.outcomes == []
        work.full.clear()
        eventually(lambda: work.results == [Submitted(1), Submitted(2)])


def test_a_failing_gateway_does_not_end_the_thread() -> None:
    class Broken(RecordingWork):
        def next(self, status: PortStatus, outcome: object, reports: object = ()) -> object:  # type: ignore[override]
            if not self.claims:
                self.claims.append(status)
                raise RuntimeError("a fault of ours")
            return super().next(status, outcome, reports)  # type: ignore[arg-type]

    work = Broken(part())
    with ScriptedModem(healthy()) as modem, running(modem.device, work):  # type: ignore[arg-type]
        eventually(lambda: work.results == [Submitted(1)])


# Requests, stopping


def test_ask_puts_the_question_to_an_idle_modem() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.UP)
        before = modem.commands.count("AT")
        answer = port.ask().result(60)
        assert (answer.port, answer.ok, answer.busy) == (1, True, False)
        assert modem.commands.count("AT") > before
        modem.answers["AT"] = b"\r\nERROR\r\n"
        assert port.ask().result(60).ok is False
        modem.answers["AT"] = OK


def held(work: RecordingWork, modem: ScriptedModem) -> Callable[[], None]:
    """Let the modem hold a part, and wait until it is being submitted. Return the function that releases it."""
    eventually(lambda: modem.pdus)
    return lambda: modem.say(b"\r\n+CMGS: 1\r\n\r\nOK\r\n")


def test_ask_is_answered_at_once_while_a_part_is_being_submitted() -> None:
    work = RecordingWork(part())
    with (
        ScriptedModem(healthy({"PDU": b""})) as modem,
        running(modem.device, work, submit_timeout_s=30) as port,
    ):
        let_go = held(work, modem)
        answer = port.ask().result(60)
        assert (answer.ok, answer.busy) == (True, True)
        assert work.outcomes == []
        let_go()
        eventually(lambda: work.results == [Submitted(1)])
        assert work.outcomes[0].result == Submitted(1)


def test_stop_finishes_the_part_being_submitted_and_claims_no_other() -> None:
    work = RecordingWork(part(1), part(2))
    with (
        ScriptedModem(healthy({"PDU": b""})) as modem,
        running(modem.device, work, submit_timeout_s=30) as port,
    ):
        let_go = held(work, modem)
        port.stop()
        assert port.join(0.1) is False
        let_go()
        assert port.join(60)
        assert work.results == [Submitted(1)]
        assert len(work.orders) == 1
        assert work.state is PortState.STOPPED
        answer = port.ask().result(1)
        assert answer.ok is False


def test_stop_is_quick_whatever_the_port_is_doing(tmp_path: Path) -> None:
    work = RecordingWork()
    for device in (str(tmp_path / "absent"), "/dev/null"):
        with running(device, work) as port:
            eventually(lambda: work.state is PortState.ABSENT)
            port.stop()
            assert port.join(60)
    with ScriptedModem({"AT": b"", "ATQ0V1E0": b""}) as modem, running(modem.device, work) as port:
        eventually(lambda: "AT" in modem.commands)
        port.stop()
        assert port.join(60)


def test_no_descriptor_is_left_behind() -> None:
    work = RecordingWork(part())
    before = len(os.listdir("/proc/self/fd"))
    with ScriptedModem(healthy({"PDU": ScriptedModem.unplug})) as modem, running(modem.device, work):
        eventually(lambda: work.outcomes and work.state is PortState.ABSENT)
    assert len(os.listdir("/proc/self/fd")) == before


# Inbound messages


def test_a_stored_text_is_kept_and_then_deleted() -> None:
    work = RecordingWork()
    answers = healthy({"AT+CMGR": b"\r\n+CMGR: 0,,30\r\n" + DELIVER.encode() + b"\r\n" + OK})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        modem.say(b'\r\n+CMTI: "SM",3\r\n')
        eventually(lambda: "AT+CMGD=3" in modem.commands)
        assert len(work.texts) == 1
        assert not isinstance(work.texts[0], Unreadable)
        assert work.texts[0].sender == "+22234567890" or work.texts[0].sender.startswith("+222")


def test_a_text_is_not_deleted_before_the_gateway_has_stored_it() -> None:
    work = RecordingWork()
    answers = healthy({"AT+CMGR": b"\r\n+CMGR: 0,,30\r\n" + DELIVER.encode() + b"\r\n" + OK})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        work.full.set()
        modem.say(b'\r\n+CMTI: "SM",3\r\n')
        eventually(lambda: "AT+CMGR=3" in modem.commands)
        assert "AT+CMGD=3" not in modem.commands
        work.full.clear()
        eventually(lambda: "AT+CMGD=3" in modem.commands)
        assert len(work.texts) == 1


def test_stored_texts_are_read_and_malformed_ones_set_aside_once() -> None:
    listing = (
        b"\r\n+CMGL: 0,1,,30\r\n"
        + DELIVER.encode()
        + b"\r\n+CMGL: 1,0,,5\r\nFFFFZZ\r\n+CMGL: 2,3,,5\r\n00\r\n"
        + OK
    )
    work = RecordingWork()
    with ScriptedModem(healthy({"AT+CMGL": [listing, OK]})) as modem, running(modem.device, work):
        eventually(lambda: "AT+CMGD=1" in modem.commands)
        eventually(lambda: modem.commands.count("AT+CMGL=4") > 1)
        assert len(work.texts) == 2
        assert work.texts[1] == Unreadable("FFFFZZ", work.texts[1].reason)  # type: ignore[union-attr]
        assert "AT+CMGD=2" not in modem.commands  # an outgoing text that the gateway did not write


def test_a_text_that_cannot_be_deleted_is_handed_over_once() -> None:
    listing = b"\r\n+CMGL: 0,1,,30\r\n" + DELIVER.encode() + b"\r\n" + OK
    work = RecordingWork()
    answers = healthy({"AT+CMGL": listing, "AT+CMGD": b"\r\nERROR\r\n"})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: modem.commands.count("AT+CMGD=0") > 2)
        assert len(work.texts) == 1


def test_direct_texts_and_reports_are_handed_over_also_from_within_a_submission() -> None:
    def take(modem: ScriptedModem) -> None:
        modem.say(b"\r\n+CMGS: 1\r\n\r\n+CDS: 30\r\n" + REPORT.encode() + b"\r\n\r\n+CMT: ,30\r\n")
        time.sleep(0.03)
        modem.say(DELIVER.encode() + b"\r\n" + OK)

    work = RecordingWork(part())
    with ScriptedModem(healthy({"PDU": take})) as modem, running(modem.device, work):
        eventually(lambda: work.reports and work.texts)
    assert work.results == [Submitted(1)]
    assert work.reports[0].reference == 1
    assert work.reports_with_outcomes == 1


def test_a_report_that_cannot_be_stored_with_its_outcome_is_reported_again_once() -> None:
    work = RecordingWork(part(), part(2))

    def take(modem: ScriptedModem) -> None:
        if not work.refusals:
            work.full.set()
        modem.say(b"\r\n+CDS: 30\r\n" + REPORT.encode() + b"\r\n\r\n+CMGS: 1\r\n" + OK)

    with ScriptedModem(healthy({"PDU": take})) as modem, running(modem.device, work):
        eventually(lambda: work.refusals)
        assert work.reports == []
        work.full.clear()
        eventually(lambda: len(work.results) == 2)
    assert work.reports_with_outcomes == len(work.reports) == 2


def test_a_report_in_storage_is_read_and_deleted_there() -> None:
    work = RecordingWork()
    answers = healthy({"AT+CMGR": b"\r\n+CMGR: ,,30\r\n" + REPORT.encode() + b"\r\n" + OK})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        modem.say(b'\r\n+CDSI: "SR",1\r\n')
        eventually(lambda: "AT+CMGD=1" in modem.commands)
        assert work.reports[0].reference == 1
        assert 'AT+CPMS="SR"' in modem.commands


@pytest.mark.parametrize(
    "said",
    [
        '^SMMEMFULL: "SM"',
        "+SMSFULL",
        '+CIEV: "SMSFULL",1',
        '+CIEV: "MESSAGE",1',
        "+CIEV: 8,1",
        "+QIND: SMS DONE",
        "SMS Ready",
        "+CMTI: ?",
    ],
)
def test_a_urc_about_a_full_memory_causes_a_listing(said: str) -> None:
    work = RecordingWork()
    indicators = b'\r\n+CIND: ("battchg",(0-5)),("signal",(0-5)),("service",(0,1)),("sounder",(0,1)),'
    indicators += b'("message",(0,1)),("call",(0,1)),("roam",(0,1)),("smsfull",(0,1))\r\n' + OK
    listing = b"\r\n+CMGL: 0,1,,30\r\n" + DELIVER.encode() + b"\r\n" + OK
    timing = replace(FAST, list_s=30)  # the listing comes a second after the last one
    with (
        ScriptedModem(healthy({"AT+CIND=?": indicators})) as modem,
        running(modem.device, work, timing=timing),
    ):
        eventually(lambda: "AT+CMGL=4" in modem.commands and work.state is PortState.UP)
        modem.answers["AT+CMGL"] = [listing, OK]
        modem.say(b"\r\n+CIEV: 2,3\r\n")  # about the signal: no reason for a listing
        modem.say(f"\r\n{said}\r\n".encode())
        eventually(lambda: len(work.texts) == 1, timing.list_s / 2)


def test_many_urcs_about_a_full_memory_do_not_cause_many_listings() -> None:
    work = RecordingWork()
    with (
        ScriptedModem(healthy()) as modem,
        running(modem.device, work, timing=replace(FAST, list_s=30)) as port,
    ):
        eventually(lambda: "AT+CMGL=4" in modem.commands and work.state is PortState.UP)
        before = modem.commands.count("AT+CMGL=4")
        for _ in range(20):
            modem.say(b'\r\n^SMMEMFULL: "SM"\r\n')
            assert port.ask().result(60).ok
        assert modem.commands.count("AT+CMGL=4") <= before + 1


def test_the_memory_of_stored_reports_is_read_at_intervals() -> None:
    work = RecordingWork()
    answers = healthy(
        {
            "AT+CPMS=?": b'\r\n+CPMS: ("SM","SR"),("SM"),("SM")\r\n' + OK,
            "AT+CNMI": b"\r\n+CMS ERROR: 303\r\n",
            "AT+CNMI=2,1,0,2,0": OK,
        }
    )
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: modem.commands.count('AT+CPMS="SR"') == 1 and work.state is PortState.UP)
        modem.answers["AT+CMGL"] = [b"\r\n+CMGL: 1,0,,25\r\n" + REPORT.encode() + b"\r\n" + OK, OK]
        eventually(lambda: work.reports)
        eventually(lambda: "AT+CMGD=1" in modem.commands)
        eventually(lambda: modem.commands.count('AT+CPMS="SR"') > 2)


def test_a_pdu_that_was_garbled_on_the_line_is_read_once_more() -> None:
    listing = b"\r\n+CMGL: 0,1,,30\r\n" + DELIVER[:40].encode() + b"\xa7\r\n" + OK
    work = RecordingWork()
    answers = healthy(
        {"AT+CMGL": [listing, OK], "AT+CMGR": b"\r\n+CMGR: 1,,30\r\n" + DELIVER.encode() + b"\r\n" + OK}
    )
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: "AT+CMGD=0" in modem.commands)
        (text,) = work.texts
        assert not isinstance(text, Unreadable)


def test_an_empty_place_is_no_text() -> None:
    work = RecordingWork()
    with (
        ScriptedModem(healthy({"AT+CMGR": b"\r\n+CMGR: 0,,0\r\n" + OK})) as modem,
        running(modem.device, work),
    ):
        eventually(lambda: work.state is PortState.UP)
        modem.say(b'\r\n+CMTI: "SM",3\r\n')
        eventually(lambda: "AT+CMGR=3" in modem.commands)
        listed = modem.commands.count("AT+CMGL=4")
        eventually(lambda: modem.commands.count("AT+CMGL=4") > listed)
        assert work.texts == []


def test_a_refused_deletion_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    listing = b"\r\n+CMGL: 0,1,,30\r\nFFFFZZ\r\n+CMGL: 1,1,,30\r\n" + DELIVER.encode() + b"\r\n" + OK
    work = RecordingWork()
    full = b'\r\n+CPMS: "SM",9,10,"SM",9,10,"SM",9,10\r\n' + OK
    answers = healthy({"AT+CMGL": listing, "AT+CMGD": b"\r\n+CMS ERROR: 500\r\n", "AT+CPMS?": full})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: modem.commands.count("AT+CMGL=4") > 3)
    assert len(work.texts) == 2
    assert caplog.text.count("does not delete message 0") == 1
    assert caplog.text.count("9 of 10 places") == 1


def test_new_texts_are_read_from_the_memory_that_the_modem_reports() -> None:
    def list_messages(modem: ScriptedModem) -> None:
        chosen = [command for command in modem.commands if command.startswith('AT+CPMS="')][-1]
        text = b"\r\n+CMGL: 4,0,,30\r\n" + DELIVER.encode() if '"ME"' in chosen else b""
        modem.say(text + OK)

    work = RecordingWork()
    answers = healthy(
        {
            # The form with three memories was refused at that time, and the form with two leaves the third unchanged.
            'AT+CPMS="SM","SM","SM"': b"\r\n+CMS ERROR: 500\r\n",
            'AT+CPMS="SM","SM"': b"\r\n+CPMS: 0,10,0,10,1,50\r\n" + OK,
            'AT+CPMS="ME"': b"\r\n+CPMS: 1,50,0,10,1,50\r\n" + OK,
            # texts that are there at the start are read once; later looks find that they stay
            "AT+CPMS?": [
                b'\r\n+CPMS: "SM",0,10,"SM",0,10,"SM",0,10\r\n' + OK,
                b'\r\n+CPMS: "SM",0,10,"SM",0,10,"ME",1,50\r\n' + OK,
            ],
            "AT+CMGL": list_messages,
        }
    )
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.texts)
        eventually(lambda: "AT+CMGD=4" in modem.commands)


def test_a_memory_that_could_not_be_read_is_tried_again_until_it_was() -> None:
    other = SimpleNamespace(tries=0, chosen=False)

    def choose(modem: ScriptedModem) -> None:
        other.tries += 1
        other.chosen = other.tries > 2
        modem.say(OK if other.chosen else failing)

    def leave(modem: ScriptedModem) -> None:
        other.chosen = False
        modem.say(OK)

    def list_messages(modem: ScriptedModem) -> None:
        modem.say((b"\r\n+CMGL: 4,0,,30\r\n" + DELIVER.encode() if other.chosen else b"") + OK)

    work = RecordingWork()
    failing = b"\r\n+CMS ERROR: 500\r\n"
    answers = healthy(
        {
            "AT+CPMS=?": b'\r\n+CPMS: ("SM","ME"),("SM","ME"),("SM","ME")\r\n' + OK,
            "AT+CPMS": leave,
            'AT+CPMS="ME"': choose,
            'AT+CPMS="ME","ME","ME"': failing,
            "AT+CMGL": list_messages,
        }
    )
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.texts)
        listed = modem.commands.count("AT+CMGL=4")
        eventually(lambda: modem.commands.count("AT+CMGL=4") > listed + 2)
    assert other.tries == 3  # after it was read once, it is not read again


def test_a_direct_text_is_not_lost_when_the_port_stops() -> None:
    def stop(modem: ScriptedModem) -> None:
        port.stop()
        modem.say(
            b"\r\n+CDS: 30\r\n" + REPORT.encode() + b"\r\n\r\n+CMT: ,30\r\n" + DELIVER.encode() + b"\r\n"
        )
        modem.take()

    work = RecordingWork()
    with ScriptedModem(healthy({"PDU": stop})) as modem, running(modem.device, work) as port:
        work.give(part())
        port.wake()
        eventually(lambda: work.state is PortState.STOPPED)
    assert work.results == [Submitted(1)]
    assert (len(work.reports), len(work.texts)) == (1, 1)


def test_a_modem_that_stores_no_texts_passes_them_on_directly() -> None:
    work = RecordingWork()
    answers = healthy({"AT+CNMI": b"\r\n+CMS ERROR: 303\r\n", "AT+CNMI=2,2,0,1,0": OK})
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        modem.say(b"\r\n+CMT: ,30\r\n" + DELIVER.encode() + b"\r\n")
        eventually(lambda: len(work.texts) == 1)
        assert "AT+CNMA" not in modem.commands


# SIMs


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (b"\r\n+CPIN: SIM PUK\r\n" + OK, SimState.PUK_REQUIRED),
        (b"\r\n+CPIN: SIM PIN\r\n" + OK, SimState.PIN_REQUIRED),
        (b"\r\n+CME ERROR: 10\r\n", SimState.ABSENT),
        (b"\r\n+CME ERROR: SIM not inserted\r\n", SimState.ABSENT),
        (b"\r\n+CME ERROR: 13\r\n", SimState.FAILURE),
    ],
)
def test_a_sim_that_does_not_work_is_named_and_read_again(answer: bytes, state: SimState) -> None:
    work = RecordingWork(part())
    answers = healthy({"AT+CPIN?": answer})
    with ScriptedModem(answers) as modem, running(modem.device, work) as port:
        eventually(lambda: work.state is PortState.SICK)
        assert work.statuses[-1].active.sim is state
        assert port.ask().result(60).ok
        assert work.outcomes == []
        modem.answers["AT+CPIN?"] = b"\r\n+CPIN: READY\r\n" + OK
        eventually(lambda: work.results == [Submitted(1)])


def locked(attempts: bytes | None = None, *, right: bool = True) -> Answers:
    """Return the answers of a modem whose SIM asks for a PIN."""

    def unlock(modem: ScriptedModem) -> None:
        if right:
            modem.answers["AT+CPIN?"] = b"\r\n+CPIN: READY\r\n" + OK
            modem.say(OK)
        else:
            modem.say(b"\r\n+CME ERROR: 16\r\n")

    answers = healthy({"AT+CPIN?": b"\r\n+CPIN: SIM PIN\r\n" + OK, "AT+CPIN": unlock})
    if attempts is not None:
        answers["AT+CPINR"] = b"\r\n+CPINR: SIM PIN," + attempts + b",3\r\n" + OK
    return answers


def test_a_pin_unlocks_the_sim_and_is_sent_once() -> None:
    work = RecordingWork(part())
    with ScriptedModem(locked(b"3")) as modem, running(modem.device, work, pin="1234"):
        eventually(lambda: work.results == [Submitted(1)])
        assert modem.commands.count('AT+CPIN="1234"') == 1


def test_a_wrong_pin_is_tried_once_and_remembered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    work = RecordingWork()
    with ScriptedModem(locked(right=False)) as modem:
        for _ in range(2):
            work.statuses.clear()
            with running(modem.device, work, pin="1234"):
                eventually(lambda: work.state is PortState.SICK)
                assert work.statuses[-1].active.sim is SimState.PIN_REFUSED
                modem.commands.append("(here)")
                eventually(lambda: after(modem, "(here)").count("AT+CPIN?") > 2)
        assert modem.commands.count('AT+CPIN="1234"') == 1
    assert work.refused_pins == [(ICCID, 1, "1234")]
    assert "1234" not in caplog.text


def test_no_pin_is_tried_with_one_attempt_left() -> None:
    work = RecordingWork()
    with ScriptedModem(locked(b"1")) as modem, running(modem.device, work, pin="1234"):
        eventually(lambda: work.state is PortState.SICK)
        assert work.statuses[-1].active.sim is SimState.PIN_REFUSED
        assert 'AT+CPIN="1234"' not in modem.commands


def test_another_sim_in_the_slot_is_noticed() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        modem.answers["AT+CCID"] = b"\r\n+CCID: 8922301000000000025\r\n" + OK
        eventually(
            lambda: work.state is PortState.UP and work.statuses[-1].active.iccid == "8922301000000000025"
        )


def test_a_sim_keeps_its_name_though_its_answers_are_lost_on_the_line() -> None:
    work = RecordingWork()
    garbled = b"\r\n+CCID: 89223010\xb00000000017\r\n" + OK
    answer = b"\r\n+CCID: " + ICCID.encode() + b"\r\n" + OK
    with ScriptedModem(healthy({"AT+CCID": [garbled, answer]})) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
    assert {status.active.iccid for status in work.statuses} == {"", ICCID}


def test_a_sim_that_once_reported_its_number_keeps_its_name_without_it() -> None:
    work = RecordingWork()
    gone, silent = b"\r\n+CME ERROR: 10\r\n", b"\r\n+CME ERROR: 13\r\n"
    answers = healthy()
    with ScriptedModem(answers) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        modem.answers["AT+CPIN?"] = gone
        eventually(lambda: work.statuses[-1].active.sim is SimState.ABSENT)
        told = {command: modem.answers[command] for command in ("AT+CCID", "AT+CIMI", "AT+CPIN?")}
        modem.answers.update({"AT+CCID": silent, "AT+CIMI": silent, "AT+CPIN?": healthy()["AT+CPIN?"]})
        eventually(lambda: work.statuses[-1].active.sim is SimState.UNKNOWN)
        modem.answers["AT+CIMI"] = told["AT+CIMI"]  # enough to recognise the SIM
        eventually(lambda: work.state is PortState.UP)
    assert {status.active.iccid for status in work.statuses} == {"", ICCID}


def test_another_slot_command_is_tried_where_the_first_changes_nothing() -> None:
    def change(modem: ScriptedModem) -> None:
        slot = modem.commands[-1][-1]
        modem.answers["AT+CCID"] = b"\r\n+CCID: 892230100000000001" + slot.encode() + b"\r\n" + OK
        modem.answers["AT+CIMI"] = b"\r\n61002000000001" + slot.encode() + b"\r\n" + OK
        modem.say(OK)

    work = RecordingWork()
    answers = healthy({"AT+CGMI": b"\r\nQuectel\r\n" + OK, "AT+QUIMSLOT": OK, "AT+QDSIM": change})
    with ScriptedModem(answers) as modem, running(modem.device, work, slots=2) as port:
        eventually(lambda: work.state is PortState.UP and work.statuses[-1].slots[1].sim is SimState.READY)
        iccids = {slot.iccid for slot in work.statuses[-1].slots}
        assert len(iccids) == 2
        modem.commands.append("(here)")
        before = work.statuses[-1].active_slot
        work.give(Switch(3 - before))
        port.wake()
        eventually(lambda: work.statuses[-1].active_slot != before and work.state is PortState.UP)
        ways = [
            command for command in after(modem, "(here)") if command.startswith(("AT+QUIMSLOT", "AT+QDSIM"))
        ]
        assert ways[0].startswith("AT+QDSIM")  # the command that worked once is tried first


def test_a_known_sim_is_recognised_by_its_imsi_too() -> None:
    work = RecordingWork()
    with ScriptedModem(healthy()) as modem, running(modem.device, work):
        eventually(lambda: work.state is PortState.UP)
        modem.answers["AT+CCID"] = b"\r\nERROR\r\n"
        work.statuses.clear()
        modem.say(b"\r\nRDY\r\n")
        eventually(lambda: work.state is PortState.UP)
        assert work.statuses[-1].active.iccid == ICCID


# Slots


def test_every_slot_is_read_once_and_switched_by_order() -> None:
    orders: list[Submission | Switch] = [part(1), Switch(1), part(2), Switch(2), part(3)]
    work = RecordingWork(*orders)
    with ScriptedModem(two_slots()) as modem, running(modem.device, work, slots=2):
        eventually(lambda: len(work.outcomes) == 3)
        slots = work.statuses[-1].slots
        assert [slot.iccid for slot in slots] == ["8922301000000000011", "8922301000000000012"]
        assert modem.commands.count("AT+CSUS=0") == 2
        assert modem.commands.count("AT+CSUS=1") == 2
    sent_from = [claim.active_slot for claim in work.claims[:5]]
    assert sent_from == [2, 2, 1, 1, 2]


def test_an_empty_slot_does_not_stop_the_other() -> None:
    work = RecordingWork(part(), Switch(2), part(2))
    with ScriptedModem(two_slots(empty=2)) as modem, running(modem.device, work, slots=2):
        eventually(lambda: len(work.outcomes) == 2)
        status = work.statuses[-1]
        assert status.active_slot == 1
        assert status.slots[1].sim is SimState.ABSENT


def test_a_switch_that_leaves_the_same_sim_is_no_switch() -> None:
    work = RecordingWork()
    answers = healthy({"AT+SWITCH": OK})
    with (
        ScriptedModem(answers) as modem,
        running(modem.device, work, slots=2, slot_command="AT+SWITCH={slot}"),
    ):
        eventually(lambda: work.state is PortState.UP)
        assert "AT+SWITCH=2" in modem.commands
        status = work.statuses[-1]
        assert (status.active_slot, status.slots[1].sim) == (1, SimState.FAILURE)
