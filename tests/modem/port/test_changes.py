"""A running port that is paused, resumed, restarted, given other settings, and ended for good."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import PortSettings
from modem.at.serial_port import open_device
from modem.at.transcript import Watcher
from modem.parts import Submitted
from modem.port.port import Port
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig
from tests.conftest import eventually
from tests.modem.port.test_held_line import RecordingLineStore
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import SCALE, port_on, running


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    with Bank(BankConfig(tmp_path / "bank", ports=2, slots_of={2: 2}, time_scale=SCALE)) as running:
        yield running


def is_up(work: RecordingWork) -> bool:
    return work.state is PortState.UP and work.statuses[-1].active.registration.carries_sms


def test_a_paused_port_leaves_its_device_to_others_and_sends_again_when_resumed(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: is_up(work))
        port.pause()
        eventually(lambda: work.state is PortState.PAUSED)
        open_device(str(bank.device(1)), 115_200).close()  # raises where the port holds its lock
        work.give(part(1, "waits", bank.number(2)))
        port.wake()
        asked = port.ask().result(10)
        assert not asked.ok
        assert "resume" in asked.detail
        assert work.outcomes == []
        port.resume()
        eventually(lambda: len(work.outcomes) == 1)
    assert isinstance(work.results[0], Submitted)


def test_the_part_in_the_air_is_finished_and_settled_before_the_pause(bank: Bank) -> None:
    bank.hold(1, "+CMGS")
    work = RecordingWork(*(part(number, f"text {number}", bank.number(2)) for number in (1, 2)))
    with port_on(bank, work) as port:
        eventually(lambda: work.statuses and work.statuses[-1].busy)
        port.pause()
        assert not port.ask().result(10).detail.startswith("The port is paused")
        bank.release(1)
        eventually(lambda: work.state is PortState.PAUSED and work.outcomes)
        assert isinstance(work.results[0], Submitted)
    assert [taken.text for taken in bank.accepted()] == ["text 1"]


def test_a_port_may_begin_paused_and_is_stopped_in_that_state(bank: Bank) -> None:
    work = RecordingWork()
    settings = PortSettings(port=1, device=str(bank.device(1)))
    port = Port(settings, work, submit_timeout_s=1, timing=FAST, paused=True)
    port.start()
    eventually(lambda: work.state is PortState.PAUSED)
    port.stop()
    assert port.join(10)
    assert PortState.STARTING not in {status.state for status in work.statuses}


def test_a_restart_by_order_restarts_the_modem_and_is_no_trouble(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: is_up(work))
        port.watch(watcher := Watcher())
        port.restart_modem()
        eventually(lambda: any("as an operator ordered" in status.detail for status in work.statuses))
        eventually(lambda: is_up(work))
        said = [line.text for line in watcher.take(10)[0]]
        assert any(text.startswith("AT+CFUN=1,1") for text in said), said
    assert PortState.SICK not in {status.state for status in work.statuses}


def test_other_settings_are_used_without_a_new_thread(bank: Bank) -> None:
    work = RecordingWork()
    with port_on(bank, work) as port:
        eventually(lambda: is_up(work))
        iccid = work.statuses[-1].active.iccid
        port.use_settings(PortSettings(port=1, device=str(bank.device(2)), slots=2))
        eventually(lambda: is_up(work) and len(work.statuses[-1].slots) == 2)
        status = work.statuses[-1]
        assert status.device == str(bank.device(2))
        assert status.active.iccid not in ("", iccid)
        open_device(str(bank.device(1)), 115_200).close()


def test_a_port_that_ends_for_good_leaves_no_descriptor_behind(bank: Bank) -> None:
    line_store, work = RecordingLineStore(), RecordingWork()
    settings = PortSettings(port=1, device=str(bank.device(1)))
    port = Port(settings, work, submit_timeout_s=1, timing=FAST, line_store=line_store)
    port.start()
    eventually(lambda: is_up(work))
    assert (list(line_store.lines), list(line_store.notes)) == ([1], [1])
    port.stop(keep_line=False)
    assert port.join(10)
    assert (line_store.lines, line_store.notes) == ({}, {})
    open_device(str(bank.device(1)), 115_200).close()


def test_a_port_without_its_device_is_paused_resumed_and_restarted_too(tmp_path: Path) -> None:
    work = RecordingWork()
    with running(str(tmp_path / "missing"), work) as port:
        eventually(lambda: work.state is PortState.ABSENT)
        port.pause()
        eventually(lambda: work.state is PortState.PAUSED)
        port.restart_modem()  # without effect: the port is paused
        port.resume()
        eventually(lambda: work.state is PortState.ABSENT)
        looked = len(work.statuses)
        port.restart_modem()  # without effect: there is no modem
        assert not port.ask().result(10).ok
    assert work.statuses[looked:][-1].state is PortState.STOPPED


def test_a_restart_does_not_wait_for_the_end_of_a_rest() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    work = RecordingWork()
    slow = replace(FAST, rests_s=(600.0,))
    try:
        with running(os.ttyname(slave), work, timing=slow) as port:
            eventually(lambda: work.state is PortState.SICK and "rests for 600 s" in work.statuses[-1].detail)
            os.set_blocking(master, False)
            os.read(master, 1 << 16)
            port.restart_modem()
            eventually(lambda: any("as an operator ordered" in status.detail for status in work.statuses))
            assert b"AT+CFUN=1,1" in os.read(master, 1 << 16)
    finally:
        os.close(master)
        os.close(slave)
