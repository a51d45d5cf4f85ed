"""`gatewayd port` where no daemon runs: its output, its options, and wrong use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gatewayd.cli import main
from tests.gatewayd.empty_database import write_empty_database


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with one port and a long device, on a new database."""
    config = tmp_path / "gatewayd.toml"
    long = f"/dev/serial/by-path/{'platform-fd500000.pcie-' * 3}usb-0:1.2:1.2-port0"
    config.write_text(
        f'[store]\npath = "{tmp_path}/gatewayd.db"\n[[ports]]\nport = 1\ndevice = "{long}"\n',
        encoding="utf-8",
    )
    write_empty_database(tmp_path / "gatewayd.db")
    return config


def port(config: Path, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["--config", str(config), *arguments], input=typed)


def shown(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_ports_are_listed_within_80_columns_and_wide(config: Path) -> None:
    port(config, "port", "add", "12", "usb:1-1.4:2", "--slots", "2")
    narrow = port(config, "port", "list").stdout
    assert max(map(len, narrow.splitlines())) <= 80
    assert "usb-0:1.2:1.2-port0" in narrow
    assert "usb:1-1.4:2" in narrow
    assert "platform-fd500000" in port(config, "port", "list", "--wide").stdout
    rows = shown(port(config, "port", "list", "--json"))["ports"]
    assert [(row["port"], row["source"], row["slots"]) for row in rows] == [
        (1, "file", 1),
        (12, "database", 2),
    ]


def test_an_empty_list_says_what_to_do(config: Path) -> None:
    config.write_text(config.read_text().partition("[[ports]]")[0])
    assert "gatewayd ports" in port(config, "port", "list").stdout


def test_a_pin_is_read_from_standard_input_and_removed_by_none(config: Path) -> None:
    added = shown(port(config, "port", "add", "2", "/dev/tty2", "--pin", "-", "--json", typed="9753\n"))
    assert added["has_pin"]
    assert "9753" not in str(added)
    kept = shown(port(config, "port", "set", "2", "--baud", "9600", "--json"))
    assert (kept["has_pin"], kept["baud"]) == (True, 9600)
    assert not shown(port(config, "port", "set", "2", "--pin", "none", "--json"))["has_pin"]
    assert port(config, "port", "remove", "2").stdout == "Port 2 was removed.\n"


def test_a_pause_without_a_daemon_is_kept_for_the_next_start(config: Path) -> None:
    assert shown(port(config, "port", "pause", "1", "--json"))["state"] == "paused"
    assert "It is paused since" in port(config, "port", "list").stdout
    assert "gatewayd port resume 1" in " ".join(port(config, "check").stdout.split())
    assert shown(port(config, "port", "resume", "1", "--json"))["state"] == "not_running"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("port", "set", "2"), 2, "at least one change"),
        (("port", "add", "0", "/dev/tty2"), 2, "1<=x<=9999"),
        (("port", "add", "2", "tty2"), 1, "must be the path of one device"),
        (("port", "remove", "7"), 1, "There is no port 7"),
        (("port", "restart", "1"), 1, "no gatewayd is running"),
        (("port", "history", "1"), 1, "no gatewayd is running"),
    ],
)
def test_wrong_use_is_told(config: Path, arguments: tuple[str, ...], code: int, told: str) -> None:
    result = port(config, *arguments)
    assert (result.exit_code, told in result.stderr) == (code, True), result.stderr
