"""Device paths and stable names on machines in a folder, the users of a device, and the advice for each."""

from __future__ import annotations

import grp
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modem.at.serial_port import open_device
from modem.hardware.device_path import DeviceUnavailableError, find_device, stable_name
from modem.hardware.sysfs import Usb, ttys
from tests.modem.hardware.machine import Machine
from tests.modem.scripted_modem import ScriptedModem


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def fails(device: str, machine: Machine) -> DeviceUnavailableError:
    with pytest.raises(DeviceUnavailableError) as caught:
        find_device(device, machine.roots)
    return caught.value


# The list of devices


def test_serial_devices_are_listed_with_their_usb_device_and_interface(machine: Machine) -> None:
    stick = machine.stick("1-1.2", serial="A B\x07C")
    machine.tty("ttyUSB10", "/dev/null", stick, 3, outlet=1)
    machine.tty("ttyUSB9", "/dev/null", stick, 2, protocol=0x12)
    machine.acm("ttyACM0", "/dev/null", machine.stick("2-1", "1546", "1141"))
    machine.uart("ttyS0", "/dev/null")
    found = {tty.name: tty for tty in ttys(machine.roots)}
    assert list(found) == ["ttyACM0", "ttyS0", "ttyUSB9", "ttyUSB10"]
    nine = found["ttyUSB9"]
    assert nine.usb == Usb("1-1.2", "2c7c", "0125", "A B C", "Acme Stick")
    assert (nine.interface, nine.protocol, nine.outlet, nine.driver) == (2, 0x12, 0, "option")
    assert (found["ttyUSB10"].interface, found["ttyUSB10"].outlet) == (3, 1)
    acm = found["ttyACM0"]
    assert (acm.usb and acm.usb.location, acm.interface, acm.driver) == ("2-1", 0, "cdc_acm")
    assert (found["ttyS0"].usb, found["ttyS0"].interface) == (None, None)


def test_other_devices_are_left_out(machine: Machine) -> None:
    machine.uart("ttyS1", "/dev/null", kind=0)
    machine.uart("rfcomm0", "/dev/null")
    machine.uart("ttyAMA0", machine.root / "gone")
    (machine.roots.sys / "class/tty/tty7").mkdir()
    assert ttys(machine.roots) == []


def test_the_systems_console_is_marked(machine: Machine) -> None:
    machine.uart("ttyAMA0", "/dev/null")
    machine.uart("ttyAMA1", "/dev/null")
    folder = machine.roots.sys / "class/tty/console"
    folder.mkdir()
    (folder / "active").write_text("tty0 ttyAMA0\n")
    assert [tty.console for tty in ttys(machine.roots)] == [True, False]


def test_a_machine_without_sysfs_has_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert ttys(Machine(tmp_path / "machine").roots.under(tmp_path / "empty")) == []


# From `device` to a path


def test_a_plain_path_and_a_link_stay_unchanged(machine: Machine) -> None:
    for path in ("/dev/ttyUSB0", "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.2-port0", "/nowhere"):
        assert find_device(path, machine.roots) == path


def test_a_glob_gives_its_one_match(machine: Machine) -> None:
    pattern = f"{machine.roots.dev}/modem*"
    assert fails(pattern, machine).missing
    target = machine.root / "device"
    target.touch()
    (machine.roots.dev / "modem-1").symlink_to(target)
    (machine.roots.dev / "modem-dead").symlink_to(machine.root / "nothing")
    assert find_device(pattern, machine.roots) == str(machine.roots.dev / "modem-1")
    (machine.roots.dev / "modem-2").symlink_to(target)
    assert os.path.realpath(find_device(pattern, machine.roots)) == str(target)
    (machine.root / "other").touch()
    (machine.roots.dev / "modem-3").symlink_to(machine.root / "other")
    error = fails(pattern, machine)
    assert not error.missing
    assert "several devices" in str(error)
    assert "modem-2" in str(error)
    assert "modem-3" in str(error)


def test_an_existing_path_with_glob_characters_stays_unchanged(machine: Machine) -> None:
    path = machine.roots.dev / "port[1]"
    path.touch()
    assert find_device(str(path), machine.roots) == str(path)


@pytest.mark.parametrize("name", ["usb:1-1.2:2", "usb:00:AB:2", "usb:00:AB:07:2"])
def test_a_usb_device_is_found_by_location_or_serial_number(machine: Machine, name: str) -> None:
    serial = "00:AB:07" if "07" in name else "00:AB"
    stick = machine.stick("1-1.2", serial=serial)
    machine.tty("ttyUSB0", "/dev/null", stick, 0)
    machine.tty("ttyUSB2", "/dev/null", stick, 2)
    machine.tty("ttyUSB5", "/dev/null", machine.stick("1-1.3", serial="other"), 2)
    assert find_device(name, machine.roots) == str(machine.roots.dev / "ttyUSB2")


def test_the_interface_can_be_left_out_where_there_is_one(machine: Machine) -> None:
    machine.tty("ttyUSB0", "/dev/null", machine.stick("1-1", serial="0001:7"))
    for name in ("usb:1-1", "usb:0001:7"):
        assert find_device(name, machine.roots) == str(machine.roots.dev / "ttyUSB0")


def test_an_absent_usb_device_is_missing(machine: Machine) -> None:
    assert fails("usb:1-1", machine).missing
    machine.tty("ttyUSB0", "/dev/null", machine.stick("1-1"), 0)
    error = fails("usb:1-1:2", machine)
    assert error.missing
    assert "no interface 2" in str(error)


def test_several_matches_are_reported_with_their_difference(machine: Machine) -> None:
    stick = machine.stick("1-1", serial="0001")
    machine.tty("ttyUSB0", "/dev/null", stick, 0)
    machine.tty("ttyUSB2", "/dev/null", stick, 2)
    assert "usb:1-1:2" in str(fails("usb:1-1", machine))
    machine.tty("ttyUSB3", "/dev/null", machine.stick("1-2", serial="0001"), 0)
    error = fails("usb:0001:0", machine)
    assert "usb:1-1, usb:1-2" in str(error)
    assert not error.missing


def test_serial_ports_that_share_an_interface_are_named_by_path(machine: Machine) -> None:
    stick = machine.stick("1-1", "1a86", "55d9")
    machine.acm("ttyCH9344USB0", "/dev/null", stick)
    entry = machine.roots.sys / "class/tty/ttyCH9344USB0"
    other = entry.resolve().with_name("ttyCH9344USB1")
    other.mkdir()
    (other / "device").symlink_to((entry / "device").resolve())
    (machine.roots.sys / "class/tty/ttyCH9344USB1").symlink_to(other)
    (machine.roots.dev / "ttyCH9344USB1").symlink_to("/dev/zero")
    assert "by its path" in str(fails("usb:1-1", machine))
    assert "by its path" in str(fails("usb:1-1:0", machine))
    # udev makes one link for both, to the last one.
    (machine.roots.dev / "serial/by-path/usb-0:1-1:1.0").symlink_to(machine.roots.dev / "ttyCH9344USB1")
    both = ttys(machine.roots)
    assert [stable_name(tty, both, machine.roots) for tty in both] == [tty.path for tty in both]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_name_is_found_or_refused(machine: Machine, name: str) -> None:
    if not (machine.roots.sys / "devices").exists():
        machine.tty("ttyUSB0", "/dev/null", machine.stick("1-1", serial="é:0"))
    try:
        assert find_device(f"usb:{name}", machine.roots)
    except DeviceUnavailableError as error:
        assert str(error)  # noqa: PT017 - either is right


# From a path to a stable name


def test_the_stable_name_is_by_path_or_the_location(machine: Machine) -> None:
    stick = machine.stick("1-1.2", serial="0001")
    machine.tty("ttyUSB0", "/dev/null", stick, 0)
    both = machine.root / "two"
    both.touch()
    machine.tty("ttyUSB2", both, stick, 2, by_path=True)
    machine.uart("ttyS0", "/dev/null")
    found = ttys(machine.roots)
    names = {tty.name: stable_name(tty, found, machine.roots) for tty in found}
    assert names["ttyUSB0"] == "usb:1-1.2:0"
    assert names["ttyUSB2"].endswith("serial/by-path/usb-0:1-1.2:1.2-port0")
    assert names["ttyS0"] == str(machine.roots.dev / "ttyS0")
    for name in names.values():
        assert os.path.realpath(find_device(name, machine.roots)) in (str(both), "/dev/null")


# Users of a device

HOLDING = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
fcntl.flock(fd, fcntl.LOCK_EX)
open("/proc/self/comm", "w").write(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(device: str | Path, program: str) -> Iterator[int]:
    """Another process that has a device open and locked, under the name of a program."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(device), program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("ModemManager", "sudo systemctl mask --now ModemManager"),
        ("ModemManager", 'ENV{ID_MM_DEVICE_IGNORE}="1"'),
        ("minicom", "stop it"),
    ],
)
def test_a_locked_device_is_reported_with_its_user_and_a_remedy(program: str, words: str) -> None:
    with ScriptedModem() as modem, holding(modem.device, program) as pid:
        with pytest.raises(DeviceUnavailableError) as caught:
            open_device(modem.device, 115200)
        assert f"held by {program} (process {pid})" in str(caught.value)
        assert words in str(caught.value)
        assert not caught.value.missing


def test_an_unknown_user_is_most_likely_modemmanager_where_that_runs(machine: Machine) -> None:
    with ScriptedModem() as modem, holding(modem.device, "minicom"):
        with pytest.raises(DeviceUnavailableError, match="sudo fuser -v"):
            open_device(modem.device, 115200, proc=machine.roots.proc)
        machine.process(812, "ModemManager")
        with pytest.raises(DeviceUnavailableError, match=r"most likely ModemManager.*mask --now"):
            open_device(modem.device, 115200, proc=machine.roots.proc)


def test_a_device_that_a_program_reads_without_a_lock_is_not_opened(machine: Machine) -> None:
    device = machine.root / "ttyUSB0"
    device.touch()
    machine.process(700, "bash", "/dev/null")
    machine.process(813, "agetty", "/dev/null", device)
    with pytest.raises(DeviceUnavailableError, match=r"held by agetty \(process 813\).*serial-getty@ttyUSB0"):
        open_device(str(device), 115200, proc=machine.roots.proc)


FORBIDDEN = """
import os, sys
from modem.hardware.device_path import DeviceUnavailableError
from modem.at.serial_port import open_device
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    open_device(sys.argv[1], 115200)
except DeviceUnavailableError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a device to a group, and become nobody")
def test_a_device_of_another_group_is_reported_with_the_command_to_run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)  # noqa: S103 - others may not list it
        device = Path(folder) / "device"
        device.touch()
        os.chown(device, 0, grp.getgrnam("dialout").gr_gid)
        device.chmod(0o660)
        command = [sys.executable, "-c", FORBIDDEN, str(device)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        assert "sudo usermod -aG dialout nobody" in done.stdout
