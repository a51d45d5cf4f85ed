"""Lists serial devices from sysfs, with the USB device of each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

# No modems: opening such a device would connect to another machine by Bluetooth.
_NOT_WIRED: Final = ("rfcomm",)
_NO_UART: Final = "0"  # PORT_UNKNOWN of linux/serial_core.h: no UART is there


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders in which the kernel shows devices and processes."""

    sys: Path = Path("/sys")
    dev: Path = Path("/dev")
    proc: Path = Path("/proc")

    @classmethod
    def under(cls, root: Path) -> Self:
        """The same folders under another root, for a container or a copy."""
        return cls(root / "sys", root / "dev", root / "proc")


MACHINE: Final = Roots()


@dataclass(frozen=True, slots=True)
class Usb:
    """A USB device: a modem, or an adapter with a modem behind it."""

    location: str  # its socket in the kernel's form: bus-port, and a .port for each hub
    vendor: str = ""  # four hexadecimal digits
    product: str = ""  # four hexadecimal digits
    serial: str = ""
    name: str = ""  # manufacturer and product, as the device gives them


@dataclass(frozen=True, slots=True)
class Tty:
    """A serial device with hardware."""

    name: str  # as ttyUSB0
    path: str
    driver: str = ""
    usb: Usb | None = None
    interface: int | None = None  # of the USB device
    protocol: int | None = None  # of the interface: bInterfaceProtocol
    outlet: int | None = None  # counted from 0, where one interface has several
    console: bool = False  # used by the system


def ttys(roots: Roots = MACHINE) -> list[Tty]:
    """The present serial devices, in the order of their names. Empty where the kernel shows none."""
    folder = roots.sys / "class" / "tty"
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    consoles = set(_text(folder / "console" / "active").split())
    found: list[Tty] = []
    for name in sorted(names, key=_natural):
        entry, path = folder / name, roots.dev / name
        if name.startswith(_NOT_WIRED) or not (entry / "device").exists() or not path.exists():
            continue
        if _text(entry / "type") != _NO_UART:
            found.append(_tty(name, path, entry, roots.sys, console=name in consoles))
    return found


def tty_at(path: str, roots: Roots = MACHINE) -> Tty | None:
    """The serial device of a path; None where the kernel shows none there."""
    target = os.path.realpath(path)
    return next((tty for tty in ttys(roots) if os.path.realpath(tty.path) == target), None)


def _tty(name: str, path: Path, entry: Path, sys: Path, *, console: bool) -> Tty:
    """Follow the parents of the device to its USB interface and its USB device."""
    device = (entry / "device").resolve()
    interface: Path | None = None
    for folder in (device, *device.parents):
        if folder == sys:
            break
        if interface is None and (folder / "bInterfaceNumber").exists():
            interface = folder
        if interface is not None and (folder / "idVendor").exists():
            return Tty(
                name,
                str(path),
                _driver(interface),
                _usb(folder),
                _number(interface / "bInterfaceNumber", 16),
                _number(interface / "bInterfaceProtocol", 16),
                _number(device / "port_number", 10),
                console,
            )
    return Tty(name, str(path), _driver(device), console=console)


def _usb(folder: Path) -> Usb:
    words = (_text(folder / "manufacturer"), _text(folder / "product"))
    return Usb(
        location=folder.name,
        vendor=_text(folder / "idVendor"),
        product=_text(folder / "idProduct"),
        serial=_text(folder / "serial"),
        name=" ".join(filter(None, words)),
    )


def _driver(folder: Path) -> str:
    link = folder / "driver"
    return link.resolve().name if link.exists() else ""


def _number(path: Path, base: int) -> int | None:
    try:
        return int(_text(path), base)
    except ValueError:
        return None


def _text(path: Path) -> str:
    """The value of an attribute, in printable characters; "" where there is none, or its device has just gone."""
    try:
        said = path.read_bytes().decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return "".join(char if char.isprintable() else " " for char in said)


def _natural(name: str) -> tuple[str, int]:
    """A sort key: ttyUSB9 comes before ttyUSB10."""
    found = re.fullmatch(r"(.*?)([0-9]{1,9})", name)
    return (found[1], int(found[2])) if found else (name, -1)
