"""Numbers, ids, days and months, timers."""

from __future__ import annotations

import re
import threading
import uuid
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import NumberSettings
from gatewayd.clock import Calendar, Clock, iso, microseconds
from gatewayd.ids import new_sms_id, next_task_id
from gatewayd.numbers import Numbering, same_number
from gatewayd.store.errors import StoreUnavailableError
from gatewayd.timers import Timers
from gatewayd.views import Draft, MessageFilter, MessageView, Options, Replay, Status
from tests.conftest import Running, eventually
from tests.gatewayd.house import RECIPIENT, House

MALI = Numbering(NumberSettings())


@pytest.mark.parametrize("written", ["+22370123456", "22370123456", "70123456"])
def test_a_number_is_kept_as_e164_however_it_is_written(written: str) -> None:
    assert MALI.e164(written) == "+22370123456"


@pytest.mark.parametrize(
    "written",
    ["223701234567", "26312345678", "22350123456", "", "70123456\n", " 70123456", "+70123456", "٧٠١٢٣٤٥٦"],
)
def test_what_is_no_mobile_number_of_the_country_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="recipient"):
        MALI.e164(written)


def test_another_country_is_a_matter_of_configuration() -> None:
    senegal = Numbering(NumberSettings(country_code="221", pattern=re.compile(r"^(\+?221)?7[0-9]{8}$")))
    assert senegal.e164("771234567") == "+221771234567"
    with pytest.raises(ValueError, match="recipient"):
        senegal.e164("70123456")


def test_a_national_number_that_begins_like_the_country_code_keeps_its_digits() -> None:
    plan = Numbering(NumberSettings(country_code="7", pattern=re.compile(r"^(\+?7)?[79][0-9]{3}$")))
    assert plan.e164("7123") == "+77123"
    assert plan.e164("77123") == "+77123"


@given(st.text())
def test_no_text_raises_anything_else(written: str) -> None:
    with suppress(ValueError):
        assert MALI.e164(written).startswith("+223")


def test_the_operator_is_the_longest_prefixs() -> None:
    plan = Numbering(NumberSettings(operators={"Orange": ("7",), "Moov": ("79", "6")}))
    assert [plan.operator(f"+223{n}") for n in ("70000000", "79000000", "60000000", "50000000")] == [
        "Orange",
        "Moov",
        "Moov",
        "",
    ]


def test_a_sim_is_its_home_operators_also_while_it_roams() -> None:
    plan = Numbering(NumberSettings(networks={"Orange": ("61002",), "Other": ("610021",)}))
    assert [
        plan.home_operator(imsi) for imsi in ("610020000000001", "610021000000001", "208010000000001", "")
    ] == [
        "Orange",
        "Other",
        "",
        "",
    ]


def test_a_card_that_tells_its_national_number_is_kept_as_e164() -> None:
    assert [MALI.of_card(number) for number in ("70123456", "+22370123456", "12", "")] == [
        "+22370123456",
        "+22370123456",
        "12",
        "",
    ]


def test_a_line_is_the_same_whatever_its_country_code() -> None:
    assert same_number("+22370123456", "70123456")
    assert not same_number("+22370123456", "+22370123457")
    assert not same_number("+22370123456", "456")


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
    told: Future[MessageView | Replay] = Future()

    def wait() -> None:
        told.set_result(house.gateway.submit(house.caller, Draft(RECIPIENT, "x"), Options(), None, 60)[0])

    waiting = threading.Thread(target=wait)
    waiting.start()
    (message,) = eventually(lambda: house.gateway.messages(house.caller, MessageFilter())[0])
    house.gateway.cancel(house.caller, message.sms_id.upper())
    view = told.result(10)
    waiting.join()
    assert isinstance(view, MessageView)
    assert view.status is Status.CANCELLED
    house.close()
