"""Who else has a serial device open, and what a person can do about it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MODEM_MANAGER: Final = "ModemManager"

# Programs that take serial devices of their own accord, and how they are kept from it for good.
_REMEDIES: Final = {
    _MODEM_MANAGER: "switch it off with `sudo systemctl mask --now ModemManager`, or keep it from this device with a "
    'udev rule that sets ENV{ID_MM_DEVICE_IGNORE}="1"',
    "brltty": "it takes USB adapters for Braille displays: `sudo systemctl mask --now brltty-udev brltty`",
    "agetty": "a login waits there: `sudo systemctl mask --now serial-getty@%s`",
    "gatewayd": "another gateway uses it",
}


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has the device open."""

    pid: int
    program: str

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid})"


def holders(device: str, proc: Path) -> list[Holder]:
    """The processes that have `device` open. Those of other users are only seen by root."""
    target = os.path.realpath(device)
    return [Holder(pid, _program(proc, pid)) for pid in _processes(proc) if _has_open(proc, pid, target)]


def held(device: str, proc: Path) -> str:
    """A sentence for a device that is locked: by whom, and what to do."""
    found = holders(device, proc)
    others = [holder for holder in found if holder.pid != os.getpid()]
    if others:
        return held_by(device, others[0])
    if found:
        return f"{device} is held by another port of this gateway: correct `device` of one of them."
    if any(_program(proc, pid) == _MODEM_MANAGER for pid in _processes(proc)):
        remedy = _REMEDIES[_MODEM_MANAGER]
        return f"{device} is held by another program, most likely ModemManager, which is running: {remedy}."
    return f"{device} is held by another program: stop it (`sudo fuser -v {device}` names it)."


def held_by(device: str, holder: Holder) -> str:
    """A sentence for a device that `holder` has open."""
    remedy = _REMEDIES.get(holder.program, "stop it").replace(
        "%s", os.path.basename(os.path.realpath(device))
    )
    return f"{device} is held by {holder}: {remedy}."


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
        return False  # another user's, or it has just ended
    for descriptor in descriptors:
        try:
            opened = f"{folder}/{descriptor}"
            # A container has terminals of its own under the same names.
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
