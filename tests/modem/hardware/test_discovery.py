"""Discovery of modems, their speed and their serial port, on simulated banks and machines."""

from __future__ import annotations

import os
import termios
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modem.discovery import Device, Finding, ProbeResult, devices, modems, probe
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.hardware.sysfs import Tty, Usb
from modem.simulator.bank import Bank, BankConfig
from modem.simulator.core.sim import imei
from modem.simulator.personality import PERSONALITIES
from modem.timeouts import SearchTimeouts
from tests.conftest import eventually
from tests.modem.hardware.machine import Machine
from tests.modem.healthy_modem import healthy
from tests.modem.recording_work import FAST
from tests.modem.scripted_modem import Script, ScriptedModem

QUICK = SearchTimeouts(at_s=0.05, device_s=5.0, channel=FAST.channel, commands=FAST.commands)
OK = b"\r\nOK\r\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


def asked(*paths: str | Path) -> list[Finding]:
    return probe([Device(str(path), str(path)) for path in paths], timeouts=QUICK)


def test_a_finding_has_the_data_of_modem_and_sim() -> None:
    with ScriptedModem(healthy()) as modem:
        [finding] = asked(modem.device)
        heard = set(modem.commands)
    assert finding == Finding(
        Device(modem.device, modem.device),
        ProbeResult.SMS,
        baud=115_200,
        model="Acme One",
        imei="356938035643809",
        sim=SimState.READY,
        iccid="8922301000000000017",
        operator="Orange ML",
        registration=Registration.HOME,
        signal_dbm=-79,
        has_smsc=True,
    )
    assert finding.can_send
    changing = ("AT+CFUN=", "AT+CPIN=", "AT+CPMS=", "AT+CNMI=", "AT+CSCA=", "AT+CMGS", "AT+CMGD", "AT+COPS=")
    assert [command for command in heard if command.startswith(changing)] == []


def test_a_bank_is_probed_in_parallel_and_each_finding_is_reported(tmp_path: Path) -> None:
    makes = dict(enumerate(sorted(PERSONALITIES), 1))
    config = BankConfig(tmp_path / "bank", ports=len(makes), time_scale=0.02, personality_of=makes)
    told: list[Finding] = []
    with Bank(config) as bank:
        eventually(lambda: all(finding.can_send for finding in asked(*map(bank.device, bank.ports))))
        wanted = [Device(str(bank.device(port)), "") for port in bank.ports]
        findings = probe(wanted, on_finding=told.append, timeouts=QUICK)
        iccids = [bank.iccid(port) for port in bank.ports]
    assert [finding.imei for finding in findings] == [imei(port) for port in makes]
    for finding, iccid in zip(findings, iccids, strict=True):
        assert finding.iccid in (iccid, "")  # some makes have no command for it
    assert findings[list(makes.values()).index("plain")].iccid
    assert [finding.device for finding in findings] == wanted
    assert sorted(map(id, told)) == sorted(map(id, findings))


def test_no_pin_is_entered_in_a_probe(tmp_path: Path) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=1, time_scale=0.02, pin="4321")) as bank:
        [finding] = asked(bank.device(1))
    assert (finding.result, finding.sim, finding.can_send) == (ProbeResult.SMS, SimState.PIN_REQUIRED, False)


def test_a_device_without_at_is_silent_and_one_without_messages_is_at() -> None:
    nothing: dict[str, Script | list[Script]] = dict.fromkeys(("AT", "ATE0V1Q0", "ATQ0V1E0", "ESC", ""), b"")
    noise: dict[str, Script | list[Script]] = dict.fromkeys(nothing, b"$GPGGA,1,2*47\r\n")
    with (
        ScriptedModem(nothing) as mute,
        ScriptedModem(noise) as receiver,
        ScriptedModem({"AT+CMGF": b"\r\nERROR\r\n", "AT+CMGF=0": b"\r\nERROR\r\n"}) as data,
    ):
        findings = asked(mute.device, receiver.device, data.device)
    assert [finding.result for finding in findings] == [
        ProbeResult.SILENT,
        ProbeResult.SILENT,
        ProbeResult.AT,
    ]


def test_a_modem_in_text_entry_or_in_q1_is_found() -> None:
    with ScriptedModem(healthy()) as entering, ScriptedModem(healthy()) as quiet:
        entering.entering = True
        quiet.answers["AT"] = b""

        def speak(modem: ScriptedModem) -> None:
            modem.answers["AT"] = OK
            modem.say(OK)

        quiet.answers["ATQ0V1E0"] = speak
        assert [finding.result for finding in asked(entering.device, quiet.device)] == [ProbeResult.SMS] * 2


def test_the_speed_at_which_a_modem_answers_is_found() -> None:
    with ScriptedModem(healthy()) as modem:
        fd = os.open(modem.device, os.O_RDWR | os.O_NOCTTY)

        def at_9600(modem: ScriptedModem) -> None:
            if termios.tcgetattr(fd)[5] == termios.B9600:
                modem.say(OK)

        modem.answers["AT"] = at_9600
        [finding] = asked(modem.device)
        os.close(fd)
    assert (finding.result, finding.baud) == (ProbeResult.SMS, 9_600)


def test_a_lost_or_closed_device_is_reported_and_delays_no_other() -> None:
    with (
        ScriptedModem(healthy({"AT+CGMI": ScriptedModem.unplug})) as going,
        ScriptedModem(healthy()) as modem,
    ):
        findings = asked("/dev/null", "/nowhere", going.device, modem.device)
    assert [finding.result for finding in findings] == [
        ProbeResult.SHUT,
        ProbeResult.SHUT,
        ProbeResult.SHUT,
        ProbeResult.SMS,
    ]
    assert "no serial device" in findings[0].detail
    assert "plugged in" in findings[1].detail
    assert "was lost" in findings[2].detail


def test_a_slow_modem_gives_a_partial_finding() -> None:
    with ScriptedModem(healthy()) as modem:
        [finding] = probe([Device(modem.device, "")], timeouts=replace(QUICK, device_s=0.0))
    assert (finding.result, finding.imei, finding.iccid) == (ProbeResult.SMS, "356938035643809", "")
    assert "slowly" in finding.detail


def test_a_probe_can_be_interrupted() -> None:
    class LeaveError(Exception):
        pass

    def leave(_: Finding) -> None:
        raise LeaveError

    slow = replace(QUICK, at_s=60.0)
    with ScriptedModem({"AT": b""}) as mute, pytest.raises(LeaveError):
        probe([Device(mute.device, ""), Device("/nowhere", "")], on_finding=leave, timeouts=slow)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("probe")]


# The choice of devices and serial ports


def test_each_device_is_listed_once_with_its_stable_name(machine: Machine, tmp_path: Path) -> None:
    target, other = tmp_path / "target", tmp_path / "other"
    target.touch()
    other.touch()
    path = machine.tty("ttyUSB2", target, machine.stick("1-1"), 2)
    machine.uart("ttyS0", "/dev/zero")
    found, missing = devices([str(path), str(target), "usb:1-1", str(other), "usb:9-9"], machine.roots)
    assert [(device.path, device.name) for device in found] == [
        (str(machine.roots.dev / "ttyS0"),) * 2,
        (str(path), "usb:1-1:2"),
        (str(other), str(other)),
    ]
    [gone] = missing
    assert (gone.device.name, gone.result) == ("usb:9-9", ProbeResult.SHUT)


def test_the_console_is_not_probed_unless_it_is_named(machine: Machine) -> None:
    path = machine.uart("ttyAMA0", "/dev/null")
    (machine.roots.sys / "class/tty/console").mkdir()
    (machine.roots.sys / "class/tty/console/active").write_text("ttyAMA0\n")
    assert devices([], machine.roots) == ([], [])
    assert [device.path for device in devices([str(path)], machine.roots)[0]] == [str(path)]


def found_on(stick: Usb, interface: int, protocol: int = 0xFF, driver: str = "option") -> Finding:
    name = f"ttyUSB{interface}"
    tty = Tty(name, f"/dev/{name}", driver, stick, interface, protocol)
    return Finding(Device(tty.path, name, tty), ProbeResult.SMS)


@pytest.mark.parametrize(
    ("vendor", "protocols", "interface"),
    [
        ("2c7c", {3: 0xFF, 2: 0xFF}, 2),
        ("12d1", {0: 0x01, 1: 0x03, 2: 0x02}, 2),
        ("12d1", {0: 0x10, 2: 0x12}, 2),
        ("12d1", {0: 0x01}, 0),
    ],
)
def test_the_serial_port_for_messages_is_chosen(
    vendor: str, protocols: dict[int, int], interface: int
) -> None:
    stick = Usb("1-1", vendor)
    findings = [found_on(stick, number, protocol) for number, protocol in protocols.items()]
    assert [finding.device.name for finding in modems(findings)] == [f"ttyUSB{interface}"]


def test_each_serial_port_of_an_adapter_is_one_modem() -> None:
    quad, wch = Usb("1-1", "0403"), Usb("1-2", "1a86")
    findings = [
        *(found_on(quad, number, driver="ftdi_sio") for number in range(4)),
        *(found_on(wch, number, driver="cdc_acm") for number in range(4, 8)),
    ]
    assert len(modems(findings)) == 8


def test_only_a_device_with_messages_is_a_modem() -> None:
    stick = Usb("1-1", "2c7c")
    findings = [
        replace(found_on(stick, number), result=speech)
        for number, speech in enumerate(
            (ProbeResult.SILENT, ProbeResult.AT, ProbeResult.SHUT, ProbeResult.UNASKED)
        )
    ]
    assert modems(findings) == []


def test_a_usb_modem_is_tried_at_one_speed_and_an_adapter_at_all() -> None:
    stick = found_on(Usb("1-1", "2c7c"), 0).device
    adapter = found_on(Usb("1-1", "0403"), 0, driver="ftdi_sio").device
    assert (stick.is_modems_own, adapter.is_modems_own) == (True, False)
    assert not Device("/dev/ttyS0", "/dev/ttyS0").is_modems_own


@pytest.fixture(autouse=True)
def _no_descriptor_is_left_open() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)
