"""The processes that have a serial device open, and the remedy for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MODEM_MANAGER: Final = "ModemManager"

# Programs that open serial devices by themselves, and how to stop each for good.
_REMEDIES: Final = {
    _MODEM_MANAGER: "switch it off with `sudo systemctl mask --now ModemManager`, or keep it from this device with a "
    'udev rule that sets ENV{ID_MM_DEVICE_IGNORE}="1"',
    "brltty": "it takes USB adapters for Braille displays: `sudo systemctl mask --now brltty-udev brltty`",
    "agetty": "a login prompt runs on it: `sudo systemctl mask --now serial-getty@%s`",
    "gatewayd": "another gateway uses it",
}


@dataclass(frozen=True, slots=True)
class DeviceUser:
    """A process that has the device open."""

    pid: int
    program: str

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid})"


def device_users(device: str, proc: Path) -> list[DeviceUser]:
    """The processes that have `device` open. Only root sees those of other users."""
    target = os.path.realpath(device)
    return [DeviceUser(pid, _program(proc, pid)) for pid in _processes(proc) if _has_open(proc, pid, target)]


def in_use(device: str, proc: Path) -> str:
    """A sentence for a locked device: the process, and the remedy."""
    found = device_users(device, proc)
    others = [user for user in found if user.pid != os.getpid()]
    if others:
        return in_use_by(device, others[0])
    if found:
        return f"{device} is held by another port of this gateway: correct `device` of one of them."
    if any(_program(proc, pid) == _MODEM_MANAGER for pid in _processes(proc)):
        remedy = _REMEDIES[_MODEM_MANAGER]
        return f"{device} is held by another program, most likely ModemManager, which is running: {remedy}."
    return f"{device} is held by another program: stop it (`sudo fuser -v {device}` names it)."


def in_use_by(device: str, user: DeviceUser) -> str:
    """A sentence for a device that the process `user` has open."""
    remedy = _REMEDIES.get(user.program, "stop it").replace("%s", os.path.basename(os.path.realpath(device)))
    return f"{device} is held by {user}: {remedy}."


def _processes(proc: Path) -> Iterator[int]:
    try:
        names = os.listdir(proc)
    except OSError:
        return
    yield from sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _has_open(proc: Path, pid: int, target: str) -> bool:
    folder = f"{proc}/{pid}/fd"
    try:
        descriptors = os.listdir(folder)
    except OSError:
        return False  # a process of another user, or one that has just ended
    for descriptor in descriptors:
        try:
            opened = f"{folder}/{descriptor}"
            # A container has its own terminals under the same names.
            if os.readlink(opened) == target and os.path.samefile(opened, target):
                return True
        except OSError:
            continue  # closed meanwhile
    return False


def _program(proc: Path, pid: int) -> str:
    try:
        return (proc / str(pid) / "comm").read_text("utf-8", "replace").strip() or "a program"
    except OSError:
        return "a program"
