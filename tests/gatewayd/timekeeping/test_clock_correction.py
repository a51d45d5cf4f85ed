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
from gatewayd.store.tables import clock as kept
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
from tests.gatewayd.played_ports import RECIPIENT, PlayedGateway

NOW = 1_800_000_000 * SECOND  # 2027-01-15
HOUR = 3600 * SECOND
YEAR = 366 * DAY
IN_2040 = NOW + 13 * YEAR
T = TypeVar("T")
CALENDAR = Calendar(ZoneInfo("Africa/Bamako"))


class WrongClock(CountedClock):
    """The clocks of a box, set by the test."""

    def __init__(self, at: int) -> None:
        self.says = at
        self.passed = 1000.0
        super().__init__()

    def system(self) -> int:
        return self.says

    def monotonic(self) -> float:
        return self.passed


class Pi:
    """A box that the test starts, runs and cuts off."""

    def __init__(self, path: Path, ports: int = 1, trust: Trust = "auto") -> None:
        self.store = Store(path / "gatewayd.db")
        self.store.open()
        self.ports = ports
        self.trust: Trust = trust
        self.ntp = False
        self.told: dict[int, PortStatus] = {}
        self.jumps: list[tuple[int, int]] = []
        self.stamping: tuple[int, int] | None = None

    def boots(self, says: int, *, ntp: bool = False) -> None:
        self.ntp = ntp
        self.told.clear()
        self.clock = WrongClock(says)
        self.keeper = ClockCorrector(self.clock, self.trust, lambda: self.ntp, lambda: self.told, self.ports)
        self.keeper.begin(self.store, self)
        self.look()

    def runs(self, seconds: float, *, ntp: bool | None = None) -> None:
        """Time passes; `ntp`: whether the kernel is synchronised from now on."""
        self.clock.passed += seconds
        self.clock.says += round(seconds * SECOND)
        self.ntp = self.ntp if ntp is None else ntp
        self.look()

    def hears(self, *times: int) -> None:
        """The modems report these times, from the first port on."""
        for port, time in enumerate(times, 1):
            told = (time, self.clock.passed)
            self.told[port] = PortStatus(port, "", PortState.UP, "", (SlotStatus(1),), 1, network_time=told)
        self.look()

    def look(self) -> None:
        self.keeper.look(self.store, self)

    @property
    def at(self) -> Moment:
        return self.clock.moment(CALENDAR)

    @property
    def by(self) -> str | None:
        return self.clock.status().by

    def kept(self) -> ClockState:
        found = self.store.write(kept.load)
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
def build(tmp_path: Path) -> Iterator[Callable[..., Pi]]:
    built: list[Pi] = []

    def build(**choices: object) -> Pi:
        built.append(Pi(tmp_path, **choices))  # type: ignore[arg-type]
        return built[-1]

    yield build
    for pi in built:
        pi.store.close()


@pytest.fixture
def pi(build: Callable[..., Pi]) -> Pi:
    return build()


# Boots in the past, and jumps ahead.


def test_after_a_boot_in_1970_the_time_goes_on_from_where_it_was_and_no_month_is_fresh(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    assert pi.at == Moment(NOW, CALENDAR.day(NOW), True, 0, CALENDAR.hour(NOW))
    pi.runs(700)
    pi.boots(0)
    assert not pi.at.trusted
    assert pi.at.now == NOW + 700 * SECOND
    assert pi.at.today == CALENDAR.day(NOW)
    pi.runs(60)
    assert pi.at.now == NOW + 760 * SECOND


def test_a_jump_ahead_counts_once_ntp_vouches_for_it(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    pi.boots(0)
    pi.runs(10)
    pi.clock.says = NOW + 3 * DAY
    pi.look()
    assert (pi.at.now, pi.at.trusted) == (NOW + 10 * SECOND, False)
    pi.jumps.clear()
    pi.runs(0, ntp=True)
    assert (pi.at.now, pi.at.trusted) == (NOW + 3 * DAY, True)
    assert pi.jumps == [(NOW, 3 * DAY - 10 * SECOND)]
    assert pi.kept() == ClockState(NOW + 3 * DAY, NOW + 3 * DAY, NOW, None)


def test_untrusted_time_is_remembered_so_that_it_goes_on_at_the_next_start(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    pi.boots(0)
    for _ in range(30):
        pi.runs(86_400)
    assert pi.kept() == ClockState(NOW, NOW + 30 * DAY, NOW, NOW)
    pi.boots(0)
    assert pi.at.now == NOW + 30 * DAY


def test_it_is_not_written_more_often_than_every_ten_minutes(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    written = [pi.kept().counted_at]
    for _ in range(3600):
        pi.runs(1)
        if (now := pi.kept().counted_at) != written[-1]:
            written.append(now)
    assert written == [NOW + n * 600 * SECOND for n in range(7)]


def test_a_trusted_time_stays_trusted_when_the_system_clock_changes(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    pi.runs(5, ntp=False)
    pi.clock.says = 0
    pi.runs(5)
    assert (pi.at.now, pi.at.trusted, pi.by) == (NOW + 10 * SECOND, True, "ntp")


def test_a_box_that_never_had_a_trusted_time_takes_its_own_at_each_start_unless_that_is_impossible(
    pi: Pi,
) -> None:
    pi.boots(NOW)
    assert (pi.at.now, pi.at.trusted) == (NOW, False)
    pi.boots(IN_2040)
    pi.boots(NOW + DAY)
    assert pi.at.now == NOW + DAY
    pi.boots(0)
    assert pi.at.now == NOW + DAY


def test_keys_expire_by_the_later_of_both_clocks_while_neither_is_trusted(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    pi.boots(0)
    assert pi.clock.latest() == NOW
    pi.clock.says = NOW + DAY
    assert pi.clock.latest() == NOW + DAY
    pi.hears(NOW + HOUR)
    assert pi.by == "network"
    assert pi.clock.latest() == NOW + HOUR


def test_always_is_the_system_clock_as_it_is(build: Callable[..., Pi]) -> None:
    pi = build(trust="always")
    pi.boots(NOW)
    assert (pi.at.now, pi.at.trusted, pi.by) == (NOW, True, "system")
    pi.clock.says = NOW - HOUR
    pi.look()
    assert (pi.at.now, pi.at.unbroken) == (NOW - HOUR, 0)


def test_network_does_not_ask_the_kernel(build: Callable[..., Pi]) -> None:
    pi = build(trust="network")
    pi.boots(NOW, ntp=True)
    assert not pi.at.trusted


def test_the_command_line_reads_the_time_and_leaves_the_jump_to_the_daemon(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    pi.boots(0)
    before, pi.jumps = pi.kept(), []
    clock = WrongClock(NOW + DAY)
    keeper = ClockCorrector(clock, "auto", lambda: True, dict, 0)
    keeper.begin(pi.store, None)
    assert clock.moment(CALENDAR).trusted
    assert clock.now() == NOW + DAY
    assert pi.kept() == before


# Modems.


def test_two_modems_that_agree_win_against_one_wrong_modem(build: Callable[..., Pi]) -> None:
    pi = build(ports=3)
    pi.boots(0)
    pi.hears(IN_2040)
    assert pi.by is None
    pi.hears(IN_2040, NOW, NOW + 60 * SECOND)
    assert pi.by == "network"
    assert 0 <= pi.at.now - NOW <= 60 * SECOND


def test_a_single_modem_with_a_time_is_believed_after_a_while(build: Callable[..., Pi]) -> None:
    pi = build(ports=3)
    pi.boots(0)
    pi.hears(NOW)
    pi.runs(ALONE_AFTER_S - 1)
    assert pi.by is None
    pi.runs(1)
    assert pi.by == "network"
    assert pi.at.now == NOW + int(ALONE_AFTER_S) * SECOND


def test_a_wrong_trusted_time_is_corrected_by_two_modems_and_by_ntp(build: Callable[..., Pi]) -> None:
    pi = build(ports=2)
    pi.boots(0)
    pi.runs(ALONE_AFTER_S)
    pi.hears(NOW + YEAR)
    assert pi.at.now == NOW + YEAR
    pi.hears(NOW, NOW)
    assert (pi.at.now, pi.at.unbroken) == (NOW, 0)
    pi.clock.says = NOW + HOUR
    pi.runs(0, ntp=True)
    assert (pi.at.now, pi.by) == (NOW + HOUR, "ntp")


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
def test_where_the_network_and_the_system_clock_agree_the_fraction_is_that_of_the_system(
    pi: Pi, off_us: int, kept: bool
) -> None:
    pi.boots(NOW + off_us)
    pi.hears(NOW)
    assert (pi.by, pi.at.now) == ("network", NOW + off_us if kept else NOW)


def test_a_network_that_is_off_by_seconds_moves_nothing(pi: Pi) -> None:
    pi.boots(0)
    pi.hears(NOW)
    pi.runs(60)
    pi.hears(NOW + 75 * SECOND)
    assert pi.at.now == NOW + 60 * SECOND


@given(
    st.integers(EARLIEST + 25 * YEAR, EARLIEST + 50 * YEAR),
    st.sets(st.integers(-25, 25).filter(bool), max_size=4),
    st.lists(st.integers(0, SLACK), min_size=2, max_size=4),
)
def test_a_wrong_modem_is_not_believed_where_two_agree(truth: int, lies: set[int], off: list[int]) -> None:
    told = agreed(
        [*(truth + years * YEAR for years in lies), *(truth + each for each in off)], newest=None, alone=True
    )
    assert told is not None
    assert truth <= told <= truth + SLACK


@given(st.lists(st.integers(0, EARLIEST - 1)))
def test_clocks_that_were_never_set_are_ignored(told: list[int]) -> None:
    assert agreed(told, newest=None, alone=True) is None


@pytest.mark.parametrize(
    ("told", "believed"),
    [
        (NOW, True),
        (NOW - 60 * SECOND, True),
        (NOW - DAY, False),  # it may have kept a time of last week
        (NOW + 4 * YEAR, True),
        (NOW + 6 * YEAR, False),
    ],
)
def test_one_modem_alone_must_be_plausible(told: int, believed: bool) -> None:
    assert (agreed([told], newest=NOW, alone=True) is not None) == believed
    assert agreed([told], newest=NOW, alone=False) is None


def test_two_groups_of_the_same_size_give_no_time() -> None:
    assert agreed([NOW, NOW, IN_2040, IN_2040], newest=NOW, alone=True) is None


# 2040, and back.


def test_a_leap_to_2040_that_ntp_vouched_for_is_undone_by_ntp(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    pi.clock.says = IN_2040
    pi.look()
    assert pi.kept().trusted_at == IN_2040
    pi.boots(0)
    assert pi.at.now == IN_2040
    pi.clock.says = NOW + HOUR
    pi.runs(0, ntp=True)
    assert (pi.at.now, pi.kept().trusted_at) == (NOW + HOUR, NOW + HOUR)


@pytest.mark.parametrize("ports", [1, 2])
def test_a_leap_to_2040_that_ntp_vouched_for_is_undone_by_the_network(
    build: Callable[..., Pi], ports: int
) -> None:
    pi = build(ports=ports)
    pi.boots(IN_2040, ntp=True)
    pi.boots(0)
    pi.hears(*[NOW] * ports)
    assert (pi.at.now, pi.kept().trusted_at) == (NOW, NOW)


def test_ages_across_a_jump_are_unknown_until_they_have_passed(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    pi.runs(3 * 86_400)
    assert pi.at.lately(DAY) == (pi.at.now - DAY, pi.at.now + SLACK)
    pi.clock.says = IN_2040
    pi.look()
    assert pi.at.lately(DAY) == (-FOREVER, FOREVER)
    pi.clock.says = NOW + 3 * DAY
    pi.look()
    assert pi.at.lately(DAY) == (-FOREVER, FOREVER)
    pi.runs(86_400)
    since, until = pi.at.lately(DAY)
    assert since <= NOW + 3 * DAY  # stamps from just before the leap are a day old now
    assert until < IN_2040  # stamps of 2040 are older


def test_ages_are_known_on_a_box_that_is_off_every_night(pi: Pi) -> None:
    pi.boots(NOW, ntp=True)
    for day in range(1, 4):
        pi.runs(3600)
        pi.boots(0)
        pi.clock.says = NOW + day * DAY
        pi.runs(0, ntp=True)
    assert pi.at.unbroken == 3 * DAY


# Beside the rest of the gateway.


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    built = PlayedGateway(tmp_path, in_doubt_wait_s=300)
    yield built
    built.close()


def in_doubt(played: PlayedGateway) -> str:
    played.up(1, "8922300000000000001")
    sms_id = played.send()
    played.settle(1, played.claim(1), InDoubt("no answer"))
    return sms_id


def report(at: int) -> StatusReport:
    told = datetime.fromtimestamp(at / SECOND, UTC)
    return StatusReport("", 7, RECIPIENT, told, told, 0)


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


# A disk that cannot keep the correction at once.


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
    played.up(1, "8922300000000000001")
    yield played, clock
    played.close()


@pytest.mark.parametrize("times", [1, 2])
def test_a_correction_that_is_tried_again_moves_the_stamps_once(
    untrusted: tuple[PlayedGateway, WrongClock], times: int
) -> None:
    played, clock = untrusted
    synced: list[int] = []
    keeper = ClockCorrector(clock, "auto", lambda: bool(synced), dict, 1)
    keeper.begin(played.store, played.gateway)
    sms_id = played.send()
    taken_at = played.view(sms_id).created_at
    clock.says += 40 * DAY
    synced.append(1)
    keeper.look(FullDisk(played, times), played.gateway)  # type: ignore[arg-type]
    assert clock.status().by == "ntp"
    assert played.view(sms_id).created_at == taken_at + 40 * DAY
    played.clock.passed += 3600
    assert played.next(1) != Rest()  # it has not expired
    assert played.view(sms_id).status.value == "pending"


def test_a_correction_that_could_not_be_kept_is_made_at_the_next_look(
    untrusted: tuple[PlayedGateway, WrongClock],
) -> None:
    played, clock = untrusted
    synced: list[int] = []
    keeper = ClockCorrector(clock, "auto", lambda: bool(synced), dict, 1)
    keeper.begin(played.store, played.gateway)
    sms_id = played.send()
    taken_at = played.view(sms_id).created_at
    clock.says += 40 * DAY
    synced.append(1)
    full = FullDisk(played, 9)
    with pytest.raises(StoreUnavailableError):
        keeper.look(full, played.gateway)  # type: ignore[arg-type]
    assert clock.status().by is None
    assert clock.now() == taken_at
    full.times = 0
    keeper.look(full, played.gateway)  # type: ignore[arg-type]
    assert clock.status().by == "ntp"
    assert played.view(sms_id).created_at == taken_at + 40 * DAY


def test_no_transaction_after_the_correction_has_the_old_time(
    untrusted: tuple[PlayedGateway, WrongClock],
) -> None:
    played, clock = untrusted
    synced: list[int] = []
    keeper = ClockCorrector(clock, "auto", lambda: bool(synced), dict, 1)
    keeper.begin(played.store, played.gateway)
    clock.says += 40 * DAY
    synced.append(1)
    begun, hold = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        begun.set()
        hold.wait(10)

    with ThreadPoolExecutor(3) as pool:
        busy = pool.submit(played.store.write, wait)
        assert begun.wait(10)
        look = pool.submit(keeper.look, played.store, played.gateway)
        eventually(lambda: played.store.waiting == 1)
        after = pool.submit(played.store.write, lambda _: clock.now())
        eventually(lambda: played.store.waiting == 2)
        hold.set()
        busy.result(10)
        look.result(10)
        assert after.result(10) == NOW + 40 * DAY


# The kernel.


def test_the_kernel_can_be_asked() -> None:
    assert synchronised() in (True, False)
