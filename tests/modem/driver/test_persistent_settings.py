"""Settings that a modem keeps without power: read first, and written only where they differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from modem.port.status import PortState
from modem.simulator.bank import Bank, BankConfig, Fault
from tests.conftest import eventually
from tests.modem.hardware.machine import Machine
from tests.modem.healthy_modem import OK, Answers, healthy
from tests.modem.recording_work import FAST, RecordingWork
from tests.modem.running_port import SCALE, running
from tests.modem.scripted_modem import ScriptedModem

ASK = 'AT+QURCCFG="urcport"'


def quectel(holds: bytes | None, more: Answers | None = None) -> Answers:
    """A Quectel that sends its URCs to the port `holds`."""
    told = b'\r\n+QURCCFG: "urcport","%s"\r\n' % holds + OK if holds else b"\r\n+CME ERROR: 50\r\n"
    return healthy({"AT+CGMI": b"\r\nQuectel\r\n" + OK, ASK: told, "AT+QURCCFG": OK, **(more or {})})


def writes(answers: Answers, device: str | None = None, machine: Machine | None = None) -> list[str]:
    """The +QURCCFG commands of a port that starts this modem on a device of this machine."""
    house = RecordingWork()
    with ScriptedModem(answers) as modem:
        path = modem.device
        if machine is not None and device is not None:
            link = machine.roots.dev / device
            link.unlink()
            link.symlink_to(modem.device)
            path = str(link)
        roots = {} if machine is None else {"roots": machine.roots}
        with running(path, house, **roots):  # type: ignore[arg-type]
            eventually(lambda: house.state is PortState.UP)
            return [command for command in modem.commands.copy() if "QURCCFG" in command]


def machine_with(
    tmp_path: Path, *, vendor: str, product: str, interface: int, driver: str = "option"
) -> tuple[Machine, str]:
    machine = Machine(tmp_path)
    stick = machine.stick("1-1", vendor, product)
    machine.tty("ttyUSB7", "/dev/null", stick, interface, driver=driver)
    return machine, "ttyUSB7"


@pytest.mark.parametrize(
    ("vendor", "product", "interface", "driver", "value"),
    [
        ("2c7c", "0125", 2, "option", "usbat"),  # EC25
        ("2c7c", "0125", 3, "option", "usbmodem"),
        ("2c7c", "0296", 2, "option", "usbat"),  # BG96
        ("2c7c", "0800", 3, "qcserial", "usbmodem"),  # RM500Q
        ("05c6", "9215", 2, "option", "usbat"),  # EC20
        ("05c6", "9003", 3, "qcserial", "usbmodem"),  # UC20
        ("10c4", "ea60", 0, "cp210x", "uart1"),
        ("0403", "6001", 0, "ftdi_sio", "uart1"),
        ("1a86", "7523", 0, "ch341", "uart1"),
        ("067b", "2303", 0, "pl2303", "uart1"),
        ("1a86", "55d4", 0, "cdc_acm", "uart1"),
    ],
)
@pytest.mark.parametrize("holds", ["usbat", "usbmodem", "uart1", "all", "USBAT"])
def test_the_urc_port_is_set_only_where_it_differs(
    tmp_path: Path, vendor: str, product: str, interface: int, driver: str, value: str, holds: str
) -> None:
    machine, device = machine_with(
        tmp_path, vendor=vendor, product=product, interface=interface, driver=driver
    )
    said = writes(quectel(holds.encode()), device, machine)
    arrives = holds.lower() in (value, "all")
    assert said == [ASK] if arrives else said == [ASK, f'{ASK},"{value}"']


def test_a_serial_port_of_the_board_is_a_uart(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.uart("ttyS1", "/dev/null")
    assert writes(quectel(b"usbat"), "ttyS1", machine) == [ASK, f'{ASK},"uart1"']


@pytest.mark.parametrize(
    ("vendor", "product", "interface", "driver"),
    [
        ("2c7c", "0125", 1, "option"),  # the GPS
        ("2c7c", "0901", 2, "option"),  # another chip with other interfaces
        ("2c7c", "6026", 3, "option"),
        ("05c6", "9090", 4, "option"),
        ("1e0e", "9001", 2, "option"),  # another vendor
    ],
)
def test_nothing_is_written_where_the_port_is_not_known(
    tmp_path: Path, vendor: str, product: str, interface: int, driver: str
) -> None:
    machine, device = machine_with(
        tmp_path, vendor=vendor, product=product, interface=interface, driver=driver
    )
    assert writes(quectel(b"uart1"), device, machine) == []


def test_a_device_that_the_kernel_does_not_show_is_left_alone() -> None:
    assert writes(quectel(b"uart1")) == []


def test_an_unanswered_setting_is_not_written(tmp_path: Path) -> None:
    machine, device = machine_with(tmp_path, vendor="2c7c", product="0125", interface=2)
    assert writes(quectel(None), device, machine) == [ASK]


@pytest.mark.parametrize(
    ("maker", "question", "held", "written"),
    [
        (b"Quectel", "AT+CTZU?", b"+CTZU: 3", []),
        (b"Quectel", "AT+CTZU?", b"+CTZU: 0", ["AT+CTZU=3"]),
        (b"Quectel", "AT+CTZU?", b"+CTZU: 1", ["AT+CTZU=3"]),
        (b"Acme", "AT+CTZU?", b"+CTZU: 1", []),
        (b"Acme", "AT+CTZU?", b"+CTZU: 0", ["AT+CTZU=1"]),
        (b"Acme", "AT+CTZU?", b"", ["AT+CTZU=1"]),  # 27.007 does not define it as persistent
        (b"SIMCOM_Ltd", "AT+CLTS?", b"+CLTS: 1", []),
        (b"SIMCOM_Ltd", "AT+CLTS?", b"+CLTS: 0", ["AT+CLTS=1"]),
        (b"huawei", "AT^CURC?", b"^CURC: 1", []),
        (b"huawei", "AT^CURC?", b"^CURC:0", ["AT^CURC=1"]),
        (b"huawei", "AT^CURC?", b"", ["AT^CURC=1"]),
    ],
)
def test_other_settings_are_written_only_where_they_differ(
    maker: bytes, question: str, held: bytes, written: list[str]
) -> None:
    house = RecordingWork()
    told = b"\r\n" + held + b"\r\n" + OK if held else b"\r\nERROR\r\n"
    name = question.removesuffix("?")
    answers = healthy({"AT+CGMI": b"\r\n" + maker + b"\r\n" + OK, question: told, name: OK})
    with ScriptedModem(answers) as modem, running(modem.device, house):
        eventually(lambda: house.state is PortState.UP)
        said = [command for command in modem.commands.copy() if command.startswith(name)]
    assert said == [question, *written]


def test_an_accepted_second_choice_is_not_written_again() -> None:
    house = RecordingWork()
    answers = healthy(
        {
            "AT+CGMI": b"\r\nQuectel\r\n" + OK,
            "AT+CTZU?": b"\r\n+CTZU: 1\r\n" + OK,
            "AT+CTZU=3": b"\r\n+CME ERROR: 50\r\n",
            "AT+CTZU": OK,
        }
    )
    with ScriptedModem(answers) as modem, running(modem.device, house):
        eventually(lambda: house.state is PortState.UP)
        assert "AT+CTZU=1" not in modem.commands


def test_a_simulated_modem_gets_its_urc_port_once(
    tmp_path: Path,
) -> None:
    with Bank(BankConfig(tmp_path / "bank", ports=1, time_scale=SCALE, personality="ec25")) as bank:
        machine, device = machine_with(tmp_path / "machine", vendor="2c7c", product="0125", interface=2)
        bank.fault(1, Fault.URCS_ELSEWHERE)
        (machine.roots.dev / device).unlink()
        (machine.roots.dev / device).symlink_to(bank.device(1))
        for _ in range(2):
            house = RecordingWork()
            path = str(machine.roots.dev / device)
            with running(path, house, roots=machine.roots, timing=FAST):
                eventually(lambda house=house: house.state is PortState.UP)  # type: ignore[misc]
        kept = bank.call(lambda: bank.modem(1).kept)
        assert (kept.urc_port, kept.writes["+QURCCFG"], kept.writes["+CTZU"]) == ("usbat", 1, 1)
