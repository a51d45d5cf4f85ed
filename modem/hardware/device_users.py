"""The processes that have a serial device open, and the remedy for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.language.text import Text

_MODEM_MANAGER: Final = "ModemManager"

# Programs that open serial devices by themselves, and how to stop each for good.
_REMEDIES: Final = {
    _MODEM_MANAGER: Text(
        "switch it off with `sudo systemctl mask --now ModemManager`, or keep it from this device with a "
        'udev rule that sets ENV{ID_MM_DEVICE_IGNORE}="1"'
    ),
    "brltty": Text(
        "it takes USB adapters for Braille displays: `sudo systemctl mask --now brltty-udev brltty`"
    ),
    "gatewayd": Text("another gateway uses it"),
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
        return Text(
            "{device} is held by another port of this gateway: correct `device` of one of them.",
            device=device,
        )
    if any(_program(proc, pid) == _MODEM_MANAGER for pid in _processes(proc)):
        remedy = _remedy(_MODEM_MANAGER, device)
        return Text(
            "{device} is held by another program, most likely ModemManager, which is running: {remedy}.",
            device=device,
            remedy=remedy,
        )
    return Text(
        "{device} is held by another program: stop it (`sudo fuser -v {device}` names it).", device=device
    )


def in_use_by(device: str, user: DeviceUser) -> str:
    """A sentence for a device that the process `user` has open."""
    remedy = _remedy(user.program, os.path.basename(os.path.realpath(device)))
    return Text("{device} is held by {user}: {remedy}.", device=device, user=user, remedy=remedy)


def _remedy(program: str, tty: str) -> Text:
    """How to stop a program that has a serial device open."""
    if program == "agetty":
        return Text("a login prompt runs on it: `sudo systemctl mask --now serial-getty@{tty}`", tty=tty)
    return _REMEDIES.get(program, Text("stop it"))


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
