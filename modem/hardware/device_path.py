"""Finds the path of a configured `device`, and the stable name of a serial device."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import Final

from config.language.text import Text
from modem.hardware.sysfs import MACHINE, Roots, Tty, Usb, ttys

USB: Final = "usb:"
_GLOB: Final = frozenset("*?[")

# Links that udev makes, the best first: by-path names the socket, and a port is a place. by-id has one link for all
# modems with the same serial number, which cheap ones share.
_LINKS: Final = ("serial/by-path", "serial/by-id")


class DeviceUnavailableError(Exception):
    """The device cannot be opened now; the message gives the reason and the remedy."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing  # the device is absent, and may be plugged in later


def find_device(device: str, roots: Roots = MACHINE) -> str:
    """The present path of `device`: a path, a glob with one match, or `usb:<serial or location>[:interface]`.

    A modem that was plugged in again has another number, so call this before each opening. A plain path is returned
    whether it exists or not. Raises DeviceUnavailableError.
    """
    if device.startswith(USB):
        return _on_usb(device, ttys(roots))
    if _GLOB.intersection(device) and not os.path.lexists(device):
        return _matching(device)
    return device


def stable_name(tty: Tty, all_ttys: Sequence[Tty], roots: Roots = MACHINE) -> str:
    """A name for `device` in the configuration that still works after the modem was plugged in again; else its path."""
    siblings = [each for each in all_ttys if each.usb is not None and _place(each) == _place(tty)]
    if len(siblings) > 1:
        return tty.path  # only their order distinguishes them
    for folder in _LINKS:
        links = sorted((roots.dev / folder).glob("*"))
        for link in links:
            if os.path.realpath(link) == os.path.realpath(tty.path):
                return str(link)
        if tty.usb is not None:
            name = f"{USB}{tty.usb.location}" + ("" if tty.interface is None else f":{tty.interface}")
            if _is(name, tty, all_ttys):
                return name
    return tty.path


def _place(tty: Tty) -> tuple[Usb | None, int | None, int | None]:
    return (tty.usb, tty.interface, tty.outlet)


def _is(name: str, tty: Tty, all_ttys: Sequence[Tty]) -> bool:
    try:
        return _on_usb(name, all_ttys) == tty.path
    except DeviceUnavailableError:
        return False


def _matching(pattern: str) -> str:
    """The one device that a pattern matches; several links to the same device count as one."""
    paths = {os.path.realpath(path): path for path in sorted(glob.glob(pattern)) if os.path.exists(path)}
    if not paths:
        raise DeviceUnavailableError(
            Text("Nothing matches {pattern}: is the modem plugged in and powered?", pattern=pattern),
            missing=True,
        )
    if len(paths) > 1:
        raise DeviceUnavailableError(
            Text(
                "{pattern} matches several devices ({names}): make it match one alone.",
                pattern=pattern,
                names=", ".join(sorted(paths.values())),
            )
        )
    [path] = paths.values()
    return path


def _on_usb(device: str, all_ttys: Sequence[Tty]) -> str:
    wanted, interface = _split_name(device.removeprefix(USB), all_ttys)
    on_stick = [(tty.usb, tty) for tty in all_ttys if tty.usb is not None and _has_name(tty.usb, wanted)]
    if not on_stick:
        raise DeviceUnavailableError(
            Text(
                "There is no USB device {wanted} with a serial port: is it plugged in and powered?",
                wanted=wanted,
            ),
            missing=True,
        )
    sticks = sorted({usb.location for usb, _ in on_stick})
    if len(sticks) > 1:
        raise DeviceUnavailableError(
            Text(
                "Several USB devices have the serial number {wanted}: name the one by its location ({names}).",
                wanted=wanted,
                names=", ".join(USB + stick for stick in sticks),
            )
        )
    found = [tty for _, tty in on_stick if interface is None or tty.interface == interface]
    if not found:
        # The interfaces of a modem appear one after the other.
        raise DeviceUnavailableError(
            Text("The USB device {wanted} has no interface {interface}.", wanted=wanted, interface=interface),
            missing=True,
        )
    if len(found) == 1:
        return found[0].path
    told = ", ".join(f"{tty.interface} is {tty.path}" for tty in found)
    if interface is None and len({tty.interface for tty in found}) == len(found):
        raise DeviceUnavailableError(
            Text(
                "The USB device {wanted} has several serial ports: add the interface, as in {device}:{interface} ({told}); `gatewayd ports` shows which of them takes messages.",
                wanted=wanted,
                device=device,
                interface=found[-1].interface,
                told=told,
            )
        )
    raise DeviceUnavailableError(
        Text(
            "One interface of the USB device {wanted} has several serial ports ({told}): name the one by its path.",
            wanted=wanted,
            told=told,
        )
    )


def _split_name(name: str, all_ttys: Sequence[Tty]) -> tuple[str, int | None]:
    """Serial number or location, and interface. A serial number may contain colons."""
    stick, colon, last = name.rpartition(":")
    called_so = any(tty.usb is not None and _has_name(tty.usb, name) for tty in all_ttys)
    if called_so or not colon or not (last.isascii() and last.isdigit()):
        return name, None
    return stick, int(last)


def _has_name(usb: Usb, name: str) -> bool:
    return bool(name) and name in (usb.location, usb.serial)
