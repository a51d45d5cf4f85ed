"""Trusted sources of time, the count without one, and the effects of jumps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.store.engine.connection import Connection
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.store.store import Store
from gatewayd.store.tables import clock as clock_table
from gatewayd.store.tables.clock import ClockState
from gatewayd.timekeeping.clock import DAY, FOREVER, SECOND, SLACK, Calendar, Moment
from gatewayd.timekeeping.clock_correction import ClockCorrector, CountedClock, Trust
from gatewayd.timekeeping.network_time import ALONE_AFTER_S, EARLIEST, agreed
from gatewayd.timekeeping.ntp import synchronised
from modem.parts import InDoubt
from modem.port.interface import Rest
from modem.port.status import PortState, PortStatus, SlotStatus
from modem.sms.tpdu import StatusReport
from tests.conftest import eventually
from tests.gatewayd.empty_database import write_empty_database
from tests.gatewayd.played_ports import RECIPIENT, A, PlayedGateway

NOW = 1_800_000_000 * SECOND  # 2027-01-15
HOUR = 3600 * SECOND
YEAR = 366 * DAY
IN_2040 = NOW + 13 * YEAR
T = TypeVar("T")
CALENDAR = Calendar(ZoneInfo("Africa/Bamako"))


class WrongClock(CountedClock):
    """The clocks of a box, set by the test."""

    def __init__(self, at: int) -> None:
        self.system_us = at
        self.passed = 1000.0
        super().__init__()

    def system(self) -> int:
        return self.system_us

    def monotonic(self) -> float:
        return self.passed


class ClockedBox:
    """A box that the test starts, runs and cuts off."""

    def __init__(self, path: Path, ports: int = 1, trust: Trust = "auto") -> None:
        write_empty_database(path / "gatewayd.db")
        self.store = Store(path / "gatewayd.db")
        self.store.open()
        self.ports = ports
        self.trust: Trust = trust
        self.ntp = False
        self.statuses: dict[int, PortStatus] = {}
        self.jumps: list[tuple[int, int]] = []
        self.stamping: tuple[int, int] | None = None

    def boot(self, system_us: int, *, ntp: bool = False) -> None:
        self.ntp = ntp
        self.statuses.clear()
        self.clock = WrongClock(system_us)
        self.corrector = ClockCorrector(
            self.clock, self.trust, lambda: self.ntp, lambda: self.statuses, lambda: self.ports
        )
        self.corrector.begin(self.store, self)
        self.look()

    def pass_time(self, seconds: float, *, ntp: bool | None = None) -> None:
        """Time passes; `ntp`: whether the kernel is synchronised from now on."""
        self.clock.passed += seconds
        self.clock.system_us += round(seconds * SECOND)
        self.ntp = self.ntp if ntp is None else ntp
        self.look()

    def report_network_times(self, *times: int) -> None:
        """The modems report these times, from the first port on."""
        for port, time in enumerate(times, 1):
            network_time = (time, self.clock.passed)
            self.statuses[port] = PortStatus(
                port, "", PortState.UP, "", (SlotStatus(1),), 1, network_time=network_time
            )
        self.look()

    def look(self) -> None:
        self.corrector.look(self.store, self)

    @property
    def moment(self) -> Moment:
        return self.clock.moment(CALENDAR)

    @property
    def source(self) -> str | None:
        return self.clock.status().by

    def stored_state(self) -> ClockState:
        found = self.store.write(clock_table.load)
        assert found is not None
        return found

    def restamp(self, db: Connection, since: int, jump: int) -> None:
        """As `Gateway.clock_trusted`: called once the correction is durable."""
        del db
        self.stamping = (since, jump)

    def clock_trusted(self) -> None:
        assert self.stamping is not None
        self.jumps.append(self.stamping)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., ClockedBox]]:
    built: list[ClockedBox] = []

    def build(**choices: object) -> ClockedBox:
        built.append(ClockedBox(tmp_path, **choices))  # type: ignore[arg-type]
        return built[-1]

    yield build
    for box in built:
        box.store.close()


@pytest.fixture
def box(build: Callable[..., ClockedBox]) -> ClockedBox:
    return build()


# Boots in the past, and jumps ahead.


def test_after_a_boot_in_1970_the_time_continues_from_the_stored_time_and_the_month_goes_on(
    box: ClockedBox,
) -> None:
    box.boot(NOW, ntp=True)
    assert box.moment == Moment(NOW, CALENDAR.day(NOW), True, 0, CALENDAR.hour(NOW))
    box.pass_time(700)
    box.boot(0)
    assert not box.moment.trusted
    assert box.moment.now == NOW + 700 * SECOND
    assert box.moment.today == CALENDAR.day(NOW)
    box.pass_time(60)
    assert box.moment.now == NOW + 760 * SECOND


def test_a_jump_ahead_counts_once_ntp_confirms_it(box: ClockedBox) -> None:
    box.boot(NOW, ntp=True)
    box.boot(0)
    box.pass_time(10)
    box.clock.system_us = NOW + 3 * DAY
    box.look()
    assert (box.moment.now, box.moment.trusted) == (NOW + 10 * SECOND, False)
    box.jumps.clear()
    box.pass_time(0, ntp=True)
    assert (box.moment.now, box.moment.trusted) == (NOW + 3 * DAY, True)
    assert box.jumps == [(NOW, 3 * DAY - 10 * SECOND)]
    assert box.stored_state() == ClockState(NOW + 3 * DAY, NOW + 3 * DAY, NOW, None)


def test_untrusted_time_is_stored_and_continues_at_the_next_start(box: ClockedBox) -> None:
    box.boot(NOW, ntp=True)
    box.boot(0)
    for _ in range(30):
        box.pass_time(86_400)
    assert box.stored_state() == ClockState(NOW, NOW + 30 * DAY, NOW, NOW)
    box.boot(0)
    assert box.moment.now == NOW + 30 * DAY


def test_the_time_is_written_every_ten_minutes_at_most(box: ClockedBox) -> None:
    box.boot(NOW, ntp=True)
    written = [box.stored_state().counted_at]
    for _ in range(3600):
        box.pass_time(1)
        if (now := box.stored_state().counted_at) != written[-1]:
            written.append(now)
    assert written == [NOW + n * 600 * SECOND for n in range(7)]


def test_a_trusted_time_stays_trusted_when_the_system_clock_changes(box: ClockedBox) -> None:
    box.boot(NOW, ntp=True)
    box.pass_time(5, ntp=False)
    box.clock.system_us = 0
    box.pass_time(5)
    assert (box.moment.now, box.moment.trusted, box.source) == (NOW + 10 * SECOND, True, "ntp")


def test_a_box_without_a_trusted_time_uses_its_system_clock_unless_that_is_impossible(
    box: ClockedBox,
) -> None:
    box.boot(NOW)
    assert (box.moment.now, box.moment.trusted) == (NOW, False)
    box.boot(IN_2040)
    box.boot(NOW + DAY)
    assert box.moment.now == NOW + DAY
    box.boot(0)
    assert box.moment.now == NOW + DAY


def test_keys_expire_by_the_later_of_both_clocks_while_neither_is_trusted(box: ClockedBox) -> None:
    box.boot(NOW, ntp=True)
    box.boot(0)
    assert box.clock.latest() == NOW
    box.clock.system_us = NOW + DAY
    assert box.clock.latest() == NOW + DAY
    box.report_network_times(NOW + HOUR)
    assert box.source == "network"
    assert box.clock.latest() == NOW + HOUR


def test_trust_always_uses_the_system_clock(build: Callable[..., ClockedBox]) -> None:
    box = build(trust="always")
    box.boot(NOW)
    assert (box.moment.now, box.moment.trusted, box.source) == (NOW, True, "system")
    box.clock.system_us = NOW - HOUR
    box.look()
    assert (box.moment.now, box.moment.unbroken) == (NOW - HOUR, 0)


def test_trust_network_does_not_ask_the_kernel(build: Callable[..., ClockedBox]) -> None:
    box = build(trust="network")
    box.boot(NOW, ntp=True)
    assert not box.moment.trusted


def test_the_command_line_reads_the_time_and_leaves_the_jump_to_the_daemon(box: ClockedBox) -> None:
    box.boot(NOW, ntp=True)
    box.boot(0)
    before, box.jumps = box.stored_state(), []
    clock = WrongClock(NOW + DAY)
    corrector = ClockCorrector(clock, "auto", lambda: True, dict, lambda: 0)
    corrector.begin(box.store, None)
    assert clock.moment(CALENDAR).trusted
    assert clock.now() == NOW + DAY
    assert box.stored_state() == before


# The clocks of modems.


def test_two_modems_that_agree_win_against_one_wrong_modem(build: Callable[..., ClockedBox]) -> None:
    box = build(ports=3)
    box.boot(0)
    box.report_network_times(IN_2040)
    assert box.source is None
    box.report_network_times(IN_2040, NOW, NOW + 60 * SECOND)
    assert box.source == "network"
    assert 0 <= box.moment.now - NOW <= 60 * SECOND


def test_a_single_modem_with_a_time_is_believed_after_a_while(build: Callable[..., ClockedBox]) -> None:
    box = build(ports=3)
    box.boot(0)
    box.report_network_times(NOW)
    box.pass_time(ALONE_AFTER_S - 1)
    assert box.source is None
    box.pass_time(1)
    assert box.source == "network"
    assert box.moment.now == NOW + int(ALONE_AFTER_S) * SECOND


def test_a_wrong_trusted_time_is_corrected_by_two_modems_and_by_ntp(build: Callable[..., ClockedBox]) -> None:
    box = build(ports=2)
    box.boot(0)
    box.pass_time(ALONE_AFTER_S)
    box.report_network_times(NOW + YEAR)
    assert box.moment.now == NOW + YEAR
    box.report_network_times(NOW, NOW)
    assert (box.moment.now, box.moment.unbroken) == (NOW, 0)
    box.clock.system_us = NOW + HOUR
    box.pass_time(0, ntp=True)
    assert (box.moment.now, box.source) == (NOW + HOUR, "ntp")


@pytest.mark.parametrize(
    ("off_us", "kept"),
    [
        (0, True),
        (743_219, True),
        (-999_999, True),
        (2 * SECOND, True),
        (2 * SECOND + 1, False),
        (-HOUR, False),
    ],
)
def test_the_fraction_of_the_system_clock_is_used_where_it_agrees_with_the_network(
    box: ClockedBox, off_us: int, kept: bool
) -> None:
    box.boot(NOW + off_us)
    box.report_network_times(NOW)
    assert (box.source, box.moment.now) == ("network", NOW + off_us if kept else NOW)


def test_a_network_that_is_off_by_seconds_moves_nothing(box: ClockedBox) -> None:
    box.boot(0)
    box.report_network_times(NOW)
    box.pass_time(60)
    box.report_network_times(NOW + 75 * SECOND)
    assert box.moment.now == NOW + 60 * SECOND


@given(
    st.integers(EARLIEST + 25 * YEAR, EARLIEST + 50 * YEAR),
    st.sets(st.integers(-25, 25).filter(bool), max_size=4),
    st.lists(st.integers(0, SLACK), min_size=2, max_size=4),
)
def test_a_wrong_modem_is_not_believed_where_two_agree(
    true_time: int, wrong_years: set[int], offsets: list[int]
) -> None:
    agreed_time = agreed(
        [*(true_time + years * YEAR for years in wrong_years), *(true_time + each for each in offsets)],
        newest=None,
        alone=True,
    )
    assert agreed_time is not None
    assert true_time <= agreed_time <= true_time + SLACK


@given(st.lists(st.integers(0, EARLIEST - 1)))
def test_clocks_that_were_never_set_are_ignored(times: list[int]) -> None:
    assert agreed(times, newest=None, alone=True) is None


@pytest.mark.parametrize(
    ("time", "believed"),
    [
        (NOW, True),
        (NOW - 60 * SECOND, True),
        (NOW - DAY, False),  # the modem may have stored a time of last week
        (NOW + 4 * YEAR, True),
        (NOW + 6 * YEAR, False),
    ],
)
def test_one_modem_alone_must_be_plausible(time: int, believed: bool) -> None:
    assert (agreed([time], newest=NOW, alone=True) is not None) == believed
    assert agreed([time], newest=NOW, alone=False) is None


def test_two_groups_of_the_same_size_give_no_time() -> None:
    assert agreed([NOW, NOW, IN_2040, IN_2040], newest=NOW, alone=True) is None


# A jump to 2040, and back.


def test_a_jump_to_2040_by_ntp_is_undone_by_ntp(box: ClockedBox) -> None:
    box.boot(NOW, ntp=True)
    box.clock.system_us = IN_2040
    box.look()
    assert box.stored_state().trusted_at == IN_2040
    box.boot(0)
    assert box.moment.now == IN_2040
    box.clock.system_us = NOW + HOUR
    box.pass_time(0, ntp=True)
    assert (box.moment.now, box.stored_state().trusted_at) == (NOW + HOUR, NOW + HOUR)


@pytest.mark.parametrize("ports", [1, 2])
def test_a_jump_to_2040_by_ntp_is_undone_by_the_network(build: Callable[..., ClockedBox], ports: int) -> None:
    box = build(ports=ports)
    box.boot(IN_2040, ntp=True)
    box.boot(0)
    box.report_network_times(*[NOW] * ports)
    assert (box.moment.now, box.stored_state().trusted_at) == (NOW, NOW)


def test_ages_across_a_jump_are_unknown_until_they_have_passed(box: ClockedBox) -> None:
    box.boot(NOW, ntp=True)
    box.pass_time(3 * 86_400)
    assert box.moment.lately(DAY) == (box.moment.now - DAY, box.moment.now + SLACK)
    box.clock.system_us = IN_2040
    box.look()
    assert box.moment.lately(DAY) == (-FOREVER, FOREVER)
    box.clock.system_us = NOW + 3 * DAY
    box.look()
    assert box.moment.lately(DAY) == (-FOREVER, FOREVER)
    box.pass_time(86_400)
    since, until = box.moment.lately(DAY)
    assert since <= NOW + 3 * DAY  # stamps from just before the jump are a day old now
    assert until < IN_2040  # stamps of 2040 are older


def test_ages_are_known_on_a_box_that_is_off_every_night(box: ClockedBox) -> None:
    box.boot(NOW, ntp=True)
    for day in range(1, 4):
        box.pass_time(3600)
        box.boot(0)
        box.clock.system_us = NOW + day * DAY
        box.pass_time(0, ntp=True)
    assert box.moment.unbroken == 3 * DAY


# With the gateway.


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    built = PlayedGateway(tmp_path, in_doubt_wait_s=300)
    yield built
    built.close()


def in_doubt(played: PlayedGateway) -> str:
    played.up(1, A)
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    return sms_id


def report(at: int) -> StatusReport:
    stamp = datetime.fromtimestamp(at / SECOND, UTC)
    return StatusReport("", 7, RECIPIENT, stamp, stamp, 0)


def test_while_the_time_is_not_trusted_a_report_settles_the_only_doubt_whenever_that_was(
    played: PlayedGateway,
) -> None:
    played.clock.trusted = False
    sms_id = in_doubt(played)
    played.gateway.dispatcher.reported(played.statuses[1], report(played.clock.at + 9 * DAY))
    assert played.view(sms_id).status.value == "delivered"


def test_a_doubt_from_before_the_time_was_trusted_is_settled_after_it(played: PlayedGateway) -> None:
    played.clock.trusted = False
    began = played.clock.at
    sms_id = in_doubt(played)
    played.store.write(lambda db: played.gateway.restamp(db, began, 9 * DAY))
    played.clock.at, played.clock.trusted = began + 9 * DAY, True
    played.gateway.dispatcher.reported(played.statuses[1], report(played.clock.at))
    assert played.view(sms_id).status.value == "delivered"


def test_a_doubt_from_an_earlier_trusted_time_keeps_its_window(played: PlayedGateway) -> None:
    began = played.clock.at
    sms_id = in_doubt(played)
    played.store.write(lambda db: played.gateway.restamp(db, began + 1, 9 * DAY))
    played.clock.at = began + 9 * DAY
    played.gateway.dispatcher.reported(played.statuses[1], report(began))
    assert played.view(sms_id).status.value == "delivered"


# A disk that cannot store the correction at once.


class FullDisk:
    """The store of a gateway on a disk that is full at the commit of `times` transactions in a row."""

    def __init__(self, played: PlayedGateway, times: int) -> None:
        self._store = played.store
        self.times = times

    def write(
        self,
        work: Callable[[Connection], T],
        timeout_s: float = 30,
        *,
        then: Callable[[T], None] | None = None,
    ) -> T:
        def run(db: Connection) -> T:
            result = work(db)
            if self.times:
                self.times -= 1
                fill(db)
            return result

        return self._store.write(run, timeout_s, then=then)


def fill(db: Connection) -> None:
    """Use more pages than the limit allows."""
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    try:
        db.execute("CREATE TABLE filler AS SELECT zeroblob(1000000) AS x")
    finally:
        db.execute("PRAGMA max_page_count = 4294967294")


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[tuple[PlayedGateway, WrongClock]]:
    """A gateway on a box that booted forty days late, with a SIM."""
    played, clock = PlayedGateway(tmp_path, default_expiry_s=3 * 86400), WrongClock(NOW)
    played.clock = clock  # type: ignore[assignment]
    played.restart()
    played.up(1, A)
    yield played, clock
    played.close()


def corrector_before_sync(played: PlayedGateway, clock: WrongClock) -> ClockCorrector:
    """A corrector that has begun; at its next look the kernel is synchronised, forty days later."""
    synced: list[bool] = []
    corrector = ClockCorrector(clock, "auto", lambda: bool(synced), dict, lambda: 1)
    corrector.begin(played.store, played.gateway)
    synced.append(True)
    return corrector


@pytest.mark.parametrize("times", [1, 2])
def test_a_correction_that_is_tried_again_moves_the_stamps_once(
    untrusted: tuple[PlayedGateway, WrongClock], times: int
) -> None:
    played, clock = untrusted
    corrector = corrector_before_sync(played, clock)
    sms_id = played.send()
    taken_at = played.view(sms_id).created_at
    clock.system_us += 40 * DAY
    corrector.look(FullDisk(played, times), played.gateway)  # type: ignore[arg-type]
    assert clock.status().by == "ntp"
    assert played.view(sms_id).created_at == taken_at + 40 * DAY
    played.clock.passed += 3600
    assert played.next(1) != Rest()  # it has not expired
    assert played.view(sms_id).status.value == "pending"


def test_a_correction_that_could_not_be_stored_is_made_at_the_next_check(
    untrusted: tuple[PlayedGateway, WrongClock],
) -> None:
    played, clock = untrusted
    corrector = corrector_before_sync(played, clock)
    sms_id = played.send()
    taken_at = played.view(sms_id).created_at
    clock.system_us += 40 * DAY
    full = FullDisk(played, 9)
    with pytest.raises(StoreUnavailableError):
        corrector.look(full, played.gateway)  # type: ignore[arg-type]
    assert clock.status().by is None
    assert clock.now() == taken_at
    full.times = 0
    corrector.look(full, played.gateway)  # type: ignore[arg-type]
    assert clock.status().by == "ntp"
    assert played.view(sms_id).created_at == taken_at + 40 * DAY


def test_no_transaction_after_the_correction_has_the_old_time(
    untrusted: tuple[PlayedGateway, WrongClock],
) -> None:
    played, clock = untrusted
    corrector = corrector_before_sync(played, clock)
    clock.system_us += 40 * DAY
    begun, hold = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        begun.set()
        hold.wait(60)

    with ThreadPoolExecutor(3) as pool:
        busy = pool.submit(played.store.write, wait)
        assert begun.wait(60)
        look = pool.submit(corrector.look, played.store, played.gateway)
        eventually(lambda: played.store.waiting == 1)
        after = pool.submit(played.store.write, lambda _: clock.now())
        eventually(lambda: played.store.waiting == 2)
        hold.set()
        busy.result(60)
        look.result(60)
        assert after.result(60) == NOW + 40 * DAY


# The kernel.


def test_the_kernel_reports_whether_its_clock_is_synchronised() -> None:
    assert synchronised() in (True, False)
