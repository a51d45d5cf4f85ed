"""Finds modems: lists serial devices, and asks each whether it answers AT and can send messages."""

from __future__ import annotations

import os
import termios
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from enum import Enum
from time import monotonic
from typing import Any, Final

import serial

from modem.at.channel import Channel
from modem.at.serial_port import SerialPort, open_device
from modem.at.transport import ChannelError, SilentError
from modem.driver.modem import Modem
from modem.driver.registration import Registration
from modem.driver.sim import SimState
from modem.hardware.device_path import DeviceUnavailableError, find_device, stable_name
from modem.hardware.sysfs import MACHINE, Roots, Tty, ttys
from modem.timeouts import SearchTimeouts

# Devices at the same time. A modem has up to seven serial ports, a bank sixteen modems; each waits most of its time.
SIDE_BY_SIDE: Final = 16

# The speeds of modems on UARTs, the likeliest first.
FIRST_BAUD: Final = 115_200
_BAUDS: Final = (FIRST_BAUD, 9_600, 57_600, 19_200, 38_400, 230_400, 460_800)

# Drivers of modems with their own USB, whose speed has no effect; other drivers are for adapters.
_MODEM_DRIVERS: Final = frozenset(
    {"option", "qcserial", "qcaux", "sierra", "hso", "huawei_cdc_ncm", "cdc_acm"}
)
_ADAPTER_VENDORS: Final = frozenset({"1a86"})  # WCH: its adapters use cdc_acm
_HUAWEI: Final = "12d1"
_HUAWEI_PCUI: Final = 0x02  # in the lower half of bInterfaceProtocol: the only interface with URCs


class ProbeResult(Enum):
    """The result of asking a device."""

    UNASKED = "unasked"
    SMS = "sms"  # AT with messages
    AT = "at"  # AT without messages
    SILENT = "silent"  # no answer to AT at any speed
    SHUT = "shut"  # it cannot be opened, or was lost meanwhile


@dataclass(frozen=True, slots=True)
class Device:
    """A serial device that may have a modem behind it."""

    path: str  # the path to open
    name: str  # a stable name, for `device` in the configuration
    tty: Tty | None = None  # None: not in the kernel's list, such as a pseudo-terminal

    @property
    def node(self) -> str:
        """The resolved path: the same for all names of one device."""
        return os.path.realpath(self.path)

    @property
    def is_modems_own(self) -> bool:
        """Whether the USB device itself is a modem: then all its serial ports belong to one modem."""
        tty = self.tty
        if tty is None or tty.usb is None:
            return False
        return tty.driver in _MODEM_DRIVERS and tty.usb.vendor not in _ADAPTER_VENDORS


@dataclass(frozen=True, slots=True)
class Finding:
    """The data about a device after it was asked."""

    device: Device
    result: ProbeResult
    detail: str = ""  # the reason and the remedy where it cannot be asked
    baud: int | None = None  # the speed at which it answers
    model: str = ""
    imei: str = ""
    sim: SimState = SimState.UNKNOWN
    iccid: str = ""
    operator: str = ""
    registration: Registration = Registration.UNKNOWN
    signal_dbm: int | None = None
    has_smsc: bool | None = None  # whether the SIM has a service centre; None: not known

    @property
    def can_send(self) -> bool:
        """Whether a message could be sent through it now."""
        return self.result is ProbeResult.SMS and self.sim is SimState.READY and self.registration.carries_sms


class _StopError(Exception):
    """The caller of `probe` has stopped."""


def devices(given: Iterable[str] = (), roots: Roots = MACHINE) -> tuple[list[Device], list[Finding]]:
    """The serial devices of this machine and the given ones, each once; and the given ones that are missing.

    `given` has the form of `device` in the configuration. The system's console is left out unless it is given.
    """
    listed = ttys(roots)
    by_node = {
        os.path.realpath(tty.path): Device(tty.path, stable_name(tty, listed, roots), tty) for tty in listed
    }
    found = {node: device for node, device in by_node.items() if device.tty and not device.tty.console}
    missing: list[Finding] = []
    for name in given:
        try:
            path = find_device(name, roots)
        except DeviceUnavailableError as error:
            missing.append(Finding(Device(name, name), ProbeResult.SHUT, str(error)))
            continue
        device = by_node.get(os.path.realpath(path), Device(path, path))
        found.setdefault(device.node, device)
    return list(found.values()), missing


def probe(
    wanted: Sequence[Device],
    *,
    on_finding: Callable[[Finding], None] = lambda _: None,
    timeouts: SearchTimeouts | None = None,
    roots: Roots = MACHINE,
) -> list[Finding]:
    """Ask several devices at the same time. Returns findings in the order of `wanted`; `on_finding` is called after each.

    No lasting setting of a modem is changed, and its SIM is not unlocked. Takes at most `SearchTimeouts.device_s` and one command
    for each `SIDE_BY_SIDE` devices.
    """
    wake_fd, stop_fd = os.pipe()
    try:
        with ThreadPoolExecutor(SIDE_BY_SIDE, "probe") as pool:
            futures: list[Future[Finding]] = [
                pool.submit(_probe, device, wake_fd, timeouts or SearchTimeouts(), roots) for device in wanted
            ]
            try:
                for future in as_completed(futures):
                    on_finding(future.result())
            except BaseException:
                os.write(stop_fd, b"!")  # never read, so that every running probe sees it
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [future.result() for future in futures]
    finally:
        os.close(wake_fd)
        os.close(stop_fd)


def modems(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each modem that can send messages: of several serial ports, the one to use."""
    best: dict[str, Finding] = {}
    for finding in findings:
        key = modem_of(finding.device)
        if finding.result is ProbeResult.SMS and (key not in best or _rank(finding) < _rank(best[key])):
            best[key] = finding
    return list(best.values())


def modem_of(device: Device) -> str:
    """A key that is the same for all serial ports of one modem."""
    if device.is_modems_own and device.tty is not None and device.tty.usb is not None:
        return device.tty.usb.location
    return device.node


def _rank(finding: Finding) -> tuple[bool, int]:
    """A sort key: the lowest interface with messages is the right one, except for Huawei."""
    tty = finding.device.tty
    if tty is None or tty.usb is None:
        return (False, 0)
    mute = tty.usb.vendor == _HUAWEI and (tty.protocol or 0) & 0x0F != _HUAWEI_PCUI
    return (mute, tty.interface or 0)


# One device, in its own thread


def _probe(device: Device, wake_fd: int, timeouts: SearchTimeouts, roots: Roots) -> Finding:
    try:
        port = open_device(device.path, _BAUDS[0], proc=roots.proc)
    except DeviceUnavailableError as error:
        return Finding(device, ProbeResult.SHUT, str(error))
    try:
        return _ask(device, port, wake_fd, timeouts)
    except (ChannelError, OSError, termios.error, serial.SerialException) as error:
        return Finding(device, ProbeResult.SHUT, f"{device.path} was lost while it was asked: {error}")
    finally:
        port.close()


def _ask(device: Device, port: SerialPort, wake_fd: int, timeouts: SearchTimeouts) -> Finding:
    def attend() -> None:
        raise _StopError

    deadline = monotonic() + timeouts.device_s
    channel = Channel(port.fd, wake_fd, attend, name=device.path, timeouts=timeouts.channel)
    baud = _speed(device, port, channel, timeouts)
    if baud is None:
        return Finding(device, ProbeResult.SILENT)
    modem = Modem(channel, timeouts=timeouts.commands)
    modem.greet()
    model = modem.name if modem.identity.model else ""
    finding = Finding(device, ProbeResult.AT, baud=baud, model=model, imei=modem.identity.imei)
    if modem.takes_pdus():
        finding = replace(finding, result=ProbeResult.SMS)
    return _read_sim(finding, modem, deadline) if finding.result is ProbeResult.SMS else finding


def _speed(device: Device, port: SerialPort, channel: Channel, timeouts: SearchTimeouts) -> int | None:
    """The speed at which the device answers OK to AT; None without one."""
    bauds: Collection[int] = _BAUDS[:1] if device.is_modems_own else _BAUDS
    for baud in bauds:
        port.set_baud(baud)
        for _ in range(3):
            if _answers_ok(channel, timeouts.at_s):
                return baud
    port.set_baud(_BAUDS[0])
    channel.in_step = False
    try:
        channel.resync()  # the modem may be in text entry, or answers may be switched off
    except ChannelError:
        if channel.gone:
            raise
        return None
    return _BAUDS[0]


def _answers_ok(channel: Channel, timeout_s: float) -> bool:
    channel.in_step = True  # no resynchronisation: the device may be no modem at all
    try:
        return channel.command("AT", timeout_s=timeout_s).ok
    except SilentError:
        return False


def _read_sim(finding: Finding, modem: Modem, deadline: float) -> Finding:
    """Read the data that needs no PIN and no registration, until `deadline` (monotonic seconds)."""
    steps: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("sim", modem.sim.state),
        ("registration", modem.network.registration),
        ("signal_dbm", modem.network.signal_dbm),
        ("operator", modem.network.operator),
        ("iccid", modem.sim.iccid),
        ("has_smsc", modem.find_service_centre),
    )
    for name, ask in steps:
        if monotonic() >= deadline:
            return replace(
                finding, detail=f"{finding.device.path} answers so slowly that some questions were left out."
            )
        finding = replace(finding, **{name: ask()})
    return finding
