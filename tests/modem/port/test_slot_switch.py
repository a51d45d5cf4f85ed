"""A text, a report or a late reference that comes during a switch of slots belongs to the SIM that it came for."""

from __future__ import annotations

import pytest

from modem.parts import Submitted
from modem.port.interface import Switch, Unreadable
from modem.port.status import PortState, PortStatus
from modem.sms.tpdu import Deliver, StatusReport
from tests.conftest import eventually
from tests.modem.healthy_modem import DELIVER, OK, REPORT, two_slots
from tests.modem.recording_work import RecordingWork, part
from tests.modem.running_port import running
from tests.modem.scripted_modem import ScriptedModem

FIRST, SECOND = "8922301000000000011", "8922301000000000012"
CDS = b"\r\n+CDS: 25\r\n" + REPORT.encode() + b"\r\n"
CMT = b"\r\n+CMT: ,25\r\n" + DELIVER.encode() + b"\r\n"
LATE = b"\r\n+CMGS: 77\r\n"
SEARCHES, REGISTERED = b"\r\n+CREG: 2\r\n", b"\r\n+CREG: 1\r\n"


class Attributing(RecordingWork):
    """Records for which SIM each report, text and late reference was handed over."""

    def __init__(self) -> None:
        super().__init__()
        self.sims: list[str] = []

    def reported(self, status: PortStatus, report: StatusReport) -> None:
        self.sims.append(status.active.iccid)
        super().reported(status, report)

    def received(self, status: PortStatus, text: Deliver | Unreadable) -> None:
        self.sims.append(status.active.iccid)
        super().received(status, text)

    def told_late(self, status: PortStatus, reference: int | None) -> None:
        self.sims.append(status.active.iccid)
        super().told_late(status, reference)


def switched(command: str, before: bytes = b"", after: bytes = b"") -> Attributing:
    """Switch from slot 2 to slot 1, where one command is answered with these bytes around its OK, in one write."""
    work = Attributing()
    with ScriptedModem(two_slots()) as modem, running(modem.device, work, slots=2) as port:
        eventually(lambda: work.state is PortState.UP)
        assert work.statuses[-1].active_slot == 2

        def answer(modem: ScriptedModem) -> None:
            if command == "AT+CSUS=0":
                modem.answers["AT+CCID"] = b"\r\n+CCID: " + FIRST.encode() + b"\r\n" + OK
            modem.say(before + OK + after)

        modem.answers[command] = answer
        work.give(Switch(1))
        port.wake()
        eventually(lambda: work.statuses[-1].active_slot == 1 and work.state is PortState.UP)
        eventually(lambda: work.sims)
        work.give(part())
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])
    return work


AROUND = {
    "before the slot command": ("AT+CFUN=4", True),
    "before its answer": ("AT+CSUS=0", True),
    "after its OK": ("AT+CSUS=0", False),
    "before the new SIM is registered": ("AT+CFUN=1", False),
}


@pytest.mark.parametrize(("command", "before"), AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("came", [CDS, CMT, LATE], ids=["report", "text", "late reference"])
def test_before_the_new_sim_is_registered_all_belongs_to_the_sim_before(
    came: bytes, command: str, before: bool
) -> None:
    work = switched(command, came, b"") if before else switched(command, b"", came)
    assert work.sims == [SECOND]


@pytest.mark.parametrize("came", [CDS, CMT], ids=["report", "text"])
def test_after_the_new_sim_is_registered_all_belongs_to_it(came: bytes) -> None:
    assert switched("AT+CFUN=1", b"", SEARCHES + REGISTERED + came).sims == [FIRST]


def test_one_read_is_divided_at_the_registration() -> None:
    assert switched("AT+CFUN=1", b"", CDS + SEARCHES + REGISTERED + CMT).sims == [SECOND, FIRST]


@pytest.mark.parametrize("came", [CDS, CMT], ids=["report", "text"])
def test_a_registration_before_the_switch_is_not_the_new_sims(came: bytes) -> None:
    class Spoken(Attributing):
        """The modem says something right before the switch, when the port has begun it."""

        def status(self, status: PortStatus) -> None:
            super().status(status)
            if status.detail.startswith("Slot 1 is being made") and status.active_slot == 2:
                modem.say(REGISTERED + came)

    work = Spoken()
    with ScriptedModem(two_slots()) as modem, running(modem.device, work, slots=2) as port:
        eventually(lambda: work.state is PortState.UP)
        work.give(Switch(1))
        port.wake()
        eventually(lambda: work.sims)
    assert work.sims == [SECOND]


def test_a_late_reference_is_the_sims_that_submitted_even_after_the_registration() -> None:
    assert switched("AT+CFUN=1", b"", SEARCHES + REGISTERED + LATE).sims == [SECOND]


@pytest.mark.parametrize("memory", ["ME", "SM"])
def test_a_stored_text_that_was_announced_before_the_switch_belongs_to_the_sim_before(memory: str) -> None:
    work = Attributing()
    with ScriptedModem(two_slots()) as modem, running(modem.device, work, slots=2) as port:
        eventually(lambda: work.state is PortState.UP)

        def delete(modem: ScriptedModem) -> None:
            modem.answers["AT+CMGR=4"] = b"\r\n+CMS ERROR: 321\r\n"
            modem.say(OK)

        modem.answers["AT+CMGR=4"] = b"\r\n+CMGR: 0,,25\r\n" + DELIVER.encode() + b"\r\n" + OK
        modem.answers["AT+CMGD=4"] = delete
        modem.answers["AT+CFUN=4"] = b'\r\n+CMTI: "%s",4\r\n' % memory.encode() + OK
        work.give(Switch(1), part())
        port.wake()
        eventually(lambda: work.results == [Submitted(1)])
        if memory == "ME":
            eventually(lambda: work.sims and "AT+CMGD=4" in modem.commands)
        read = "AT+CMGR=4" in modem.commands
    assert (work.sims, read) == (([SECOND], True) if memory == "ME" else ([], False))


@pytest.mark.parametrize("came", [CDS, CMT], ids=["report", "text"])
def test_during_the_first_look_at_both_slots_all_belongs_to_the_sim_before(came: bytes) -> None:
    work = Attributing()
    with ScriptedModem(two_slots()) as modem:
        change = modem.answers["AT+CSUS=1"]
        assert callable(change)

        def answer(modem: ScriptedModem) -> None:
            modem.say(came)
            change(modem)

        modem.answers["AT+CSUS=1"] = answer
        with running(modem.device, work, slots=2):
            eventually(lambda: work.sims)
    assert work.sims == [FIRST]
