"""The port on simulated modems: what it says became of a part is what the network saw, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.settings import PortSettings
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.parts import InDoubt, Refused, Submission, Submitted, Via
from modem.port.interface import Switch, Unreadable
from modem.port.port import Port
from modem.port.session import Timing
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Fault
from modem.simulator.core.faults import ALWAYS
from modem.sms.tpdu import ReportKind
from tests.conftest import eventually
from tests.modem.recording_work import FAST, House, part

SCALE = 0.02  # a submission takes 60 ms, a minute 1.2 s


@contextmanager
def port_on(
    bank: Bank, house: House, number: int = 1, *, timing: Timing = FAST, **settings: object
) -> Iterator[Port]:
    """A port at work on one modem of a bank."""
    values = {"port": number, "device": str(bank.device(number)), **settings}
    port = Port(PortSettings.model_validate(values), house, submit_timeout_s=0.3, timing=timing)
    port.start()
    try:
        yield port
    finally:
        port.stop()
        assert port.join(10)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    """Two modems, the second with two slots."""
    with Bank(BankConfig(tmp_path / "bank", ports=2, slots_of={2: 2}, time_scale=SCALE)) as running:
        yield running


def parts(bank: Bank, count: int, first: int = 1) -> list[Submission]:
    """Parts with a text each of its own, to another modem of the bank."""
    return [part(number, f"text {number}", bank.number(2)) for number in range(first, first + count)]


def check(bank: Bank, house: House) -> None:
    """What was told of each part is what the network saw of it."""
    seen = [accepted.text for accepted in bank.accepted()]
    for outcome in house.outcomes:
        times = seen.count(outcome.submission.segment.text)
        if isinstance(outcome.result, Submitted):
            assert times == 1, outcome
        elif isinstance(outcome.result, Refused):
            assert times == 0, outcome
        else:
            assert times <= 1, outcome


@pytest.mark.parametrize("settings", [{}, {"submit_via": "storage"}], ids=["direct", "storage"])
def test_a_modem_that_loses_what_comes_too_fast_is_given_it_slowly(
    bank: Bank, settings: dict[str, Any]
) -> None:
    bank.fault(1, Fault.OVERRUN, ALWAYS)
    via = Via.STORAGE if settings else Via.DIRECT
    long = [replace(part(number, f"text {number} " * 12, bank.number(2)), via=via) for number in (1, 2)]
    house = House(*long)
    with port_on(bank, house, **settings):
        eventually(lambda: len(house.outcomes) == 2)
    assert all(isinstance(result, Submitted) for result in house.results)
    check(bank, house)
    assert bank.happened()["overrun"] == 2  # the first try of each


def test_answers_in_odd_forms_are_read(bank: Bank) -> None:
    for fault in (Fault.ODD_FORM, Fault.CHARSET_REFUSED):
        bank.fault(1, fault, ALWAYS)
    house = House(*parts(bank, 1))
    with port_on(bank, house):
        eventually(lambda: len(house.outcomes) == 1 and house.statuses[-1].network_time)
        slot = house.statuses[-1].active
    assert (slot.registration, slot.number) == (Registration.HOME, bank.number(1))
    assert slot.operator == bank.slots(1)[0].operator.name
    assert slot.has_smsc is None
    check(bank, house)


def test_a_clock_that_stands_tells_no_time(bank: Bank) -> None:
    bank.fault(1, Fault.CLOCK_STANDS, ALWAYS)
    with port_on(bank, house := House()):
        eventually(lambda: any(status.network_time for status in house.statuses))
        eventually(lambda: house.statuses[-1].network_time is None)


def test_a_modem_that_is_locked_says_so_until_it_is_not(bank: Bank) -> None:
    bank.fault(1, Fault.MODEM_LOCKED, ALWAYS)
    house = House(*parts(bank, 1))
    with port_on(bank, house):
        eventually(lambda: house.state is PortState.SICK)
        assert house.statuses[-1].active.sim is SimState.MODEM_LOCKED
        bank.calm()
        eventually(lambda: len(house.outcomes) == 1)
    check(bank, house)


def test_a_refusal_in_words_keeps_them(bank: Bank) -> None:
    bank.fault(1, Fault.REFUSED_WORDS)
    house = House(*parts(bank, 1))
    with port_on(bank, house):
        eventually(lambda: len(house.outcomes) == 1)
    [refused] = house.results
    assert isinstance(refused, Refused)
    assert "no credit left" in refused.cause.told


def test_parts_are_sent_reported_and_received(bank: Bank) -> None:
    sender, receiver = House(*parts(bank, 5)), House()
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
    house = House(Switch(1), first, Switch(2), second, Switch(1), third)
    with port_on(bank, house, 2, slots=2):
        eventually(lambda: len(house.outcomes) == 3)
    senders = [accepted.iccid for accepted in bank.accepted()]
    assert senders == [bank.iccid(2, 1), bank.iccid(2, 2), bank.iccid(2, 1)]
    assert [slot.number for slot in house.statuses[-1].slots] == [bank.number(2, 1), bank.number(2, 2)]
    assert house.statuses[-1].switches == 5  # to each slot at the start, and as it was told
    assert house.statuses[-1].switch_s > 0


def test_a_locked_sim_is_opened(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=SCALE, pin="4321")) as bank:
        house = House(*parts(bank, 1))
        with port_on(bank, house, pin="4321"):
            eventually(lambda: len(house.outcomes) == 1)
        assert isinstance(house.results[0], Submitted)


def test_a_wrong_pin_leaves_attempts(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=1, time_scale=SCALE, pin="4321")) as bank:
        house = House()
        with port_on(bank, house, pin="1111"):
            eventually(lambda: house.state is PortState.SICK)
            assert house.statuses[-1].active.sim is SimState.PIN_REFUSED
        assert len(house.refused_pins) == 1


def test_a_device_that_goes_and_comes_back_is_used_again(bank: Bank) -> None:
    house = House()
    with port_on(bank, house) as port:
        eventually(lambda: house.state is PortState.UP)
        bank.unplug(1)
        eventually(lambda: house.state is PortState.ABSENT)
        bank.replug(1)
        house.give(*parts(bank, 1))
        port.wake()
        eventually(lambda: len(house.outcomes) == 1)
    assert isinstance(house.results[0], Submitted)


@pytest.mark.parametrize("fault", list(Fault))
def test_each_fault_is_survived_and_told_as_it_was(bank: Bank, fault: Fault) -> None:
    house = House(*parts(bank, 1))
    with port_on(bank, house) as port:
        eventually(lambda: len(house.outcomes) == 1)
        bank.fault(1, fault, 2 if fault is Fault.SIM_BUSY else 1)
        house.give(*parts(bank, 3, first=2))
        port.wake()
        eventually(lambda: len(house.outcomes) == 4)
        check(bank, house)
        if fault is Fault.NOT_READY and isinstance(house.results[-1], Refused):
            house.give(
                *parts(bank, 1, first=5)
            )  # the last one was claimed just when the modem began to refuse
            port.wake()
            eventually(lambda: len(house.outcomes) == 5)
        assert isinstance(house.results[-1], Submitted)
        if fault in (Fault.SILENT_TAKEN, Fault.SILENT_LOST, Fault.RESET_AFTER):
            assert isinstance(house.results[1], InDoubt)


def test_everything_at_once_loses_nothing(tmp_path: Path) -> None:
    count = 24
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=0.01, seed=7)) as bank:
        house = House(*parts(bank, count))
        faults = bank.modem(1).faults

        def arm() -> None:
            faults.rates.update({fault: 0.01 for fault in Fault if fault is not Fault.DEAF})

        bank.call(arm)
        with port_on(bank, house):
            eventually(lambda: len(house.outcomes) == count, 50)
        check(bank, house)
        assert [outcome.submission.message_id for outcome in house.outcomes] == list(range(1, count + 1))
        # How many end in doubt depends on the machine's load, too: an answer that comes late is no answer.
        assert sum(isinstance(result, Submitted) for result in house.results) > count / 4
