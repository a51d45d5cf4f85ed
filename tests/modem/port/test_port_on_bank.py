"""A port on simulated modems: each outcome agrees with the network, whatever fault happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.parts import InDoubt, Refused, Submission, Submitted, Via
from modem.port.interface import Switch, Unreadable
from modem.port.port import Port
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Fault
from modem.simulator.core.faults import ALWAYS
from modem.sms.tpdu import ReportKind
from tests.conftest import WAIT_S, eventually
from tests.modem.recording_work import RecordingWork, part
from tests.modem.running_port import LOST_AFTER_S, SCALE, port_on


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    """A bank of two modems, the second with two slots."""
    with Bank(BankConfig(tmp_path / "bank", ports=2, slots_of={2: 2}, time_scale=SCALE)) as running:
        yield running


def parts(bank: Bank, count: int, first: int = 1) -> list[Submission]:
    """Return parts with different texts, to another modem of the bank."""
    return [part(number, f"text {number}", bank.number(2)) for number in range(first, first + count)]


def check(bank: Bank, work: RecordingWork) -> None:
    """Check that each outcome agrees with what the network accepted."""
    seen = [accepted.text for accepted in bank.accepted()]
    for outcome in work.outcomes:
        times = seen.count(outcome.submission.segment.text)
        if isinstance(outcome.result, Submitted):
            assert times == 1, outcome
        elif isinstance(outcome.result, Refused):
            assert times == 0, outcome
        else:
            assert times <= 1, outcome


@pytest.mark.parametrize("settings", [{}, {"submit_via": "storage"}], ids=["direct", "storage"])
def test_a_modem_that_loses_octets_gets_the_pdu_slowly(bank: Bank, settings: dict[str, Any]) -> None:
    bank.fault(1, Fault.OVERRUN, ALWAYS)
    via = Via.STORAGE if settings else Via.DIRECT
    long = [replace(part(number, f"text {number} " * 12, bank.number(2)), via=via) for number in (1, 2)]
    work = RecordingWork(*long)
    with port_on(bank, work, **settings):
        eventually(lambda: len(work.outcomes) == 2)
    assert all(isinstance(result, Submitted) for result in work.results)
    check(bank, work)
    assert bank.happened()["overrun"] == 2  # at the first try of each part


def test_answers_in_unusual_forms_are_read(bank: Bank) -> None:
    for fault in (Fault.ODD_FORM, Fault.CHARSET_REFUSED):
        bank.fault(1, fault, ALWAYS)
    work = RecordingWork(*parts(bank, 1))
    with port_on(bank, work):
        eventually(lambda: len(work.outcomes) == 1 and work.statuses[-1].network_time)
        slot = work.statuses[-1].active
    assert (slot.registration, slot.number) == (Registration.HOME, bank.number(1))
    assert slot.operator == bank.slots(1)[0].operator.name
    assert slot.has_smsc is None
    check(bank, work)


def test_a_stopped_clock_gives_no_time(bank: Bank) -> None:
    bank.fault(1, Fault.CLOCK_STANDS, ALWAYS)
    with port_on(bank, work := RecordingWork()):
        eventually(lambda: any(status.network_time for status in work.statuses))
        eventually(lambda: work.statuses[-1].network_time is None)


def test_a_locked_modem_is_named_until_it_is_unlocked(bank: Bank) -> None:
    bank.fault(1, Fault.MODEM_LOCKED, ALWAYS)
    work = RecordingWork(*parts(bank, 1))
    with port_on(bank, work):
        eventually(lambda: work.state is PortState.SICK)
        assert work.statuses[-1].active.sim is SimState.MODEM_LOCKED
        bank.calm()
        eventually(lambda: len(work.outcomes) == 1)
    check(bank, work)


def test_the_vendors_text_of_a_refusal_is_kept(bank: Bank) -> None:
    bank.fault(1, Fault.REFUSED_WORDS)
    work = RecordingWork(*parts(bank, 1))
    with port_on(bank, work):
        eventually(lambda: len(work.outcomes) == 1)
    [refused] = work.results
    assert isinstance(refused, Refused)
    assert "no credit left" in refused.cause.text


def test_parts_are_sent_reported_and_received(bank: Bank) -> None:
    sender, receiver = RecordingWork(*parts(bank, 5)), RecordingWork()
    with port_on(bank, sender), port_on(bank, receiver, 2):
        eventually(lambda: len(sender.reports) == 5 and len(receiver.texts) == 5)
    assert all(isinstance(result, Submitted) for result in sender.results)
    assert {report.reference for report in sender.reports} == {
        result.reference for result in sender.results if isinstance(result, Submitted)
    }
    assert {report.kind for report in sender.reports} == {ReportKind.DELIVERED}
    texts = [text.text for text in receiver.texts if not isinstance(text, Unreadable)]
    assert sorted(texts) == [f"text {number}" for number in range(1, 6)]
    check(bank, sender)


def test_both_slots_send(bank: Bank) -> None:
    first, second, third = (part(number, f"text {number}", bank.number(1)) for number in (1, 2, 3))
    work = RecordingWork(Switch(1), first, Switch(2), second, Switch(1), third)
    with port_on(bank, work, 2, slots=2):
        eventually(lambda: len(work.outcomes) == 3)
    senders = [accepted.iccid for accepted in bank.accepted()]
    assert senders == [bank.iccid(2, 1), bank.iccid(2, 2), bank.iccid(2, 1)]
    assert [slot.number for slot in work.statuses[-1].slots] == [bank.number(2, 1), bank.number(2, 2)]
    assert work.statuses[-1].switches == 5  # to each slot at the start, and three by order
    assert work.statuses[-1].switch_s > 0


def test_a_locked_sim_is_unlocked(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=SCALE, pin="4321")) as bank:
        work = RecordingWork(*parts(bank, 1))
        with port_on(bank, work, pin="4321"):
            eventually(lambda: len(work.outcomes) == 1)
        assert isinstance(work.results[0], Submitted)


def test_a_wrong_pin_leaves_attempts(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=1, time_scale=SCALE, pin="4321")) as bank:
        work = RecordingWork()
        with port_on(bank, work, pin="1111"):
            eventually(lambda: work.state is PortState.SICK)
            assert work.statuses[-1].active.sim is SimState.PIN_REFUSED
        assert len(work.refused_pins) == 1


def test_a_device_that_goes_and_comes_back_is_used_again(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: work.state is PortState.UP)
        bank.unplug(1)
        eventually(lambda: work.state is PortState.ABSENT)
        bank.replug(1)
        work.give(*parts(bank, 1))
        port.wake()
        eventually(lambda: len(work.outcomes) == 1)
    assert isinstance(work.results[0], Submitted)


@pytest.mark.parametrize("fault", list(Fault))
def test_after_each_fault_the_port_works_and_its_outcome_is_true(bank: Bank, fault: Fault) -> None:
    work = RecordingWork(*parts(bank, 1))
    with port_on(bank, work, submit_timeout_s=LOST_AFTER_S) as port:
        eventually(lambda: len(work.outcomes) == 1)
        bank.fault(1, fault, 2 if fault is Fault.SIM_BUSY else 1)
        work.give(*parts(bank, 3, first=2))
        port.wake()
        eventually(lambda: len(work.outcomes) == 4)
        check(bank, work)
        if fault in (Fault.NOT_READY, Fault.REGISTRATION_LOST, Fault.REGISTRATION_DENIED):
            eventually(partial(_sends_again, bank, work, port))
        assert isinstance(work.results[-1], Submitted)
        if fault in (Fault.SILENT_TAKEN, Fault.SILENT_LOST, Fault.RESET_AFTER):
            assert isinstance(work.results[1], InDoubt)


def _sends_again(bank: Bank, work: RecordingWork, port: Port) -> bool:
    """Whether the last part was sent; if not, give one more: what is claimed before the port notices is refused too."""
    if isinstance(work.results[-1], Submitted):
        return True
    count = len(work.outcomes) + 1
    work.give(*parts(bank, 1, first=count))
    port.wake()
    eventually(lambda: len(work.outcomes) == count)
    return False


def test_everything_at_once_loses_nothing(tmp_path: Path) -> None:
    count = 12
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=0.01, seed=7)) as bank:
        work = RecordingWork(*parts(bank, count))
        faults = bank.modem(1).faults

        def arm() -> None:
            faults.rates.update({fault: 0.006 for fault in Fault if fault is not Fault.DEAF})

        bank.call(arm)
        with port_on(bank, work, submit_timeout_s=0.3) as port:
            # On a busy machine, answers miss their time limits and the modem is set up more often.
            eventually(lambda: len(work.outcomes) == count, 2 * WAIT_S)
            bank.calm()
            work.give(*parts(bank, 1, first=count + 1))
            port.wake()
            eventually(lambda: len(work.outcomes) == count + 1)
        check(bank, work)
        assert [outcome.submission.message_id for outcome in work.outcomes] == list(range(1, count + 2))
        assert any(isinstance(result, Submitted) for result in work.results)
