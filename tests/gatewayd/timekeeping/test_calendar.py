"""Days and months in the time zone of the box."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.timekeeping.clock import Calendar, iso, microseconds


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
