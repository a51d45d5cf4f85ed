"""What people read fits 80 columns, in the time of the box; what programs read is one object."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.language.text import Text
from gatewayd.cli import main
from gatewayd.commands import tables
from gatewayd.commands.tables import Column, listing, of
from gatewayd.commands.wrapping import wrapped
from tests.conftest import Running, eventually

LISTS = {
    ("company", "list"): "companies",
    ("key", "list"): "keys",
    ("sim", "list"): "sims",
    ("message", "list"): "messages",
    ("inbox",): "texts",
    ("inbox", "--unreadable"): "unreadable",
    ("opt-out", "list"): "opt_outs",
    ("webhook", "list"): "webhooks",
    ("ussd", "learned"): "learned",
}
UUID = "01a22e5b-3abf-7be7-9464-a0f591e39214"


@pytest.fixture
def config(running: Running) -> Path:
    return running.state / "gatewayd.toml"


def gatewayd(config: Path, *arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(config)], input=text)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_everything_fits_80_columns(running: Running, config: Path, language: str) -> None:
    running.cli("company", "add", "Société des Transports et des Messageries du Fleuve Niger, Bamako" * 2)
    sent = running.cli("send", "+22370123456", "word " * 100)["sms_id"]
    for command in (*LISTS, ("status",), ("check",), ("sim", "show", "1"), ("message", "show", sent)):
        shown = CliRunner().invoke(main, [*command, "--config", str(config)], env={"LC_ALL": language})
        assert shown.exit_code == 0, shown.output
        wide = [
            line for line in shown.stdout.splitlines() if len(line) > 80 and str(config.parent) not in line
        ]
        assert not wide, (command, wide)


@pytest.mark.parametrize(("command", "name"), LISTS.items())
def test_a_list_is_an_object_with_the_list_in_it(config: Path, command: tuple[str, ...], name: str) -> None:
    document = json.loads(gatewayd(config, *command, "--json").stdout)
    assert list(document) == [name]
    assert isinstance(document[name], list)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("sim", "show", "999"), 1),
        (("sim", "set", "1", "--cost", "-1"), 2),
        (("company", "set", "1"), 2),
        (("company", "add"), 2),
        (("opt-out", "add", "12"), 2),
        (("nonsense",), 2),
        (("inbox", "--unreadable", "--sim", "1"), 2),
    ],
)
def test_an_error_is_an_object_too(config: Path, arguments: tuple[str, ...], code: int) -> None:
    result = gatewayd(config, *arguments, "--json")
    assert result.exit_code == code
    assert list(json.loads(result.stdout)) == ["error"]
    assert result.stderr == ""
    assert gatewayd(config, *arguments).exit_code == code


def test_wide_shows_all_columns_and_full_times(running: Running, config: Path) -> None:
    running.cli("send", "+22370123456", "x")
    [first, *_] = running.cli("message", "list")
    header, *_ = gatewayd(config, "message", "list", "--wide").stdout.splitlines()
    assert header.split() == list(first)
    assert first["created_at"] in gatewayd(config, "message", "list", "--wide").stdout
    assert first["created_at"] not in gatewayd(config, "message", "list").stdout


def test_a_text_comes_from_standard_input(running: Running, config: Path) -> None:
    result = gatewayd(config, "send", "70123456", "-", "--json", text="Bonjour\nà tous\n")
    sms_id = json.loads(result.stdout)["sms_id"]
    eventually(lambda: running.cli("message", "show", sms_id)["status"] == "delivered")
    assert running.cli("message", "show", sms_id)["message"] == "Bonjour\nà tous"


@pytest.mark.parametrize(
    ("dbm", "shown"),
    [
        (None, ""),
        (-113, "     -113"),
        (-104, "     -104"),
        (-103, "▂    -103"),
        (-93, "▂▄   -93"),
        (-80, "▂▄▆  -80"),
        (-51, "▂▄▆█ -51"),
    ],
)
def test_a_signal_has_a_bar(dbm: int | None, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables.signal(dbm) == shown
    monkeypatch.setattr(sys, "stdout", open("/dev/null", "w", encoding="ascii"))  # noqa: SIM115 - closed below
    plain = tables.signal(dbm)
    sys.stdout.close()
    assert plain.isascii()


def test_times_are_those_of_the_box() -> None:
    assert tables.local("2026-06-30T23:30:15.123456Z") == "2026-06-30 23:30:15"  # Africa/Bamako
    assert tables.short("1999-06-30T23:30:15Z") == "1999-06-30"
    assert tables.short(None) == ""
    assert tables.value("message", "2026-06-30T23:30:15Z") == "2026-06-30T23:30:15Z"  # a text stays as it is


def test_the_configured_time_zone_is_used(tmp_path: Path, running: Running) -> None:
    config = tmp_path / "gatewayd.toml"
    store = running.state / "gatewayd.db"
    config.write_text(f'[store]\npath = "{store}"\n[numbers]\ntime_zone = "Asia/Tokyo"\n')
    assert "(Asia/Tokyo)" in gatewayd(config, "status").stdout


def test_only_a_column_that_may_be_cut_gets_narrower() -> None:
    rows = [{"id": UUID, "name": "x" * 100, "number": "+22370123456"}]
    shown = listing(rows, [of("id"), of("name", cut=True), of("number")])
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert UUID in shown
    assert "x…  +22370123456" in shown
    both = listing(rows, [Column(Text("id"), lambda row: row["id"] * 3)])
    assert UUID * 3 in both


def test_a_sentence_stands_below_its_row() -> None:
    shown = listing([{"id": 1}], [of("id")], lambda _: "word " * 40)
    lines = shown.splitlines()
    assert lines[2] == "1"
    assert all(line.startswith("    word") and len(line) <= 80 for line in lines[3:])
    assert wrapped("a\n\nb", "  ") == "  a\n\n  b"
