"""The restart of the search for a network: its stages, their order, and the reasons against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modem.driver.registration import Registration
from modem.parts import Submitted
from modem.port.conditions import Condition
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig
from modem.simulator.core.radio import Cure
from tests.conftest import eventually
from tests.modem.healthy_modem import OK, Answers, after, healthy
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import SCALE, port_on, running
from tests.modem.scripted_modem import ScriptedModem

SOON = replace(FAST, refresh_s=0.05, search_s=0.02, anew_s=(0.15, 0.25, 0.4))
LOST = b"\r\n+CREG: 1,2\r\n" + OK
STAGES = ("AT+COPS=0", "AT+CFUN=4", "AT+CFUN=1", "AT+CFUN=1,1")


def lost(more: Answers | None = None) -> Answers:
    """Return the answers of a modem with signal and without network that accepts every stage."""
    return healthy({"AT+CREG?": LOST, "AT+CFUN": OK, **(more or {})})


def stages(modem: ScriptedModem) -> list[str]:
    return [command for command in modem.commands.copy() if command in STAGES]


def passed(modem: ScriptedModem, times: int = 30) -> None:
    """Wait until the registration was read so often that every stage would have come."""
    modem.commands.append("(here)")
    eventually(lambda: after(modem, "(here)").count("AT+CREG?") >= times)


def test_each_stage_comes_once_in_order_and_is_published() -> None:
    work = RecordingWork()
    with ScriptedModem(lost()) as modem, running(modem.device, work, timing=SOON):
        eventually(lambda: len(stages(modem)) == 4)
        eventually(lambda: work.state is PortState.UP)
        passed(modem)
        assert stages(modem) == list(STAGES)
        status = work.statuses[-1]
        assert status.conditions == (Condition.REGISTRATION_RESTARTED,)
        assert "was restarted" in status.detail
        modem.answers["AT+CREG?"] = b"\r\n+CREG: 1,1\r\n" + OK
        eventually(lambda: work.statuses[-1].conditions == () and work.statuses[-1].detail == "Ready.")


def test_nothing_is_done_before_its_time() -> None:
    work = RecordingWork()
    later = replace(SOON, anew_s=(0.15, 3600.0, 7200.0))
    with ScriptedModem(lost()) as modem, running(modem.device, work, timing=later):
        passed(modem)
        assert stages(modem) == ["AT+COPS=0"]


def test_after_a_success_the_stages_begin_again() -> None:
    def found(modem: ScriptedModem) -> None:
        modem.answers["AT+CREG?"] = b"\r\n+CREG: 1,5\r\n" + OK
        modem.say(OK)

    work = RecordingWork()
    with ScriptedModem(lost({"AT+COPS=0": found})) as modem, running(modem.device, work, timing=SOON):
        for times in (1, 2, 3):
            eventually(lambda times=times: stages(modem) == ["AT+COPS=0"] * times)  # type: ignore[misc]
            eventually(lambda: work.statuses[-1].active.registration is Registration.ROAMING)
            eventually(lambda: not work.statuses[-1].conditions)
            modem.answers["AT+CREG?"] = LOST


def test_a_stage_that_helps_is_the_last_and_sending_continues() -> None:
    def radio(modem: ScriptedModem) -> None:
        modem.answers["AT+CREG?"] = b"\r\n+CREG: 1,1\r\n" + OK
        modem.say(OK)

    work = RecordingWork(part())
    with ScriptedModem(lost({"AT+CFUN=1": radio})) as modem, running(modem.device, work, timing=SOON):
        eventually(lambda: work.results == [Submitted(1)])
        assert stages(modem) == ["AT+COPS=0", "AT+CFUN=4", "AT+CFUN=1"]


@pytest.mark.parametrize(
    "against",
    [
        {"AT+CREG?": b"\r\n+CREG: 1,3\r\n" + OK},
        {"AT+CEREG?": b"\r\n+CEREG: 1,3\r\n" + OK},  # for one domain only
        {"AT+CGREG?": b"\r\n+CGREG: 0,3\r\n" + OK, "AT+CREG?": b"\r\n+CREG: 1,0\r\n" + OK},
        {"AT+CREG?": b"\r\n+CREG: 1,8\r\n" + OK},
        {"AT+COPS?": b'\r\n+COPS: 1,0,"Orange ML"\r\n' + OK},
        {"AT+COPS?": b'\r\n+COPS: 1,2,"61002",7\r\n' + OK},
        {"AT+COPS?": b"\r\n+COPS: 1\r\n" + OK},
        {"AT+COPS?": b"\r\n+COPS: 4\r\n" + OK},
        {"AT+COPS?": b"\r\n+CME ERROR: 30\r\n"},  # a person may have chosen the operator
        {"AT+CSQ": b"\r\n+CSQ: 3,99\r\n" + OK},
        {"AT+CSQ": b"\r\n+CSQ: 99,99\r\n" + OK},
    ],
)
def test_nothing_is_done_against_the_network_a_person_or_without_signal(against: Answers) -> None:
    work = RecordingWork()
    with ScriptedModem(lost(against)) as modem, running(modem.device, work, timing=SOON):
        passed(modem)
        assert stages(modem) == []
        modem.answers.update({key: lost()[key] for key in against})
        eventually(lambda: len(stages(modem)) == 4)


@pytest.mark.parametrize("mode", [b"+COPS: 0", b"+COPS: 2", b'+COPS: 0,0,"Orange ML",7'])
def test_the_search_restarts_where_no_person_chose_the_operator(mode: bytes) -> None:
    work = RecordingWork()
    answers = lost({"AT+COPS?": b"\r\n" + mode + b"\r\n" + OK})
    with ScriptedModem(answers) as modem, running(modem.device, work, timing=SOON):
        eventually(lambda: stages(modem)[:1] == ["AT+COPS=0"])


def test_nothing_is_done_while_a_part_is_being_submitted_or_its_outcome_is_not_settled() -> None:
    def lose(modem: ScriptedModem) -> None:
        modem.answers["AT+CREG?"] = LOST
        work.full.set()
        modem.say(b"\r\n+CREG: 2\r\n\r\n+CMGS: 1\r\n\r\nOK\r\n")

    work = RecordingWork(part())
    with (
        ScriptedModem(healthy({"PDU": lose, "AT+CFUN": OK})) as modem,
        running(modem.device, work, timing=SOON),
    ):
        eventually(lambda: work.refusals > 0)
        passed(modem)
        assert stages(modem) == []
        work.full.clear()
        eventually(lambda: stages(modem)[:1] == ["AT+COPS=0"])
        assert work.results == [Submitted(1)]


def test_nothing_is_done_while_the_modem_may_be_busy_with_an_older_part() -> None:
    work = RecordingWork()
    work.busy = 60.0
    with ScriptedModem(lost()) as modem, running(modem.device, work, timing=SOON):
        passed(modem)
        assert stages(modem) == []
        work.busy = 0.0
        eventually(lambda: stages(modem)[:1] == ["AT+COPS=0"])


def test_a_port_stops_at_once_while_its_modem_searches() -> None:
    work = RecordingWork()
    silent: Answers = {"AT+COPS=0": b""}
    slow = replace(SOON, commands=replace(SOON.commands, search_s=60.0))
    with ScriptedModem(lost(silent)) as modem, running(modem.device, work, timing=slow) as port:
        eventually(lambda: stages(modem) == ["AT+COPS=0"])
        port.stop()
        assert port.join(30)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=SCALE)) as running:
        yield running


@pytest.mark.parametrize("cure", list(Cure))
def test_a_modem_that_stopped_searching_searches_again(bank: Bank, cure: Cure) -> None:
    work = RecordingWork()
    with port_on(bank, work, timing=SOON) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.stop_searching(1, cure)
        eventually(lambda: not work.statuses[-1].active.registration.carries_sms)
        work.give(part(1, "text 1", bank.number(2)))
        port.wake()
        eventually(lambda: len(work.outcomes) == 1)
        eventually(lambda: work.statuses[-1].conditions == ())
    assert isinstance(work.results[0], Submitted)
