"""Ids, days and months, timers."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.ids import new_sms_id, next_task_id
from gatewayd.records import Draft, MessageFilter, MessageRecord, Options, Replay, Status
from gatewayd.store.engine.errors import StoreUnavailableError
from gatewayd.timekeeping.clock import Calendar, Clock, iso, microseconds
from gatewayd.timekeeping.timers import Timers
from tests.conftest import Running, eventually
from tests.gatewayd.played_ports import RECIPIENT, House


def test_an_sms_id_is_a_version_7_uuid_of_its_time() -> None:
    made = uuid.UUID(new_sms_id(1_800_000_000_123_456))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == 1_800_000_000_123
    assert len({new_sms_id(0) for _ in range(1000)}) == 1000


def test_a_task_id_is_the_time_in_tenths_of_milliseconds() -> None:
    assert next_task_id(1_761_759_269_170_800, 0) == 17617592691708
    assert next_task_id(0, 17617592691708) == 17617592691709


def test_days_and_months_turn_at_midnight_of_the_time_zone() -> None:
    niamey = Calendar(ZoneInfo("Africa/Niamey"))  # UTC+1
    late = microseconds(datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    assert niamey.day(late) == "2027-01-01"
    assert Calendar(ZoneInfo("Africa/Bamako")).day(late) == "2026-12-31"
    assert iso(niamey.next_month(late)) == "2027-01-31T23:00:00.000000Z"
    assert iso(late + 5) == "2026-12-31T23:30:00.000005Z"


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_the_next_month_begins_within_31_days_and_on_a_first(seconds: int) -> None:
    calendar = Calendar(ZoneInfo("Europe/Paris"))
    now = seconds * 1_000_000
    first = calendar.next_month(now)
    assert 0 < first - now <= (31 * 86400 + 3600) * 1_000_000
    assert calendar.day(first).endswith("-01")
    assert calendar.day(first - 1)[:7] == calendar.day(now)[:7]


def test_timers_run_in_the_order_of_their_times_and_outlive_a_failure() -> None:
    timers, ran = Timers(Clock()), []
    done = threading.Event()

    def fail() -> None:
        raise KeyError("one of them")

    timers.after(0.06, done.set)
    timers.after(0.04, lambda: ran.append(2))
    timers.after(0.02, lambda: ran.append(1))
    timers.after(0.0, fail)
    timers.start()
    assert done.wait(10)
    assert ran == [1, 2]
    timers.stop(5)


def test_a_timer_that_cannot_write_is_tried_again() -> None:
    timers = Timers(Clock(), again_s=0.01)
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise StoreUnavailableError("the disk is full")

    timers.after(0, write)
    timers.start()
    eventually(lambda: len(tries) == 3)
    timers.stop(5)


def test_a_person_is_told_how_the_box_is(running: Running) -> None:
    company = running.cli("company", "add", "Pharmacie du Fleuve", "--quota", 500)["id"]
    told = running.cli("status")
    assert [each["quota"] for each in told["companies"] if each["id"] == company] == [500]
    assert told["process"] == running.process.pid
    shown = running.cli_raw("status").stdout
    assert f"(process {running.process.pid}) runs for " in shown
    assert " MiB are free; the database has " in shown
    assert "Quota of Pharmacie du Fleuve: 0 of 500 used this month." in shown


def test_a_request_that_waits_hears_of_a_cancellation_by_an_id_in_capitals(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.up(1, "8922301000000000001")
    told: Future[MessageRecord | Replay] = Future()

    def wait() -> None:
        told.set_result(house.gateway.submit(house.caller, Draft(RECIPIENT, "x"), Options(), None, 60)[0])

    waiting = threading.Thread(target=wait)
    waiting.start()
    (message,) = eventually(lambda: house.gateway.messages(house.caller, MessageFilter())[0])
    house.gateway.cancel(house.caller, message.sms_id.upper())
    view = told.result(10)
    waiting.join()
    assert isinstance(view, MessageRecord)
    assert view.status is Status.CANCELLED
    house.close()
