"""Describe the box: versions, memory, disks, serial devices. No device is opened."""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from gatewayd.store.inspection import SQLITE_VERSION
from gatewayd.timekeeping.clock import Clock, iso
from gatewayd.version import VERSION
from modem import discovery
from modem.hardware.device_users import device_users
from modem.hardware.sysfs import MACHINE

_PROC = Path("/proc")


def versions() -> dict[str, Any]:
    """Return the versions of gatewayd, Python, the system and the packages."""
    return {
        **own_versions(),
        "packages": dict(sorted({each.name: each.version for each in distributions()}.items())),
    }


def own_versions() -> dict[str, str]:
    """Return the versions of gatewayd, Python and the system. To read those of all packages takes some ten milliseconds."""
    return {
        "gatewayd": VERSION,
        "python": platform.python_version(),
        "sqlite": SQLITE_VERSION,
        "system": _system(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "board": _read(_PROC / "device-tree/model").rstrip("\0"),
    }


def resources(store: Path) -> dict[str, Any]:
    """Return time, load, memory, and the disks of database and system. Sizes of disks and files are in bytes."""
    return {
        "now": iso(Clock().now()),
        "up_s": _read(_PROC / "uptime").split(" ")[0],
        "load": _read(_PROC / "loadavg").strip(),
        "processors": os.cpu_count(),
        "memory_kib": _memory(),
        "disks": {str(folder): _disk(folder) for folder in (store.parent, Path("/"))},
        "database_files": _sizes(store),
    }


def serial_devices() -> list[dict[str, Any]]:
    """List the serial devices, with the programs that have them open."""
    found, _ = discovery.devices()
    return [
        {
            "device": device.path,
            "name": device.name,
            "driver": device.tty.driver if device.tty else "",
            "interface": device.tty.interface if device.tty else None,
            "usb": f"{usb.location} {usb.vendor}:{usb.product} {usb.name}".rstrip()
            if device.tty and (usb := device.tty.usb)
            else "",
            "held_by": [str(holder) for holder in device_users(device.path, MACHINE.proc)],
        }
        for device in found
    ]


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def _memory() -> dict[str, int]:
    lines = dict(line.split(":", 1) for line in _read(_PROC / "meminfo").splitlines() if ":" in line)
    wanted = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
    return {name: int(lines[name].split()[0]) for name in wanted if name in lines}


def _disk(folder: Path) -> dict[str, int] | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return {"total": usage.total, "free": usage.free}


def _sizes(store: Path) -> dict[str, int] | None:
    try:
        return {path.name: path.stat().st_size for path in sorted(store.parent.glob(f"{store.name}*"))}
    except OSError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
