"""A machine in a folder: /sys, /dev and /proc with the serial devices of a test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from modem.hardware.sysfs import Roots

_PCI = "devices/pci0000:00/0000:00:14.0/usb1"


class Machine:
    """The layout of Linux 6. The devices are links to the files that a test opens, usually pseudo-terminals."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.roots = Roots.under(root)
        for folder in ("sys/class/tty", "dev/serial/by-path", "proc"):
            (root / folder).mkdir(parents=True)

    def stick(self, location: str, vendor: str = "2c7c", product: str = "0125", serial: str = "") -> Path:
        """Plug in a USB device; add its serial ports with `tty`."""
        folder = self.roots.sys / _PCI / location
        self._write(folder, idVendor=vendor, idProduct=product, manufacturer="Acme", product="Stick")
        if serial:
            self._write(folder, serial=serial)
        return folder

    def tty(
        self,
        name: str,
        target: str | Path,
        stick: Path,
        interface: int = 0,
        *,
        protocol: int = 0xFF,
        driver: str = "option",
        outlet: int = 0,
        by_path: bool = False,
    ) -> Path:
        """A serial port on an interface of a USB device, in the form of usbserial. `target` is the file to open."""
        place = stick / f"{stick.name}:1.{interface}"
        self._write(
            place,
            bInterfaceNumber=f"{interface:02x}",
            bInterfaceProtocol=f"{protocol:02x}",
            bInterfaceClass="ff",
        )
        self._driver(place, driver)
        device = place / name
        self._write(device, port_number=str(outlet))
        self._show(name, device, target)
        if by_path:
            link = self.roots.dev / f"serial/by-path/usb-0:{stick.name}:1.{interface}-port{outlet}"
            link.unlink(missing_ok=True)
            link.symlink_to(self.roots.dev / name)
        return self.roots.dev / name

    def acm(self, name: str, target: str | Path, stick: Path, interface: int = 0) -> Path:
        """A serial port in the form of cdc_acm: the interface itself is the device."""
        place = stick / f"{stick.name}:1.{interface}"
        self._write(place, bInterfaceNumber=f"{interface:02x}", bInterfaceProtocol="01")
        self._driver(place, "cdc_acm")
        self._show(name, place, target)
        return self.roots.dev / name

    def uart(self, name: str, target: str | Path, kind: int = 4) -> Path:
        """A serial port on the board; kind 0 has no UART."""
        device = self.roots.sys / "devices/platform/serial8250" / name
        device.mkdir(parents=True)
        self._show(name, device, target)
        self._write(device / "tty" / name, type=str(kind))
        return self.roots.dev / name

    def unplug(self, location: str) -> None:
        """Unplug a USB device with all of its serial ports."""
        folder = self.roots.sys / _PCI / location
        for entry in list((self.roots.sys / "class/tty").iterdir()):
            if entry.resolve().is_relative_to(folder.resolve()):
                (self.roots.dev / entry.name).unlink()
                entry.unlink()
        shutil.rmtree(folder)

    def process(self, pid: int, program: str, *opened: str | Path) -> None:
        """A process that has devices open."""
        folder = self.roots.proc / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(f"{program}\n")
        for number, path in enumerate(opened, 3):
            (folder / "fd" / str(number)).symlink_to(os.path.realpath(path))

    def _show(self, name: str, device: Path, target: str | Path) -> None:
        entry = device / "tty" / name
        entry.mkdir(parents=True)
        (entry / "device").symlink_to(device)
        (self.roots.sys / "class/tty" / name).symlink_to(entry)
        (self.roots.dev / name).symlink_to(target)

    def _driver(self, place: Path, driver: str) -> None:
        folder = self.roots.sys / "bus/drivers" / driver
        folder.mkdir(parents=True, exist_ok=True)
        if not (place / "driver").exists():
            (place / "driver").symlink_to(folder)

    def _write(self, folder: Path, **attributes: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in attributes.items():
            (folder / name).write_text(f"{value}\n")
