"""The clock of a modem: when it runs, and when the network sets it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modem.driver.network_clock import Observer
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Rule
from modem.simulator.personality import PERSONALITIES
from tests.conftest import eventually
from tests.modem.healthy_modem import healthy
from tests.modem.recording_work import RecordingWork
from tests.modem.running_port import port_on, running
from tests.modem.scripted_modem import ScriptedModem

YEAR_S = 366 * 86_400


@pytest.mark.parametrize(
    ("readings", "goes"),
    [
        ([(0, 0)], [True]),
        ([(0, 0), (0, 60)], [True, False]),  # the same a minute later
        ([(0, 0), (0, 3)], [True, False]),
        ([(0, 0), (1, 60), (1, 120)], [True, False, False]),
        ([(0, 0), (0, 60), (0, 120), (120, 180)], [True, False, False, True]),  # it was set, and runs
        ([(0, 0), (0, 0.5), (60, 60)], [True, True, True]),  # seconds are whole
        ([(0, 0), (60, 60), (60, 61), (120, 120)], [True, True, True, True]),
        ([(0, 0), (59, 60), (121, 120)], [True, True, True]),
        ([(500, 0), (100, 60), (160, 120)], [True, True, True]),  # set back
        ([(0, 0), (900_000_000, 60), (900_000_060, 120)], [True, True, True]),  # set by the network
    ],
)
def test_a_stopped_clock_is_detected(readings: list[tuple[int, float]], goes: list[bool]) -> None:
    observer = Observer()
    assert [observer.goes(told * 1_000_000, at) for told, at in readings] == goes


def test_the_time_of_a_stopped_clock_is_not_used() -> None:
    stands = b'\r\n+CCLK: "26/11/22,13:22:00+00"\r\n\r\nOK\r\n'
    answers = healthy({"AT+CTZU": b"\r\nOK\r\n", "AT+CCLK?": stands})
    with ScriptedModem(answers) as modem, running(modem.device, house := RecordingWork()):
        assert eventually(lambda: heard(house))
        eventually(lambda: heard(house) is None)

        def goes(modem: ScriptedModem) -> None:
            now = datetime.now(UTC)
            modem.say(f'\r\n+CCLK: "{now:%y/%m/%d,%H:%M:%S}+00"\r\n\r\nOK\r\n'.encode())

        modem.answers["AT+CCLK?"] = goes
        eventually(lambda: heard(house))


def heard(house: RecordingWork) -> int | None:
    """The last network time of the port, in microseconds."""
    told = house.statuses[-1].network_time if house.statuses else None
    return None if told is None else told[0]


@pytest.mark.parametrize("personality", [name for name in PERSONALITIES if name != "q2406"])
def test_each_make_with_a_clock_gives_the_network_time(tmp_path: Path, personality: str) -> None:
    config = BankConfig(tmp_path / "bank", ports=1, personality=personality, time_scale=0.02)
    with Bank(config) as bank, port_on(bank, house := RecordingWork()):
        if personality == "m6280":  # without a clock
            eventually(lambda: house.state is PortState.UP and house.statuses[-1].active.operator)
            assert heard(house) is None
            return
        told = eventually(lambda: heard(house))
        assert abs(told / 1e6 - time.time()) < 60


def test_an_unset_clock_has_the_year_1980_and_a_wrong_one_is_reported_unchanged(tmp_path: Path) -> None:
    lies = (Rule.read("no-network-time@1"), Rule.read("clock-lies@2"))
    with Bank(BankConfig(tmp_path / "bank", ports=2, faults=lies, time_scale=0.02)) as bank:
        unset, liar = RecordingWork(), RecordingWork()
        with port_on(bank, unset), port_on(bank, liar, 2):
            assert datetime.fromtimestamp(eventually(lambda: heard(unset)) / 1e6, UTC).year == 1980
            assert eventually(lambda: heard(liar)) / 1e6 > time.time() + 10 * YEAR_S
            bank.calm()
            eventually(lambda: abs((heard(liar) or 0) / 1e6 - time.time()) < 60)


def test_without_a_network_there_is_no_network_time(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=1, time_scale=0.02)) as bank:
        bank.set_registration(1, 0)
        with port_on(bank, house := RecordingWork()):
            eventually(lambda: house.state is PortState.UP)
            bank.set_registration(1, 1)
            eventually(lambda: heard(house))
    first = next(status for status in house.statuses if status.network_time)
    assert first.active.registration.carries_sms
