"""The clock of a modem: what it says, and when it is the network's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modem.driver.network_clock import Observer, read
from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Rule
from modem.simulator.personality import PERSONALITIES
from tests.conftest import eventually
from tests.modem.healthy_modem import healthy
from tests.modem.recording_work import RecordingWork
from tests.modem.running_port import port_on, running
from tests.modem.scripted_modem import ScriptedModem

YEAR_S = 366 * 86_400


def seconds(line: str) -> float | None:
    told = read(line)
    return None if told is None else told / 1e6


@pytest.mark.parametrize(
    ("line", "utc"),
    [
        ('+CCLK: "26/11/22,13:22:00+00"', datetime(2026, 11, 22, 13, 22, tzinfo=UTC)),
        ('+CCLK: "26/11/22,13:22:00+04"', datetime(2026, 11, 22, 12, 22, tzinfo=UTC)),
        ('+CCLK: "26/12/31,20:00:00-24"', datetime(2027, 1, 1, 2, 0, tzinfo=UTC)),
        ('+CCLK: "80/01/06,00:00:12+00"', datetime(1980, 1, 6, 0, 0, 12, tzinfo=UTC)),
        ('+CCLK: "04/01/01,00:01:00+00"', datetime(2004, 1, 1, 0, 1, tzinfo=UTC)),
        ("+CCLK: 17/07/26,11:42:15+01", datetime(2017, 7, 26, 11, 27, 15, tzinfo=UTC)),
        ("+CCLK:17/07/26,11:42:15-04", datetime(2017, 7, 26, 12, 42, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26,11:42:15+01', datetime(2017, 7, 26, 11, 27, 15, tzinfo=UTC)),
        ('+CCLK: 17/07/26,11:42:15+01"', datetime(2017, 7, 26, 11, 27, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26, 11:42:15 +04"', datetime(2017, 7, 26, 10, 42, 15, tzinfo=UTC)),
        ('+CCLK: "2017/07/26,11:42:15+04"', datetime(2017, 7, 26, 10, 42, 15, tzinfo=UTC)),
        ('+CCLK: "1980/01/06,00:00:12+00"', datetime(1980, 1, 6, 0, 0, 12, tzinfo=UTC)),
        ('+CCLK: "17/7/6,9:42:15+0"', datetime(2017, 7, 6, 9, 42, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26,11:42:15+04,0"', datetime(2017, 7, 26, 10, 42, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26,11:42:15+04",1', datetime(2017, 7, 26, 10, 42, 15, tzinfo=UTC)),
        ('+CCLK: "17/07/26,11:42:15.7+00"', datetime(2017, 7, 26, 11, 42, 15, tzinfo=UTC)),
        (
            f'+CCLK: "{"17/07/26,11:42:15+01".encode("utf-16-be").hex().upper()}"',
            datetime(2017, 7, 26, 11, 27, 15, tzinfo=UTC),
        ),
    ],
)
def test_local_time_and_quarters_of_an_hour_make_utc(line: str, utc: datetime) -> None:
    assert seconds(line) == utc.timestamp()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "+CCLK:",
        '+CCLK: ""',
        '+CCLK: "26/11/22,13:22:00"',  # no zone
        '+CCLK: "26/13/22,13:22:00+00"',
        '+CCLK: "26/11/22,25:22:00+00"',
        '+CCLK: "26/11/22,13:22:00+97"',
        '+CCLK: "٢٦/11/22,13:22:00+00"',
        "+CCLK: 26/11/22,13:22:00",
        '+CCLK: "26/11/22,13:22:00+01:00"',
        '+CCLK: "26/11/22,13:22:00+100"',
        '+CCLK: "2126/11/22,13:22:00+00"',
        "+CCLK: 00/00/00,00:00:00+00",
    ],
)
def test_what_is_no_time_is_none(line: str) -> None:
    assert read(line) is None


@given(
    st.datetimes(datetime(1970, 1, 3), datetime(2069, 12, 29)),  # noqa: DTZ001 - the zone is added
    st.integers(-96, 96),
)
def test_any_time_in_any_zone_is_read(utc: datetime, quarters: int) -> None:
    utc = utc.replace(microsecond=0, tzinfo=UTC)
    local = utc + timedelta(minutes=15 * quarters)
    assert seconds(f'+CCLK: "{local:%y/%m/%d,%H:%M:%S}{quarters:+03d}"') == utc.timestamp()


@given(st.text() | st.from_regex(r'"\d\d/\d\d/\d\d,\d\d:\d\d:\d\d[+-]\d{1,3}"'))
def test_no_line_raises(line: str) -> None:
    read(line)


@pytest.mark.parametrize(
    ("readings", "goes"),
    [
        ([(0, 0)], [True]),
        ([(0, 0), (0, 60)], [True, False]),  # the same a minute later
        ([(0, 0), (0, 3)], [True, False]),
        ([(0, 0), (1, 60), (1, 120)], [True, False, False]),
        ([(0, 0), (0, 60), (0, 120), (120, 180)], [True, False, False, True]),  # it was set, and goes
        ([(0, 0), (0, 0.5), (60, 60)], [True, True, True]),  # seconds are whole
        ([(0, 0), (60, 60), (60, 61), (120, 120)], [True, True, True, True]),
        ([(0, 0), (59, 60), (121, 120)], [True, True, True]),
        ([(500, 0), (100, 60), (160, 120)], [True, True, True]),  # set back
        ([(0, 0), (900_000_000, 60), (900_000_060, 120)], [True, True, True]),  # set by the network
    ],
)
def test_a_clock_that_stands_still_is_found_out(readings: list[tuple[int, float]], goes: list[bool]) -> None:
    observer = Observer()
    assert [observer.goes(told * 1_000_000, at) for told, at in readings] == goes


def test_a_clock_that_shows_the_same_again_tells_no_time() -> None:
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
    """What the port told last, in microseconds."""
    told = house.statuses[-1].network_time if house.statuses else None
    return None if told is None else told[0]


@pytest.mark.parametrize("personality", [name for name in PERSONALITIES if name != "q2406"])
def test_each_make_that_has_a_clock_tells_what_the_network_told_it(tmp_path: Path, personality: str) -> None:
    config = BankConfig(tmp_path / "bank", ports=1, personality=personality, time_scale=0.02)
    with Bank(config) as bank, port_on(bank, house := RecordingWork()):
        if personality == "m6280":  # it has none
            eventually(lambda: house.state is PortState.UP and house.statuses[-1].active.operator)
            assert heard(house) is None
            return
        told = eventually(lambda: heard(house))
        assert abs(told / 1e6 - time.time()) < 60


def test_a_clock_that_nobody_set_says_so_by_its_year_and_one_that_lies_does_not(tmp_path: Path) -> None:
    lies = (Rule.read("no-network-time@1"), Rule.read("clock-lies@2"))
    with Bank(BankConfig(tmp_path / "bank", ports=2, faults=lies, time_scale=0.02)) as bank:
        unset, liar = RecordingWork(), RecordingWork()
        with port_on(bank, unset), port_on(bank, liar, 2):
            assert datetime.fromtimestamp(eventually(lambda: heard(unset)) / 1e6, UTC).year == 1980
            assert eventually(lambda: heard(liar)) / 1e6 > time.time() + 10 * YEAR_S
            bank.calm()
            eventually(lambda: abs((heard(liar) or 0) / 1e6 - time.time()) < 60)


def test_without_a_network_the_clock_is_nobodys(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=1, time_scale=0.02)) as bank:
        bank.set_registration(1, 0)
        with port_on(bank, house := RecordingWork()):
            eventually(lambda: house.state is PortState.UP)
            bank.set_registration(1, 1)
            eventually(lambda: heard(house))
    first = next(status for status in house.statuses if status.network_time)
    assert first.active.registration.carries_sms
