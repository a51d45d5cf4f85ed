"""`gatewayd ports` on simulated modems and a simulated /sys, with and without a daemon."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from config.settings import parse
from gatewayd.cli import main
from modem.hardware.device_path import find_device
from modem.simulator.bank import Bank, BankConfig
from tests.conftest import Running, eventually
from tests.gatewayd.box import Box
from tests.modem.hardware.machine import Machine
from tests.modem.scripted_modem import ScriptedModem


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    config = BankConfig(tmp_path / "bank", ports=3, time_scale=0.05, personality_of={1: "ec25"})
    with Bank(config) as bank:
        eventually(lambda: bank.call(lambda: all(bank.modem(port).radio.registered for port in bank.ports)))
        yield bank


@pytest.fixture
def machine(tmp_path: Path, bank: Bank) -> Machine:
    """A Quectel stick whose interfaces 2 and 3 belong to modem 1, and an adapter with modem 2."""
    machine = Machine(tmp_path / "machine")
    stick = machine.stick("1-1.2")
    machine.tty("ttyUSB0", "/dev/null", stick, 0)
    machine.tty("ttyUSB2", bank.device(1), stick, 2, by_path=True)
    machine.tty("ttyUSB4", bank.device(2), machine.stick("1-1.3", "1a86", "7523"), driver="ch341")
    return machine


def ports(tmp_path: Path, machine: Machine, *arguments: str, config: str = "") -> Result:
    path = tmp_path / "gatewayd.toml"
    path.write_text(f'[store]\npath = "{tmp_path}/gatewayd.db"\n{config}')
    return CliRunner().invoke(
        main, ["--config", str(path), "ports", "--sysroot", str(machine.root), *arguments]
    )


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return json.loads(result.stdout)


def by_device(document: Any) -> dict[str, Any]:
    return {Path(device["device"]).name: device for device in document["devices"]}


def test_plugged_devices_are_listed_and_the_printed_sections_find_the_modems(
    tmp_path: Path, machine: Machine, bank: Bank
) -> None:
    document = as_json(ports(tmp_path, machine, "--json"))
    found = by_device(document)
    assert {name: device["speaks"] for name, device in found.items()} == {
        "ttyUSB0": "shut",
        "ttyUSB2": "sms",
        "ttyUSB4": "sms",
    }
    modem = found["ttyUSB2"]
    assert (modem["can_send"], modem["iccid"], modem["interface"]) == (True, bank.iccid(1), 2)
    assert "EC25" in modem["model"]
    assert modem["usb"]["location"] == "1-1.2"
    assert (modem["operator"], modem["registration"], modem["signal_dbm"]) == ("Orange ML", "home", -71)
    settings = parse(document["configuration"].encode())
    assert [port.port for port in settings.ports] == [1, 2]
    opened = [os.path.realpath(find_device(port.device, machine.roots)) for port in settings.ports]
    assert opened == [os.path.realpath(bank.device(1)), os.path.realpath(bank.device(2))]
    assert "by-path" in settings.ports[0].device
    assert settings.ports[1].device == "usb:1-1.3:0"


def test_the_plain_output_is_a_table_and_the_sections(tmp_path: Path, machine: Machine) -> None:
    wide = ports(tmp_path, machine, "--wide", "--no-probe").stdout
    assert "1-1.2 2c7c:0125 Acme Stick" in wide
    result = ports(tmp_path, machine)
    assert result.exit_code == 0
    lines = result.stdout.partition("# ")[0].splitlines()
    assert [line for line in lines if len(line) > 80 and " " in line.strip()] == []  # a path is never cut
    assert "no serial device" in " ".join(result.stdout.split())
    pasted = result.stdout.partition("writes it):\n")[2]
    assert [port["port"] for port in tomllib.loads(pasted)["ports"]] == [1, 2]
    assert "IMEI" in pasted
    assert "\a" not in result.output
    assert result.stderr == ""  # no progress bar without a terminal


def test_the_sections_are_printed_alone_or_written_into_the_file(tmp_path: Path, machine: Machine) -> None:
    printed = ports(tmp_path, machine, "--toml")
    assert [port["port"] for port in tomllib.loads(printed.stdout)["ports"]] == [1, 2]
    path = tmp_path / "gatewayd.toml"
    path.chmod(0o640)
    written = ports(tmp_path, machine, "--write", config="# by hand, without a line feed")
    assert "restart the gateway" in written.stdout
    text = path.read_text()
    assert "# by hand, without a line feed\n" in text
    assert [port["port"] for port in tomllib.loads(text)["ports"]] == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in tmp_path.glob("*gatewayd.toml*")) == ["gatewayd.toml"]
    arguments = ["--config", str(path), "ports", "--sysroot", str(machine.root), "--write"]
    again = CliRunner().invoke(main, arguments)
    assert "There is no modem without a port" in again.stdout
    assert path.read_text() == text


def test_where_the_file_may_not_be_written_the_ports_go_into_the_database(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/gatewayd.db"\n')
    assert CliRunner().invoke(main, ["--config", str(config), "company", "add", "Test"]).exit_code == 0
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, *mode, **how: str(path) != str(config) and access(path, *mode, **how)
    )
    arguments = ["--config", str(config), "ports", "--sysroot", str(machine.root), "--write", "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None, repr(result.exception)
    assert json.loads(result.stdout) == {"written": "database", "ports": [1, 2]}
    listed = CliRunner().invoke(main, ["--config", str(config), "port", "list", "--json"])
    assert [row["device"] for row in json.loads(listed.stdout)["ports"]][1] == "usb:1-1.3:0"
    again = CliRunner().invoke(main, arguments)
    assert json.loads(again.stdout) == {"written": "database", "ports": []}, "ports of the database are known"


def test_other_devices_are_probed_by_name_and_by_pattern(
    tmp_path: Path, machine: Machine, bank: Bank
) -> None:
    result = ports(tmp_path, machine, "--json", str(bank.device(3)), "--glob", f"{tmp_path}/bank/port*")
    found = by_device(as_json(result))
    assert sorted(found) == ["port3", "ttyUSB0", "ttyUSB2", "ttyUSB4"]
    assert found["port3"]["iccid"] == bank.iccid(3)


def test_nothing_is_opened_without_a_probe(tmp_path: Path, machine: Machine) -> None:
    found = by_device(as_json(ports(tmp_path, machine, "--json", "--no-probe")))
    assert {device["speaks"] for device in found.values()} == {"unasked"}


def test_configured_ports_are_recognised_and_new_ones_get_higher_numbers(
    tmp_path: Path, machine: Machine
) -> None:
    config = (
        '[[ports]]\nport = 7\ndevice = "usb:1-1.2:2"\n[[ports]]\nport = 4\ndevice = "usb:2-2"\n'
        f'[[ports]]\nport = 5\ndevice = "{machine.roots.dev}/ttyUSB*"\n'
    )
    document = as_json(ports(tmp_path, machine, "--json", config=config))
    found = by_device(document)
    assert (found["ttyUSB2"]["port"], found["ttyUSB4"]["port"]) == (7, None)
    assert (found["usb:2-2"]["port"], found["usb:2-2"]["speaks"]) == (4, "shut")
    assert "several devices" in found["ttyUSB*"]["detail"]
    assert [port["port"] for port in tomllib.loads(document["configuration"])["ports"]] == [8]


def test_the_command_needs_no_configuration(tmp_path: Path, machine: Machine) -> None:
    missing = str(tmp_path / "nowhere.toml")
    arguments = ["ports", "--json", "--sysroot", str(machine.root)]
    result = CliRunner().invoke(main, arguments, default_map={"config": missing})
    assert sorted(by_device(as_json(result))) == ["ttyUSB0", "ttyUSB2", "ttyUSB4"]
    named = CliRunner().invoke(main, ["--config", missing, *arguments])
    assert named.exit_code == 1


def test_a_machine_without_serial_devices_gets_a_clear_answer(tmp_path: Path) -> None:
    empty = Machine(tmp_path / "empty")
    assert "no serial device" in ports(tmp_path, empty).stdout
    assert as_json(ports(tmp_path, empty, "--json")) == {"devices": [], "configuration": ""}


def test_a_terminal_sees_the_progress(tmp_path: Path, machine: Machine) -> None:
    path = tmp_path / "gatewayd.toml"
    path.write_text(f'[store]\npath = "{tmp_path}/gatewayd.db"\n')
    command = [
        sys.executable,
        "-m",
        "gatewayd.cli",
        "--config",
        str(path),
        "ports",
        "--sysroot",
        str(machine.root),
    ]
    master, slave = pty.openpty()
    result = subprocess.run(command, stderr=slave, stdout=subprocess.PIPE, check=True, timeout=30)
    os.close(slave)
    progress = os.read(master, 65536)
    os.close(master)
    assert b"Asking the devices" in progress
    assert b"100%" in progress
    assert b"Asking" not in result.stdout


def test_a_running_gateway_is_asked_about_its_ports(running: Running, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    device_link = running.state / "ports" / "port1"
    machine.tty("ttyUSB0", device_link.resolve(), machine.stick("1-1"))
    document = running.cli("ports", "--sysroot", str(machine.root))
    status = running.cli("status")["ports"]
    found = {device["port"]: device for device in document["devices"]}
    assert sorted(found) == [1, 2, 3, 4]
    assert Path(found[1]["device"]).name == "ttyUSB0"
    for port in status:
        probed, slot = found[port["port"]], port["slots"][port["active_slot"] - 1]
        assert (probed["speaks"], probed["imei"], probed["iccid"]) == ("sms", port["imei"], slot["iccid"])
        assert probed["can_send"]
    assert document["configuration"] == ""


def test_a_device_of_a_running_gateway_is_never_opened(tmp_path: Path) -> None:
    box = Box(tmp_path, slots={1: 1})
    with ScriptedModem() as modem:
        (tmp_path / "ports").mkdir()
        (tmp_path / "ports/port1").symlink_to(modem.device)
        fd = os.open(modem.device, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            box.start_gateway()
            eventually(lambda: "is held by" in box.cli("status")["ports"][0]["detail"])
            os.close(fd)
            document = box.cli("ports", "--sysroot", str(Machine(tmp_path / "machine").root))
            assert "is held by" in document["devices"][0]["detail"] or modem.commands
            assert modem.commands[:1] in (
                [],
                ["ESC"],
            )  # a gateway first sends an escape, a probe first sends AT
        finally:
            box.stop()


def test_a_running_gateway_gives_the_reason_why_a_port_is_not_up(tmp_path: Path) -> None:
    box = Box(tmp_path, slots={1: 1})
    try:
        box.start_gateway()
        document = box.cli("ports", "--sysroot", str(Machine(tmp_path / "machine").root))
    finally:
        box.stop()
    [device] = document["devices"]
    assert (device["port"], device["speaks"]) == (1, "unasked")
    assert "plugged in" in device["detail"]
