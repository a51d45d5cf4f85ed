"""Sending windows: bulk messages of a company wait outside its hours, and hold up no others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from gatewayd.accounts.sending_windows import is_closed, opens_in_s, read_window
from gatewayd.admin import companies
from gatewayd.errors import AdminError, NotPermittedError
from gatewayd.records import TRANSACTIONAL, Caller, Draft, MessageRecord, Options, Priority
from gatewayd.sending.queue_age import queue_age
from gatewayd.sending.window_openings import WindowOpenings
from gatewayd.store.tables import accounts
from gatewayd.timekeeping.clock import SECOND, Calendar, Moment
from modem.parts import Submission, Submitted
from modem.port.interface import Rest, Switch
from tests.gatewayd.played_ports import RECIPIENT, PlayedGateway, administration_context

A, B = "8922301000000000001", "8922301000000000002"
HOUR = 3600 * SECOND
# In Bamako, where the time zone is that of UTC.
NIGHT = round(datetime(2027, 1, 15, 22, 30, tzinfo=UTC).timestamp()) * SECOND


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedGateway]:
    played = PlayedGateway(tmp_path)
    played.clock.at = NIGHT
    played.up(1, A)
    set_window(played, "08:00-20:00")
    yield played
    played.close()


def set_window(played: PlayedGateway, window: str | None, company: int | None = None) -> None:
    companies.set_(administration_context(played), company or played.company, {"sending_window": window})


def sends(played: PlayedGateway, port: int = 1) -> list[str]:
    """The texts that a port sends until none is left for it."""
    seen: list[str] = []
    step = played.next(port)
    while isinstance(step, Submission):
        seen.append(step.segment.text)
        step = played.settle(port, step, Submitted(len(seen)))
    return seen


def time_passes(played: PlayedGateway, hours: float) -> None:
    played.clock.at += int(hours * HOUR)
    played.gateway.clock_trusted()  # looks at the clock at once


def test_bulk_waits_outside_the_window_and_nothing_else_does(played: PlayedGateway) -> None:
    other = played.store.write(lambda db: accounts.add_company(db, "Other", None, 0))
    waits = played.send("bulk", priority=Priority.BULK)
    played.send("normal")
    played.send("code", priority=Priority.OTP)
    options = Options(priority=Priority.BULK)
    played.gateway.submit(Caller(0, other, admin=False), Draft(RECIPIENT, "another's"), options, None, 0)
    assert sends(played) == ["code", "normal", "another's"]
    assert "08:00-20:00" in (played.view(waits).failure_reason or "")
    assert "plage d'envoi" in (played.view(waits).failure_reason or "")
    time_passes(played, 8)
    assert played.next(1) == Rest()
    time_passes(played, 1.5)
    assert sends(played) == ["bulk"]
    assert played.view(waits).failure_reason is None


def test_ports_are_woken_when_a_window_opens(played: PlayedGateway) -> None:
    calendar = Calendar(played.settings.numbers.zone)
    looked, woken = Event(), Event()
    openings = WindowOpenings(
        played.store,
        played.clock,
        calendar,
        played.gateway.timers,
        lambda: played.clock.moment(calendar),
        woken.set,
    )
    openings.look()
    played.gateway.probe(looked.set)  # the timers run in order
    assert looked.wait(30)
    assert not woken.is_set()
    played.clock.at += int(9.5 * HOUR)
    openings.look()
    assert woken.wait(30)


def test_a_window_that_is_removed_or_changed_counts_at_once(played: PlayedGateway) -> None:
    played.send("bulk", priority=Priority.BULK)
    assert played.next(1) == Rest()
    set_window(played, "22:00-06:00")
    assert sends(played) == ["bulk"]
    set_window(played, "06:00-22:00")
    played.send("later", priority=Priority.BULK)
    assert played.next(1) == Rest()
    set_window(played, None)
    assert sends(played) == ["later"]


def test_bulk_with_a_window_waits_while_the_clock_is_not_trusted(played: PlayedGateway) -> None:
    time_passes(played, 12)
    played.clock.trusted = False
    played.send("bulk", priority=Priority.BULK)
    assert played.next(1) == Rest()
    played.clock.trusted = True
    assert sends(played) == ["bulk"]


def test_transactional_bulk_passes_the_window_and_needs_the_right(played: PlayedGateway) -> None:
    options = Options(priority=Priority.BULK, transactional=True)
    draft = Draft(RECIPIENT, "bill")
    with pytest.raises(NotPermittedError):
        played.gateway.submit(played.caller, draft, options, None, 0)
    with pytest.raises(NotPermittedError):
        played.gateway.submit_bulk(played.caller, [draft], options, None)
    allowed = Caller(0, played.company, admin=False, rights=frozenset({TRANSACTIONAL}))
    played.send("bulk", priority=Priority.BULK)
    found, _ = played.gateway.submit(allowed, draft, options, None, 0)
    assert isinstance(found, MessageRecord)
    assert sends(played) == ["bill"]


def test_messages_that_wait_for_a_window_have_no_age(played: PlayedGateway) -> None:
    calendar = Calendar(played.settings.numbers.zone)

    def oldest_s() -> float | None:
        at = played.clock.moment(calendar)
        return played.store.write(lambda db: queue_age(db, at, calendar)).oldest_s

    played.send("bulk", priority=Priority.BULK)
    time_passes(played, 5)
    assert oldest_s() is None
    assert {check.name: check.state.value for check in played.gateway.checks()}["queue"] == "pass"
    played.send("normal")
    time_passes(played, 1)
    assert oldest_s() == 3600
    assert {check.name: check.state.value for check in played.gateway.checks()}["queue"] == "warn"


def test_no_slot_is_turned_to_for_messages_that_wait_for_a_window(tmp_path: Path) -> None:
    played = PlayedGateway(tmp_path, slot_dwell_s=0)
    played.clock.at = NIGHT
    played.up(1, A, B)
    set_window(played, "08:00-20:00")
    played.send("bulk", sim=played.sim(B), priority=Priority.BULK)
    assert isinstance(played.next(1), Rest)
    time_passes(played, 10)
    assert played.next(1) == Switch(2)
    played.close()


def test_no_other_sim_takes_them_over_either(played: PlayedGateway) -> None:
    for _ in range(5):
        played.send("bulk", priority=Priority.BULK)
    played.down(1)
    played.clock.passed += 100
    played.up(2, B)
    assert isinstance(played.next(2), Rest)
    time_passes(played, 10)
    assert len(sends(played, 2)) == 5


@pytest.mark.parametrize(
    ("window", "open_at", "closed_at"),
    [
        ("08:00-20:00", ("08:00", "19:59"), ("07:59", "20:00", "00:00")),
        ("20:00-06:00", ("20:00", "23:59", "00:00", "05:59"), ("06:00", "19:59")),
        ("00:00-12:00", ("00:00", "11:59"), ("12:00", "23:59")),
        ("12:00-24:00", ("12:00", "23:59"), ("00:00", "11:59")),
    ],
)
def test_a_window_is_open_from_its_first_minute_to_before_its_last(
    window: str, open_at: tuple[str, ...], closed_at: tuple[str, ...]
) -> None:
    read = read_window(window)
    for text in (*open_at, *closed_at):
        hours, minutes = map(int, text.split(":"))
        assert read.is_open(hours * 60 + minutes) is (text in open_at)


@pytest.mark.parametrize(
    "text", ["8:00-20:00", "08:00", "08:00-25:00", "24:00-08:00", "08:60-09:00", "09:00-09:00", ""]
)
def test_what_is_no_window_is_refused(played: PlayedGateway, text: str) -> None:
    with pytest.raises(ValueError, match="sending window"):
        read_window(text)
    with pytest.raises(AdminError):
        set_window(played, text)


def test_the_hours_are_those_of_the_time_zone_of_the_box() -> None:
    berlin = Calendar(ZoneInfo("Europe/Berlin"))
    at = Moment(NIGHT, "2027-01-15")  # 23:30 there
    assert is_closed("23:31-24:00", at, berlin)
    assert not is_closed("23:30-24:00", at, berlin)
    assert opens_in_s("23:31-24:00", at, berlin) == 60
    assert opens_in_s("23:30-24:00", at, berlin) == 24 * 3600
    assert opens_in_s("23:31-24:00", Moment(NIGHT + 59 * SECOND, ""), berlin) == 1
