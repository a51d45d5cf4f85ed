"""The state of a SIM as names and as a sentence; neither stops it from sending."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.settings import PortSettings
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.parts import Submitted
from modem.port.port import Port
from modem.port.status import PortState, PortStatus, SlotStatus
from modem.port.status_text import names, sentence
from modem.simulator.bank import Bank, BankConfig
from modem.simulator.core.radio import DENIED, HOME, ROAMING
from tests.conftest import eventually
from tests.modem.recording_work import FAST, RecordingWork, part
from tests.modem.running_port import SCALE, port_on


@pytest.mark.parametrize(
    ("state", "slot", "expected"),
    [
        (PortState.UP, {"registration": Registration.HOME}, ("ready",)),
        (PortState.UP, {"registration": Registration.HOME, "signal_dbm": -103}, ("ready",)),
        (PortState.UP, {"registration": Registration.SMS_HOME, "signal_dbm": -105}, ("weak_signal",)),
        (PortState.UP, {"registration": Registration.ROAMING, "signal_dbm": -71}, ("roaming",)),
        (PortState.UP, {"registration": Registration.CSFB_ROAMING, "signal_dbm": -113}, ("roaming", "weak_signal")),
        (PortState.UP, {"registration": Registration.DENIED}, ("denied",)),
        (PortState.UP, {"registration": Registration.SEARCHING}, ("searching",)),
        (PortState.UP, {"registration": Registration.UNKNOWN}, ("no_network",)),
        (PortState.UP, {"registration": Registration.EMERGENCY}, ("emergency",)),
        (PortState.UP, {"sim": SimState.UNKNOWN}, ("unknown",)),
        (PortState.SICK, {"sim": SimState.ABSENT}, ("no_sim",)),
        (PortState.SICK, {"sim": SimState.PIN_REQUIRED}, ("pin_required",)),
        (PortState.SICK, {"sim": SimState.PIN_REFUSED}, ("pin_refused",)),
        (PortState.SICK, {"sim": SimState.PUK_REQUIRED}, ("puk_required",)),
        (PortState.SICK, {"sim": SimState.FAILURE}, ("failure",)),
        (PortState.ABSENT, {"registration": Registration.HOME}, ("unreachable",)),
    ],
)  # fmt: skip
def test_every_state_has_a_name(state: PortState, slot: dict[str, Any], expected: tuple[str, ...]) -> None:
    told = SlotStatus(1, **{"sim": SimState.READY, **slot})
    assert names(PortStatus(1, "/dev/ttyUSB0", state, "", (told,), 1), told) == expected


def test_the_sentence_gives_the_state_and_the_remedy() -> None:
    far = SlotStatus(1, SimState.READY, registration=Registration.ROAMING, signal_dbm=-109)
    assert sentence(far).startswith("Ready.")
    assert "roaming" in sentence(far)
    assert "weak" in sentence(far)
    assert sentence(SlotStatus(1, SimState.READY, registration=Registration.HOME)) == "Ready."


def test_a_weak_signal_is_published_as_soon_as_it_is_known(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=1, time_scale=SCALE)) as bank:
        bank.modem(1).radio.rssi = 3
        work = RecordingWork()
        port = Port(
            PortSettings(port=1, device=str(bank.device(1))),
            work,
            submit_timeout_s=1,
            timing=replace(FAST, refresh_s=60),
        )
        port.start()
        eventually(lambda: work.statuses and "weak" in work.statuses[-1].detail)
        port.stop()
        assert port.join(60)


def test_roaming_and_a_weak_signal_are_published_and_do_not_stop_messages(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=2, time_scale=SCALE)) as bank:
        work = RecordingWork()
        with port_on(bank, work) as port:
            eventually(lambda: work.statuses and work.statuses[-1].detail == "Ready.")

            def move_away() -> None:
                bank.modem(1).radio.rssi = 3

            bank.call(move_away)
            bank.set_registration(1, ROAMING)
            eventually(lambda: said(work) == ("roaming", "weak_signal"))
            eventually(lambda: "weak" in work.statuses[-1].detail and "roaming" in work.statuses[-1].detail)
            work.give(part(1, "from afar", bank.number(2)))
            port.wake()
            eventually(lambda: work.outcomes)
            assert isinstance(work.results[0], Submitted)
            bank.set_registration(1, DENIED)
            eventually(lambda: said(work) == ("denied",) and "denies" in work.statuses[-1].detail)
            bank.set_registration(1, HOME)
            eventually(lambda: said(work) == ("weak_signal",))


def said(work: RecordingWork) -> tuple[str, ...]:
    return names(work.statuses[-1], work.statuses[-1].active)
