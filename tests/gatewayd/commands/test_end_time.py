"""Dates and times as options of commands."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.cli import main
from gatewayd.commands.end_time import end_time, start_time
from gatewayd.timekeeping.clock import iso
from tests.conftest import cli_json

BAMAKO, LAGOS, PARIS = ZoneInfo("Africa/Bamako"), ZoneInfo("Africa/Lagos"), ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-12-31", BAMAKO, "2026-12-31T23:59:59.999999Z"),
        ("2026-12-31", LAGOS, "2026-12-31T22:59:59.999999Z"),
        ("2026-12-31", PARIS, "2026-12-31T22:59:59.999999Z"),
        ("2026-06-30", PARIS, "2026-06-30T21:59:59.999999Z"),
        ("2026-10-25", PARIS, "2026-10-25T22:59:59.999999Z"),  # a day of 25 hours
        ("2028-02-29", BAMAKO, "2028-02-29T23:59:59.999999Z"),
        ("2027-01-31T12:00:00Z", LAGOS, "2027-01-31T12:00:00.000000Z"),
        ("2027-01-31T12:00:00-05:00", LAGOS, "2027-01-31T17:00:00.000000Z"),
        ("2027-01-31T12:00:00.5z", LAGOS, "2027-01-31T12:00:00.500000Z"),
        ("2027-01-31T12:00:00", LAGOS, "2027-01-31T11:00:00.000000Z"),
        ("2027-01-31 12:00", LAGOS, "2027-01-31T11:00:00.000000Z"),
    ],
)
def test_a_date_is_its_end_and_a_time_without_an_offset_is_of_the_zone(
    text: str, zone: ZoneInfo, moment: str
) -> None:
    assert iso(end_time(text, zone)) == moment


def test_a_date_as_a_beginning_is_its_first_moment() -> None:
    assert iso(start_time("2026-12-31", LAGOS)) == "2026-12-30T23:00:00.000000Z"
    assert iso(start_time("2027-01-31T12:00:00", LAGOS)) == "2027-01-31T11:00:00.000000Z"


NO_MOMENTS = [
    *("", "1796012912345", "1796012912", "20270131", "2027", "-1", "2027-01", "tomorrow", "31.12.2026"),
    *(
        "2027-W01-1",
        "2027-001",
        "2027-02-29",
        "2027-13-01",
        "9999-12-31",
        "2027-01-31T25:00",
        "2027-01-31T12",
    ),
    *("2027-01-31T12:00+01", "2027-01-31T12:00:00+0100", "2027-01-31\n", "٢٠٢٧-01-31"),
]


@pytest.mark.parametrize("text", NO_MOMENTS)
def test_a_text_that_is_neither_a_date_nor_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a date as"):
        end_time(text, BAMAKO)


@given(st.text() | st.datetimes().map(str) | st.dates().map(str) | st.integers().map(str))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(end_time(text, PARIS), int)


def test_a_key_ends_with_the_day_in_the_zone_of_the_box(tmp_path: Path) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/gatewayd.db"\n[numbers]\ntime_zone = "Africa/Lagos"\n')
    company = cli_json(config, "company", "add", "A")["id"]
    key = cli_json(config, "key", "add", "--company", company, "--expires", "2126-12-31")
    assert key["expires"] == "2126-12-31T22:59:59.999999Z"
    changed = cli_json(config, "key", "set", key["id"], "--expires", "2126-06-30")
    assert changed["expires"] == "2126-06-30T22:59:59.999999Z"
    for command in (("add", "--company", company), ("set", key["id"])):
        arguments = ["--config", config, "key", *command, "--expires", "1796012912345"]
        refused = CliRunner().invoke(main, list(map(str, arguments)))
        assert (refused.exit_code, "must be a date" in refused.output) == (2, True)
    assert len(cli_json(config, "key", "list")) == 1
